//! Everything that looks at Mailward from outside a room, in one binary.

mod policy_window;
mod rooms;
mod store;
mod store_file;
