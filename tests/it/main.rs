//! The one integration binary: tests that need a running Mailward, real servers or a real browser, and tests of rules
//! that the repository's text can show.

mod config;
mod php_differential;
mod php_fpm;
mod webmail;
