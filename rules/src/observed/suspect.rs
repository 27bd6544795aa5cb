//! Readings that cannot be true by what was known before, and what they would replace.

use serde::{Deserialize, Serialize};

use crate::observed::last::Last;
use crate::unit::Time;
use crate::vehicle::Slot;

/// A reading that cannot be true by what was known before, until the next ones agree with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suspect {
    pub slot: Slot,
    /// Readings before it that said the same.
    pub agreeing: u8,
    pub value: f64,
    pub at: Time,
    /// The one of them that came just before; `NEVER` without one.
    pub before: Last,
}

/// The value of a signal before its last one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Former {
    pub slot: Slot,
    pub last: Last,
}

impl Suspect {
    /// One that nothing speaks for yet.
    pub const fn new(slot: Slot, value: f64, at: Time) -> Self {
        Self { slot, agreeing: 0, value, at, before: Last::NEVER }
    }

    pub const fn last(self) -> Last {
        Last { value: self.value, at: self.at }
    }
}
