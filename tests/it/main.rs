//! The one integration-test binary: everything that looks at the program from outside a room.

mod cli;
mod config;
