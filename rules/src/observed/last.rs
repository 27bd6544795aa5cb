//! The last folded value of a slot.

use serde::{Deserialize, Serialize};

use crate::unit::Time;

/// The last folded value of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Last {
    pub value: f64,
    /// `Time::NEVER` as long as nothing was measured.
    pub at: Time,
}

impl Last {
    pub const NEVER: Self = Self { value: f64::NAN, at: Time::NEVER };
}
