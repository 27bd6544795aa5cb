//! The rule language: parsed with CEL's grammar, checked for types and units, compiled to a flat
//! program over a vehicle's slots, run in three-valued logic.
//!
//! [`compile`] is the only way in, [`run`] the only way through; [`next_change`] says when silence
//! could matter, [`trace`] takes a verdict apart. What functions do when readings are missing, far
//! apart or late stands in one table, [`FUNCTIONS`].

mod cell;
mod check;
mod compile;
mod due;
mod error;
mod fold;
mod function;
mod memory;
mod nearest;
mod parse;
mod probe;
mod program;
mod run;
mod scan;
mod trace;
mod tree;
mod tri;
mod view;

pub use cell::Cell;
pub use compile::{Context, compile, compile_held};
pub use due::next_change;
pub use error::ExprError;
pub use function::{Behaviour, FUNCTIONS, Function};
pub use program::Program;
pub use run::run;
pub use trace::{State, Step, Value, trace};
pub use tri::Tri;
pub use view::View;

#[cfg(test)]
mod tests;
