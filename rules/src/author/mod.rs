//! What people who write rules are given: explanations, examples, trials, references, differences between
//! sets, and the proof that a change takes no urgent warning away.

pub mod example;
pub mod explain;
pub mod reference;
pub mod rule_change;
pub mod safety;
pub mod schema;
pub mod trial;
