//! The store: one file per table group, functions that take a connection.

pub mod session;
