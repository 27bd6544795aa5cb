//! What was: the journal of inputs, the archive made of it, and the states that both give back.

pub mod archive;
pub mod explanation;
pub mod gates;
pub mod journal;
pub mod tombstone;
