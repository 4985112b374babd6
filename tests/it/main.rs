mod php_differential;
mod php_fpm;
mod webmail;

fn main() {}
