//! Mailward: an HTTPS front door for an unmodified webmail.
//!
//! A request flows one way: [`edge`] → [`gateway`] → ([`policy`]) → [`upstream`] → [`gateway`] → [`edge`].
//! Deciding ([`policy`], [`domain`]) is pure; doing is outside. `ARCHITECTURE.md` draws the map and names the invariants.

pub mod admin;
pub mod alert;
pub mod app;
pub mod challenge;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod doors;
pub mod edge;
pub mod gateway;
pub mod hook;
pub mod intel;
pub mod mail;
pub mod openid;
pub mod policy;
pub mod reputation;
pub mod scan;
pub mod simulate;
pub mod store;
pub mod telemetry;
pub mod upstream;
pub mod webmail;
