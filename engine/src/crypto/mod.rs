//! Secrets of people: the keys of personal columns, and passwords.

pub mod password;
pub mod person_keys;
