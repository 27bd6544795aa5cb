//! A catalogue made ready to run: compiled rules, numbered slots, tables of what reads what.

mod estimators;
mod in_mask;
mod set;

pub use self::estimators::EstimatorSet;
pub use self::in_mask::InMask;
pub use self::set::{Rule, RuleSet, RuleSetError};
