//! What is remembered of the messages taken under one numbering: enough to tell a repeat from a number used again.
//!
//! A number that is known is no proof that its message is: a unit that lost its counter numbers from 1 again, and
//! what is dropped as known would be lost although the vehicle hears that it is committed. So the newest numbers keep
//! a hash of their content, and all numbers, in four ranges, the times at which their messages were measured. A repeat
//! always agrees with both; times are compared as the vehicle told them, so that no correction of its clock matters.

use serde::{Deserialize, Serialize};

use crate::unit::Time;
use crate::vehicle::Message;

/// Newest numbers whose content is known.
const NEWEST: usize = 16;
/// Ranges of numbers whose times are known.
const RANGES: usize = 4;

/// What a message is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub number: u64,
    /// Never 0, which stands for nothing.
    hash: u32,
    /// When its newest sample was measured; none for a message without samples.
    pub at: Option<Time>,
}

impl Mark {
    pub fn of(message: &Message, number: u64) -> Self {
        let at = message.samples.iter().map(|sample| sample.measured_at).max();
        Self { number, hash: (message.hash ^ message.hash >> 32) as u32 | 1, at }
    }
}

/// What a known number says of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognition {
    /// It was taken already.
    Repeat,
    /// The number was used for something else.
    Reused,
    /// It is not what was taken, but may have been under way for long.
    Unclear,
}

/// Numbers, contents and times of one numbering.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Highest number, 0 before the first.
    top: u64,
    /// By number modulo their count, of the numbers up to `top`; 0 where none was taken.
    hashes: [u32; NEWEST],
    /// Of the numbers `(first + place) << width` and on; empty ones end before they begin.
    ranges: [Range; RANGES],
    first: u64,
    width: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Range {
    from: Time,
    to: Time,
}

impl Default for Range {
    fn default() -> Self {
        Self { from: Time::from_micros(i64::MAX), to: Time::NEVER }
    }
}

impl Range {
    fn widen(&mut self, other: Self) {
        (self.from, self.to) = (self.from.min(other.from), self.to.max(other.to));
    }
}

impl Taken {
    /// Remembers a message.
    pub fn record(&mut self, mark: &Mark) {
        if mark.number > self.top {
            // What lies between was not taken.
            let skipped = (mark.number - self.top).min(NEWEST as u64);
            (0..skipped).for_each(|back| self.hashes[place(mark.number - back)] = 0);
            self.top = mark.number;
        }
        if self.top - mark.number < NEWEST as u64 {
            self.hashes[place(mark.number)] = mark.hash;
        }
        if let Some(at) = mark.at {
            self.make_room(mark.number);
            if let Some(range) = self.range_of(mark.number).and_then(|place| self.ranges.get_mut(place)) {
                range.widen(Range { from: at, to: at });
            }
        }
    }

    /// Whether the content under this number is known, and this one.
    pub fn has_content(&self, mark: &Mark) -> bool {
        self.hashes.contains(&mark.hash)
    }

    /// What a message is whose number is known.
    pub fn recognise(&self, mark: &Mark) -> Recognition {
        if self.top >= mark.number && self.top - mark.number < NEWEST as u64 {
            match self.hashes[place(mark.number)] {
                0 => {}
                hash if hash == mark.hash => return Recognition::Repeat,
                _ => return Recognition::Reused,
            }
        }
        let Some(at) = mark.at else { return Recognition::Repeat };
        if at > self.newest() {
            return Recognition::Reused;
        }
        let range = self.range_of(mark.number).map(|place| self.ranges[place]).unwrap_or_default();
        if range.from <= at && at <= range.to { Recognition::Repeat } else { Recognition::Unclear }
    }

    /// Forgets contents, not times: the same message may read otherwise from now on.
    pub fn forget_contents(&mut self) {
        self.hashes = [0; NEWEST];
    }

    fn newest(&self) -> Time {
        self.ranges.iter().map(|range| range.to).max().unwrap_or(Time::NEVER)
    }

    fn range_of(&self, number: u64) -> Option<usize> {
        let place = (number >> self.width).checked_sub(self.first)?;
        usize::try_from(place).ok().filter(|place| *place < RANGES)
    }

    /// Moves and widens the ranges until one has room for the number.
    fn make_room(&mut self, number: u64) {
        while self.range_of(number).is_none() {
            let wanted = number >> self.width;
            let used = self.ranges.map(|range| range != Range::default());
            let place_of = |place: Option<usize>| place.map_or(wanted, |place| self.first + place as u64);
            let low = wanted.min(place_of(used.iter().position(|used| *used)));
            let high = wanted.max(place_of(used.iter().rposition(|used| *used)));
            if high - low < RANGES as u64 {
                self.move_to(low, self.width);
            } else {
                self.move_to(self.first >> 1, self.width + 1);
            }
        }
    }

    /// Begins the ranges with `first` of the width; all that is remembered has to have a place there.
    fn move_to(&mut self, first: u64, width: u8) {
        let before = std::mem::take(&mut self.ranges);
        for (place, range) in (self.first..).zip(before) {
            let now = (place >> (width - self.width)).checked_sub(first).and_then(|place| usize::try_from(place).ok());
            if let Some(kept) = now.and_then(|place| self.ranges.get_mut(place)) {
                kept.widen(range);
            }
        }
        (self.first, self.width) = (first, width);
    }
}

const fn place(number: u64) -> usize {
    (number % NEWEST as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn mark(number: u64, content: u32, secs: i64) -> Mark {
        Mark { number, hash: content | 1, at: Some(Time::from_secs(secs)) }
    }

    proptest! {
        /// Whatever was taken, in whatever order and with whatever times, is known again.
        #[test]
        fn a_repeat_is_always_a_repeat(
            taken in prop::collection::vec((prop_oneof![0..400_u64, any::<u64>()], any::<u32>(), any::<i32>()), 1..120)
        ) {
            let mut state = Taken::default();
            let mut model = BTreeMap::new();
            for (number, content, secs) in taken {
                let mark = mark(number, content, secs.into());
                if model.insert(number, mark).is_none() {
                    state.record(&mark);
                } else {
                    model.remove(&number);
                    break;
                }
            }
            for mark in model.values() {
                prop_assert_eq!(state.recognise(mark), Recognition::Repeat, "{:?}", mark);
            }
        }

        /// A unit that numbers from 1 again while time goes on is never taken for one that repeats.
        #[test]
        fn a_number_used_again_later_is_no_repeat(
            first in 1..5_000_u64, count in 1..3_000_u64, again in 0..3_000_u64, every in 1..600_i64, pause in 1..100_000_i64
        ) {
            let mut state = Taken::default();
            for number in first..first + count {
                state.record(&mark(number, number as u32 * 2, (number - first) as i64 * every));
            }
            let end = (count - 1) as i64 * every;
            let number = first + again % count;
            prop_assert_eq!(state.recognise(&mark(number, 7, end + pause)), Recognition::Reused);
            // Nor is one whose clock began again, before anything that was taken.
            prop_assert_ne!(state.recognise(&mark(number, 7, -pause)), Recognition::Repeat);
        }
    }

    #[test]
    fn another_content_of_a_new_number_is_no_repeat_whatever_its_time() {
        let mut state = Taken::default();
        (1..=100).for_each(|number| state.record(&mark(number, number as u32 * 2, number as i64)));
        assert_eq!(state.recognise(&mark(90, 180, 90)), Recognition::Repeat);
        assert_eq!(state.recognise(&mark(90, 182, 90)), Recognition::Reused);
        state.forget_contents();
        assert_eq!(state.recognise(&mark(90, 182, 90)), Recognition::Repeat, "the rules that read it are others");
    }

    #[test]
    fn numbers_that_were_not_taken_have_no_content() {
        let mut state = Taken::default();
        state.record(&mark(4, 8, 4));
        state.record(&mark(36, 72, 36));
        assert_eq!(state.recognise(&mark(20, 8, 20)), Recognition::Unclear, "4, 20 and 36 share a place");
    }

    #[test]
    fn stays_within_its_bytes() {
        assert!(size_of::<Taken>() <= 152, "{}", size_of::<Taken>());
    }
}
