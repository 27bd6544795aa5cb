//! A catalogue made ready to run: compiled rules, numbered slots, tables of what reads what.

mod estimators;
mod in_mask;
mod rule;
mod set;

pub use self::estimators::EstimatorSet;
pub use self::in_mask::InMask;
pub use self::rule::Rule;
pub use self::set::{RuleSet, RuleSetError};
