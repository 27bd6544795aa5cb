//! The rule language: parsed with CEL's grammar, checked for types and units, compiled to a flat
//! program over a vehicle's slots, run in three-valued logic.

mod view;

pub use view::{FaultCycle, FaultPhase, ItemState, Last, View};
