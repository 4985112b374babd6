//! What Mailward asks of and shows to a person: the device cookie, and its own pages under [`OWN_PREFIX`].
//!
//! It knows nothing of products, limits or connections.

pub mod asking;
pub mod brand;
pub mod device;
pub mod enrolled;
pub mod factors;
pub mod pages;
pub mod words;

/// Everything below this path is Mailward's own and never reaches a webmail.
pub const OWN_PREFIX: &str = "/.mailward/";
