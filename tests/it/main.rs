//! The one integration binary: tests that need a running Mailward, real servers or a real browser, and tests of rules
//! that the repository's text can show.

mod browser;
mod browser_challenge;
mod browser_desk;
mod browser_headers;
mod browser_roundcube;
mod campaigns;
mod cli;
mod cli_learn;
mod config;
mod control;
mod deploy;
mod deploy_try;
mod fallback;
mod framing;
mod fuzz;
mod holes;
mod php_differential;
mod php_fpm;
mod policy_attacks;
mod policy_window;
mod real_alerts;
mod real_campaigns;
mod real_doors;
mod real_gateway;
mod real_limits;
mod real_moves;
mod real_scanners;
mod rooms;
mod scripted;
mod soak;
mod stack;
mod store;
mod store_file;
mod store_redis;
mod webmail;
