//! Everything that looks at Mailward from outside a room, in one binary.

mod store;
mod store_file;
