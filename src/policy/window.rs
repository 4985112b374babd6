//! Exact sliding windows.
