//! The rule language: expressions, and the signals that code refers to by name.

pub mod expr;
