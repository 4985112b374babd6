//! What a sign-in may do.
