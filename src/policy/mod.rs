//! Deciding: facts in, verdict out. Pure: no socket, no store, no clock, no randomness.
//!
//! What happens when the store is away, a device is known or a limit is met is decided here and nowhere else, from
//! plain facts, so every such case is a unit test. The gateway gathers the facts and carries the decision out.

pub mod limits;
pub mod permit;
pub mod send;
pub mod sign_in;
pub mod window;

pub use permit::Permit;
