//! Ways to reach other systems.

mod outcome;

pub use self::outcome::{Outcome, Pending};
