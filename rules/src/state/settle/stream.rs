//! One numbering of a vehicle: which numbers have been dealt with, and whose turn is next.

use serde::{Deserialize, Serialize};

use super::taken::{Mark, Recognition, Taken};
use crate::compact::List;
use crate::unit::{Span, Time};
use crate::vehicle::Sequence;

/// 2015 and 2100 in seconds since 1970: a clock shows something between.
const CLOCK: std::ops::Range<u64> = 1_420_070_400..4_102_444_800;
/// Whole seconds may be a plain number as well, unless they are about now.
const ABOUT_NOW: Span = Span::from_days(2);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    pub id: u64,
    /// S: every number up to here has been dealt with.
    pub covered: u64,
    /// Ranges of numbers above `covered` that have been dealt with; sorted, apart.
    ahead: List<(u64, u64)>,
    /// Newest number whose turn has come.
    pub settled: u64,
    /// Until when numbers below the first one may come; `NEVER` once that is over.
    pub opening: Time,
    /// The numbers are times: what lies between two of them is no gap.
    pub is_clock: bool,
    pub taken: Taken,
}

impl Stream {
    /// The first S is `oldest` - 1, else the number before the lowest one heard.
    pub fn starting_at(sequence: Sequence, received_at: Time) -> Self {
        let first = sequence.oldest.unwrap_or(sequence.seq).min(sequence.seq);
        Self::after(sequence.stream, first.saturating_sub(1), is_clock(sequence.seq, received_at))
    }

    fn after(id: u64, covered: u64, is_clock: bool) -> Self {
        let taken = Taken::default();
        Self { id, covered, ahead: List::new(), settled: covered, opening: Time::NEVER, is_clock, taken }
    }

    /// One whose first message does not say where it begins: lower numbers may be on their way until then.
    pub fn opening_until(sequence: Sequence, received_at: Time, until: Time) -> Self {
        Self { opening: until, ..Self::after(sequence.stream, 0, is_clock(sequence.seq, received_at)) }
    }

    pub fn is_opening(&self) -> bool {
        self.opening != Time::NEVER
    }

    /// Lowest number heard while it opens.
    pub fn lowest(&self) -> u64 {
        self.ahead.first().map_or(u64::MAX, |&(from, _)| from)
    }

    /// Nothing lower is waited for: `oldest`, if the vehicle named it, or the lowest number heard is the first one.
    pub fn open(&mut self, oldest: Option<u64>) {
        self.opening = Time::NEVER;
        let highest = self.ahead.last().map_or(0, |&(_, to)| to);
        if oldest.is_some() || highest > 0 {
            self.covered = oldest.unwrap_or(u64::MAX).min(self.lowest()).saturating_sub(1);
        }
        self.settled = self.covered;
        if self.is_clock && highest > 0 {
            self.covered = highest;
            self.ahead.clear();
        }
        self.absorb();
    }

    pub fn knows(&self, seq: u64) -> bool {
        seq <= self.covered || self.ahead.iter().any(|&(from, to)| (from..=to).contains(&seq))
    }

    /// What a known number says of a message. Numbers that are times say nothing by their place.
    pub fn recognise(&self, mark: &Mark) -> Recognition {
        match self.taken.recognise(mark) {
            Recognition::Repeat if self.is_clock && !self.taken.has_content(mark) => Recognition::Unclear,
            recognition => recognition,
        }
    }

    /// Whether any number above the covered ones may come next.
    pub fn reaches_far(&self) -> bool {
        self.is_clock || self.is_opening()
    }

    /// Whether everything between the newest settled number and `seq` has been dealt with.
    pub fn next_is(&self, seq: u64) -> bool {
        let (first, last) = (self.settled.saturating_add(1), seq.saturating_sub(1));
        let passed = |&(from, to): &(u64, u64)| from <= first && last <= to;
        self.is_clock || last < first || last <= self.covered || self.ahead.iter().any(passed)
    }

    pub fn cover(&mut self, seq: u64) {
        if self.knows(seq) {
            return;
        }
        if self.is_clock && !self.is_opening() {
            self.covered = seq;
            return;
        }
        if self.covered.checked_add(1) == Some(seq) && !self.is_opening() {
            self.covered = seq;
            self.absorb();
            return;
        }
        let place = self.ahead.partition_point(|&(from, _)| from < seq);
        self.ahead.insert(place, (seq, seq));
        if place + 1 < self.ahead.len() && self.ahead[place + 1].0 == seq.saturating_add(1) {
            self.ahead[place].1 = self.ahead[place + 1].1;
            self.ahead.remove(place + 1);
        }
        if place > 0 && self.ahead[place - 1].1 + 1 == seq {
            self.ahead[place - 1].1 = self.ahead[place].1;
            self.ahead.remove(place);
        }
        self.absorb();
    }

    /// Numbers below `oldest` are lost by definition.
    pub fn forget_below(&mut self, oldest: Option<u64>) {
        let Some(oldest) = oldest else { return };
        let floor = oldest.saturating_sub(1);
        if self.is_opening() {
            self.open(Some(oldest));
        }
        if floor <= self.covered {
            return;
        }
        self.covered = floor;
        self.ahead.retain(|&(_, to)| to > floor);
        if let Some(first) = self.ahead.first_mut() {
            first.0 = first.0.max(floor + 1);
        }
        self.absorb();
    }

    fn absorb(&mut self) {
        if self.is_opening() {
            return;
        }
        while self.ahead.first().is_some_and(|&(from, _)| from <= self.covered.saturating_add(1)) {
            self.covered = self.covered.max(self.ahead.remove(0).1);
        }
    }
}

/// Whether a number is a time since 1970, in seconds, milliseconds or microseconds.
fn is_clock(seq: u64, received_at: Time) -> bool {
    let about_now = || {
        let at = Time::from_secs(seq.try_into().unwrap_or(i64::MAX / 1_000_000));
        received_at.since(at).micros().abs() <= ABOUT_NOW.micros()
    };
    CLOCK.contains(&(seq / 1_000)) || CLOCK.contains(&(seq / 1_000_000)) || (CLOCK.contains(&seq) && about_now())
}
