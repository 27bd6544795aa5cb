//! People at the console: log-in, gate, accounts, inbox.

pub mod gate;
pub mod inbox;
pub mod login;
pub mod people;
