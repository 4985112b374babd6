mod php_differential;
mod php_fpm;

fn main() {}
