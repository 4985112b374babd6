//! The store that needs nothing installed.
