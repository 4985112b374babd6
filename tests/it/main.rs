//! Everything that looks at Mailward from outside a room, in one binary.

mod rooms;
mod store;
mod store_file;
