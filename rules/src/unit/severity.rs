//! How urgent something is: four steps, worst first.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::unit::Span;

/// Severity; `S1 < S2`, so that `min` is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// Stop now (立即停车).
    S1 = 1,
    /// Soon, within 3 days (尽快检修).
    S2 = 2,
    /// At the next service, within 30 days (随下次保养).
    S3 = 3,
    /// Information only (仅提示).
    S4 = 4,
}

impl Severity {
    pub const ALL: [Self; 4] = [Self::S1, Self::S2, Self::S3, Self::S4];

    pub const fn number(self) -> u8 {
        self as u8
    }

    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.number() == number)
    }

    /// Within what time it should be looked at; an order is due then, and messages name it.
    pub const fn time_limit(self) -> Span {
        match self {
            Self::S1 => Span::ZERO,
            Self::S2 => Span::from_days(3),
            Self::S3 | Self::S4 => Span::from_days(30),
        }
    }

    /// One step more urgent; S1 stays.
    pub fn worse(self) -> Self {
        Self::from_number(self.number() - 1).unwrap_or(Self::S1)
    }

    /// One step less urgent; S4 stays.
    pub fn milder(self) -> Self {
        Self::from_number(self.number() + 1).unwrap_or(Self::S4)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S{}", self.number())
    }
}
