//! What windows a rule set asks for: each signal and extent once, with the sums its statistics need.

use serde::{Deserialize, Serialize};

use crate::unit::Span;
use crate::vehicle::Slot;

/// Most readings of a window that counts readings.
pub const MOST_READINGS: u16 = 32;

/// What a window extends over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Extent {
    Time(Span),
    Readings(u16),
    /// From one believed value to the next: what waited for a witness is part of the step.
    Step,
    /// Since the trip began; the last trip's until the next one begins.
    Trip,
    Charge,
    /// Since readings came without a gap longer than this.
    Session(Span),
}

/// What can be asked of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stat {
    Avg,
    Min,
    Max,
    Sum,
    Count,
    /// Change from the first to the last reading, per second between them.
    Rate,
    Stddev,
    /// Least squares, per second.
    Slope,
    First,
    Last,
    /// Change from the reading before.
    Delta,
    /// Whether this step brought a reading that differs from the one before.
    Changed,
}

/// Sums that buckets keep, as bits; a bucket holds those that are asked for, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts(u16);

impl Parts {
    pub(super) const COUNT: Self = Self(1);
    pub(super) const SUM: Self = Self(2);
    pub(super) const SQUARES: Self = Self(4);
    pub(super) const MIN: Self = Self(8);
    pub(super) const MAX: Self = Self(16);
    pub(super) const FIRST: Self = Self(32);
    /// Seconds of the first reading after the start of its bucket.
    pub(super) const FIRST_AT: Self = Self(64);
    /// Sums of seconds after the start of the bucket, of their squares, and of seconds times value.
    pub(super) const TIMES: Self = Self(128);
    pub(super) const TIME_SQUARES: Self = Self(256);
    pub(super) const PRODUCTS: Self = Self(512);

    pub const fn of(stat: Stat) -> Self {
        let more = match stat {
            Stat::Avg | Stat::Sum => Self::SUM.0,
            Stat::Min => Self::MIN.0,
            Stat::Max => Self::MAX.0,
            Stat::Stddev => Self::SUM.0 | Self::SQUARES.0,
            Stat::Rate => Self::FIRST.0 | Self::FIRST_AT.0,
            Stat::Slope => Self::SUM.0 | Self::TIMES.0 | Self::TIME_SQUARES.0 | Self::PRODUCTS.0,
            Stat::First => Self::FIRST.0,
            Stat::Count | Stat::Last | Stat::Delta | Stat::Changed => 0,
        };
        Self(Self::COUNT.0 | more)
    }

    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Where a part lies in a bucket, if it is kept.
    pub(super) const fn place(self, part: Self) -> Option<usize> {
        if self.0 & part.0 == 0 { None } else { Some((self.0 & (part.0 - 1)).count_ones() as usize) }
    }
}

/// A window that some rule of a set asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSpec {
    pub slot: Slot,
    pub extent: Extent,
    pub parts: Parts,
    pub max_gap: Span,
}

/// The windows of a rule set: each signal and extent once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowSpecs(Vec<WindowSpec>);

impl WindowSpecs {
    /// The number of the window, made or widened to answer `stat` as well.
    pub fn ask_for(&mut self, slot: Slot, extent: Extent, stat: Stat, max_gap: Span) -> u16 {
        let known = self.0.iter().position(|spec| spec.slot == slot && spec.extent == extent);
        let index = known.unwrap_or_else(|| {
            self.0.push(WindowSpec { slot, extent, parts: Parts::COUNT, max_gap });
            self.0.len() - 1
        });
        self.0[index].parts = self.0[index].parts.with(Parts::of(stat));
        index as u16
    }

    pub fn get(&self, number: u16) -> Option<&WindowSpec> {
        self.0.get(usize::from(number))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (usize, &WindowSpec)> {
        self.0.iter().enumerate()
    }
}
