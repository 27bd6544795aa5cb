//! The pure core of premend: what a vehicle said in, what to do about it out.
//!
//! `settle` brings messages into the vehicle's own order, `fold` updates its state in constant
//! time, `evaluate` runs the rules that the step touched, `decide` joins findings to cases and
//! `respond` plans orders and notices. Everything is decided from arguments; nothing is read from
//! a clock, a file or a socket.

pub mod apply;
pub mod campaign;
pub mod case;
pub mod catalogue;
pub mod command;
pub mod component;
pub mod decide;
pub mod doubt;
pub mod effect;
pub mod estimate;
pub mod evaluate;
pub mod evidence;
pub mod example;
pub mod explain;
pub mod expr;
pub mod fault_code;
pub mod figure;
pub mod finding;
pub mod known;
pub mod learned;
pub mod list;
pub mod model;
pub mod operation;
pub mod peek;
pub mod phrase;
pub mod plan;
pub mod profile;
pub mod reading;
pub mod recipe;
pub mod reference;
pub mod respond;
pub mod rule;
pub mod rule_change;
pub mod rule_mask;
pub mod rule_set;
pub mod safety;
pub mod schema;
pub mod severity;
pub mod shelf;
pub mod signal;
pub mod sparse;
pub mod state;
pub mod stop_now;
pub mod template;
pub mod text;
pub mod time;
pub mod trial;
pub mod unit;
pub mod variable;
pub mod vehicle;
pub mod watches;
pub mod window;
