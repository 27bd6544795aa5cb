//! When something was done last, in four bytes.

use serde::{Deserialize, Serialize};

use crate::unit::{Span, Time};

/// Four fifths of a day: once a day, however its hour moves.
pub const DAILY: Span = Span::from_secs(69_120);

/// The last instant at which something was done, to the second: in half of the bytes, and what asks for it minds no less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp(u32);

impl Stamp {
    pub fn at(at: Time) -> Self {
        Self(at.micros().div_euclid(1_000_000).clamp(1, i64::from(u32::MAX)) as u32)
    }

    /// Moves it by a step of the clock.
    pub fn move_by(&mut self, by: Span) {
        if self.is_set() {
            *self = Self::at(Time::from_secs(i64::from(self.0)).stepped(by));
        }
    }

    /// Whether it was ever done.
    pub const fn is_set(self) -> bool {
        self.0 != 0
    }

    /// Whether so long has passed since, or it was never done.
    pub fn is_over(self, at: Time, span: Span) -> bool {
        !self.is_set() || self.until(at) >= span
    }

    /// The time since; none the first time.
    pub fn until(self, at: Time) -> Span {
        if self.is_set() { Span::from_secs(i64::from(Self::at(at).0.saturating_sub(self.0))) } else { Span::ZERO }
    }

    /// The time since, and starts over from now.
    pub fn pass(&mut self, at: Time) -> Span {
        let since = self.until(at);
        *self = Self::at(at);
        since
    }
}
