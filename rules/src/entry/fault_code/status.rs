//! The status byte that an ECU reports with each code, ISO 14229-1, by the names of its bits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The eight status bits of one fault code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UdsStatus(pub u8);

/// How workshop tools show a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shown {
    /// Failing now.
    Active,
    /// Failed in this or the previous cycle, not matured.
    Pending,
    /// Matured once, not failing now.
    Stored,
}

impl UdsStatus {
    /// Failing in the latest test.
    pub const fn test_failed(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// Failed at least once in this operation cycle.
    pub const fn test_failed_this_cycle(self) -> bool {
        self.0 & 0x02 != 0
    }

    /// Failed in this or the previous completed cycle.
    pub const fn pending(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// Matured and stored.
    pub const fn confirmed(self) -> bool {
        self.0 & 0x08 != 0
    }

    /// Nothing is known since the codes were cleared: not healthy, unknown.
    pub const fn test_not_completed_since_last_clear(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Failed at some time since the codes were cleared.
    pub const fn test_failed_since_last_clear(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// The test has not run yet in this cycle.
    pub const fn test_not_completed_this_cycle(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// The ECU asks for the lamp.
    pub const fn warning_indicator_requested(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// The display rule of workshop tools, DOMAIN 2.2; `None`: nothing to show, which is not "healthy".
    pub const fn shown(self) -> Option<Shown> {
        if self.test_failed() {
            Some(Shown::Active)
        } else if self.pending() && !self.test_not_completed_since_last_clear() {
            Some(Shown::Pending)
        } else if self.confirmed() {
            Some(Shown::Stored)
        } else {
            None
        }
    }

    /// Failing or about to mature, but not matured.
    pub const fn pending_only(self) -> bool {
        !self.confirmed() && (self.pending() || self.test_failed())
    }

    /// Matured, but neither failing nor failed lately.
    pub const fn stored_only(self) -> bool {
        self.confirmed() && !self.test_failed()
    }
}

impl fmt::Debug for UdsStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_typical_bytes() {
        for (byte, shown) in [
            (0x2f, Some(Shown::Active)),
            (0x24, Some(Shown::Pending)),
            (0x28, Some(Shown::Stored)),
            (0x08, Some(Shown::Stored)),
            (0x50, None),
            (0x00, None),
            (0x14, None),
        ] {
            assert_eq!(UdsStatus(byte).shown(), shown, "{byte:#04x}");
        }
    }

    #[test]
    fn cleared_and_not_run_is_unknown() {
        assert!(UdsStatus(0x50).test_not_completed_since_last_clear());
        assert!(!UdsStatus(0x2f).test_not_completed_since_last_clear());
    }
}
