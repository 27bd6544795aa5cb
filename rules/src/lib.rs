//! The pure core of premend: what a vehicle said in, what to do about it out.
//!
//! `settle` brings messages into the vehicle's own order, `fold` updates its state in constant
//! time, `evaluate` runs the rules that the step touched, `decide` joins findings to cases and
//! `respond` plans orders and notices. Everything is decided from arguments; nothing is read from
//! a clock, a file or a socket.
//!
//! The folders are floors, top first; each imports only those below it (`tests/architecture.rs`).

pub mod author;
pub mod stage;

pub mod state;

pub mod rule_set;

pub mod catalogue;

pub mod estimate;

pub mod language;

pub mod learned;

pub mod case;
pub mod observed;

pub mod entry;

pub mod compact;

pub mod vehicle;

pub mod unit;

pub mod campaign;
