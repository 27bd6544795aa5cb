//! A catalogue made ready to run: compiled rules, numbered slots, tables of what reads what.

mod estimators;
mod set;

pub use self::estimators::EstimatorSet;
pub use self::set::{Rule, RuleSet, RuleSetError};
