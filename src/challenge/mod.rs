//! What Mailward asks of and shows to a person: the device cookie, and its own pages under [`OWN_PREFIX`].
//!
//! It knows nothing of products, limits or connections.

pub mod device;
pub mod pages;

/// Everything below this path is Mailward's own and never reaches a webmail.
pub const OWN_PREFIX: &str = "/.mailward/";
