//! The last value of every signal, in the bytes that it needs: most of what a vehicle occupies.
//!
//! Nothing is rounded. A vehicle speaks of dozens of signals at once, so that a dozen instants name all of its times
//! by a byte; most values are flags, counts and halves that single precision holds exactly, and a signal that once
//! said something else has eight bytes from then on. Sixteen bytes per reading were a third of the state.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::compact::SlotSet;
use crate::observed::last::Last;
use crate::unit::{Span, Time};
use crate::vehicle::Slot;

const WORDS: usize = SlotSet::CAPACITY / 64;

/// Last values by slot; looking up takes constant time, filling an empty place moves what lies behind it.
#[derive(Clone, Default)]
pub struct Readings {
    used: [u64; WORDS],
    /// Of these, the ones whose value takes two cells.
    wide: [u64; WORDS],
    /// Values and second cells before each word of 64.
    before: [(u8, u8); WORDS],
    /// Where among the instants the one that was set last lies.
    newest: u8,
    cells: Box<[u32]>,
    /// By value: place of its instant.
    instants_of: Box<[u8]>,
    instants: Vec<Instant>,
}

/// Micros since 1970, shifted left, and how many values have this time: micros need 55 bits until the year 2500.
#[derive(Clone, Copy)]
struct Instant(i64);

impl Instant {
    const MOST: i64 = 255;

    const fn new(at: Time) -> Self {
        Self(at.micros() << 8)
    }

    const fn at(self) -> Time {
        Time::from_micros(self.0 >> 8)
    }

    const fn values(self) -> i64 {
        self.0 & Self::MOST
    }

    /// Whether it is this time, and may be that of one more value.
    fn takes(self, at: Time) -> bool {
        self.at() == at && self.values() < Self::MOST
    }
}

/// Where a slot's value lies.
#[derive(Clone, Copy)]
struct Place {
    value: usize,
    cell: usize,
    is_wide: bool,
}

impl Readings {
    #[inline]
    fn place(&self, slot: usize) -> Option<Place> {
        let used = *self.used.get(slot / 64)?;
        let bit = 1 << (slot % 64);
        (used & bit != 0).then(|| self.place_in(slot / 64, bit))
    }

    /// Where the value of a bit lies, or would lie.
    #[inline]
    fn place_in(&self, word: usize, bit: u64) -> Place {
        let below = bit - 1;
        let (values, seconds) = self.before[word];
        let value = usize::from(values) + (self.used[word] & below).count_ones() as usize;
        let cell = value + usize::from(seconds) + (self.wide[word] & below).count_ones() as usize;
        Place { value, cell, is_wide: self.wide[word] & bit != 0 }
    }

    #[inline]
    pub fn get(&self, slot: usize) -> Option<Last> {
        let place = self.place(slot)?;
        let first = *self.cells.get(place.cell)?;
        let value = if place.is_wide {
            f64::from_bits(u64::from(first) | u64::from(*self.cells.get(place.cell + 1)?) << 32)
        } else {
            f32::from_bits(first).into()
        };
        let instant = self.instants.get(usize::from(*self.instants_of.get(place.value)?))?;
        Some(Last { value, at: instant.at() })
    }

    /// The same where a catalogue may not have the signal; [`Last::NEVER`] where nothing is known.
    #[inline]
    pub fn last(&self, slot: Option<Slot>) -> Last {
        slot.and_then(|slot| self.get(slot.index())).unwrap_or(Last::NEVER)
    }

    /// Takes a value; a slot beyond the end is left out.
    pub fn set(&mut self, slot: usize, last: Last) {
        if slot >= SlotSet::CAPACITY {
            return;
        }
        let needs_two = f64::from(last.value as f32) != last.value;
        let place = match self.place(slot) {
            Some(place) if needs_two && !place.is_wide => self.widen(slot, place),
            Some(place) => place,
            None => self.insert(slot, needs_two),
        };
        if place.is_wide {
            let bits = last.value.to_bits();
            self.cells[place.cell] = bits as u32;
            self.cells[place.cell + 1] = (bits >> 32) as u32;
        } else {
            self.cells[place.cell] = (last.value as f32).to_bits();
        }
        self.date(place.value, last.at);
    }

    /// Moves the times of all values by a step of the clock.
    pub fn move_by(&mut self, by: Span) {
        for instant in &mut self.instants {
            *instant = Instant(Instant::new(instant.at().stepped(by)).0 | instant.values());
        }
    }

    /// Gives a value its time.
    fn date(&mut self, value: usize, at: Time) {
        let before = usize::from(self.instants_of[value]);
        // The one it had may be free by this, and is then the one it gets.
        self.instants[before].0 -= 1;
        if !self.instants.get(usize::from(self.newest)).is_some_and(|newest| newest.takes(at)) {
            self.newest = self.instant(at);
        }
        self.instants[usize::from(self.newest)].0 += 1;
        self.instants_of[value] = self.newest;
    }

    /// The place of an instant: one that has this time, one that no value has any more, or a new one.
    fn instant(&mut self, at: Time) -> u8 {
        let mut free = None;
        for (place, instant) in self.instants.iter().enumerate() {
            if instant.takes(at) {
                return place as u8;
            }
            if instant.values() == 0 {
                free = Some(place);
            }
        }
        let place = free.unwrap_or_else(|| {
            self.instants.reserve_exact(1);
            self.instants.push(Instant::new(at));
            self.instants.len() - 1
        });
        self.instants[place] = Instant::new(at);
        place as u8
    }

    #[cold]
    fn insert(&mut self, slot: usize, is_wide: bool) -> Place {
        let (word, bit) = (slot / 64, 1 << (slot % 64));
        let place = Place { is_wide, ..self.place_in(word, bit) };
        self.used[word] |= bit;
        self.wide[word] |= if is_wide { bit } else { 0 };
        self.cells = with_zeros(&self.cells, place.cell, 1 + usize::from(is_wide));
        self.instants_of = with_zeros(&self.instants_of, place.value, 1);
        if self.instants.is_empty() {
            self.instants.push(Instant(0));
        }
        // What has no time yet is dated by the first of them.
        self.instants[0].0 += 1;
        self.count();
        place
    }

    #[cold]
    fn widen(&mut self, slot: usize, place: Place) -> Place {
        self.wide[slot / 64] |= 1 << (slot % 64);
        self.cells = with_zeros(&self.cells, place.cell, 1);
        self.count();
        Place { is_wide: true, ..place }
    }

    fn count(&mut self) {
        let (mut values, mut seconds) = (0, 0);
        for (word, before) in self.before.iter_mut().enumerate() {
            *before = (values as u8, seconds as u8);
            values += self.used[word].count_ones();
            seconds += self.wide[word].count_ones();
        }
    }

    /// What is known, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Last)> {
        (0..SlotSet::CAPACITY).filter_map(|slot| Some((slot, self.get(slot)?)))
    }
}

fn with_zeros<T: Copy + Default>(values: &[T], at: usize, count: usize) -> Box<[T]> {
    let (before, behind) = values.split_at(at);
    let mut longer = Vec::with_capacity(values.len() + count);
    longer.extend_from_slice(before);
    longer.extend(std::iter::repeat_n(T::default(), count));
    longer.extend_from_slice(behind);
    longer.into()
}

/// Equal if they say the same, however they came to lie.
impl PartialEq for Readings {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Times once each, then slot, place of the time and value.
type Written = (Vec<Time>, Vec<(u8, u8, f64)>);

impl Serialize for Readings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let times: Vec<Time> = self.instants.iter().map(|instant| instant.at()).collect();
        let instant_of = |slot| self.place(slot).and_then(|place| self.instants_of.get(place.value)).copied();
        let values = self.iter().map(|(slot, last)| (slot as u8, instant_of(slot).unwrap_or(0), last.value));
        (times, values.collect::<Vec<_>>()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Readings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (times, values) = Written::deserialize(deserializer)?;
        let mut readings = Self::default();
        for (slot, instant, value) in values {
            let at = times.get(usize::from(instant)).ok_or_else(|| D::Error::custom("a reading without a time"))?;
            readings.set(slot.into(), Last { value, at: *at });
        }
        Ok(readings)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            Just(0.0),
            (-400_i32..400).prop_map(|halves| f64::from(halves) / 2.0),
            (0_i32..2_000).prop_map(|cents| f64::from(cents) / 100.0),
            any::<f64>().prop_filter("no NaN", |value| !value.is_nan()),
        ]
    }

    proptest! {
        /// Values and times come back to the bit, at once and after they were written down.
        #[test]
        fn is_a_map_from_slots(acts in prop::collection::vec((0..256_usize, value(), 0..400_i64), 0..600)) {
            let mut readings = Readings::default();
            let mut model = BTreeMap::new();
            for (slot, value, step) in acts {
                let last = Last { value, at: Time::from_micros(1_788_220_800_123_456 + step * 977) };
                readings.set(slot, last);
                model.insert(slot, last);
                prop_assert_eq!(readings.get(slot), Some(last));
            }
            prop_assert!(readings.iter().eq(model.iter().map(|(slot, last)| (*slot, *last))));
            let bytes = postcard::to_stdvec(&readings).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Readings>(&bytes).unwrap(), readings);
        }
    }

    #[test]
    fn times_that_no_value_has_any_more_make_room() {
        let mut readings = Readings::default();
        for step in 0..10_000 {
            readings.set(step % 7, Last { value: 0.1, at: Time::from_secs(step as i64) });
        }
        assert!(readings.instants.len() <= 8, "{}", readings.instants.len());
        readings.set(SlotSet::CAPACITY, Last { value: 1.0, at: Time::NEVER });
        assert_eq!(readings.iter().count(), 7);
    }

    #[test]
    fn all_slots_may_have_one_time() {
        let mut readings = Readings::default();
        (0..256).for_each(|slot| readings.set(slot, Last { value: 0.1, at: Time::from_secs(1) }));
        assert!(readings.iter().all(|(_, last)| last == Last { value: 0.1, at: Time::from_secs(1) }));
        assert_eq!(readings.iter().count(), 256);
    }
}
