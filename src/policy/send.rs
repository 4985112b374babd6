//! What a send may do.
