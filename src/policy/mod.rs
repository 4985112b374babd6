//! Deciding: facts in, verdict out. Pure: no socket, no store, no clock, no randomness.
//!
//! What happens when the store is away, a device is known or a limit is met is decided here and nowhere else, from
//! plain facts, so every such case is a unit test. The gateway gathers the facts and carries the decision out:
//!
//! 1. [`sign_in::charges`] or [`send::charges`] says what to charge, or decides at once that it is not worth charging;
//! 2. the store takes those charges in one step;
//! 3. [`sign_in::sign_in`] or [`send::send`] decides, and gives the [`Permit`];
//! 4. without a permit the charge, if one was taken, is given back; with one, [`limits::Settlement`] says what the
//!    webmail's answer makes of it.
//!
//! A sign-in that the webmail let through is judged once more by [`risk`]: [`signals`] over [`facts`], their sum, then the
//! operator's [`rule`]s. A message that may be sent is judged once more by what it says ([`content`]) and by who else
//! sent the like of it ([`campaign`]). What a session may
//! do beside sending, and whether it still is where it was, is in [`session`]; what a session in doubt does there, in
//! [`moves`]; what a second proof opens, in [`proof`]; how long a bad password may stay, in [`password`]; what a node lets through while a shared store is away, in [`share`].

pub mod campaign;
pub mod content;
pub mod decision;
pub mod facts;
pub mod limits;
pub mod moves;
pub mod password;
pub mod permit;
pub mod proof;
pub mod risk;
pub mod rule;
pub mod send;
pub mod session;
pub mod share;
pub mod sign_in;
pub mod signals;
pub mod theft;
pub mod window;

pub use decision::{Decision, Fact, Why, observe};
pub use permit::Permit;
