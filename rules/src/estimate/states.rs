//! The states of a vehicle's estimators: those that were needed so far, side by side.
//!
//! In memory a state is named by the place of its estimator in the slice, which costs a bit. Stored it is a key, a
//! version and bytes of its own, so that an estimator that goes, comes or changes leaves the others as they are.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::entry::Entry;
use super::{ESTIMATORS, State};
use crate::compact::insert_one;
use crate::unit::Span;
use crate::vehicle::Component;

/// States by number of the estimator, 0 to 31.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct States {
    made: u32,
    list: Box<[State]>,
}

impl States {
    /// A slice of estimators has no more.
    pub const MOST: usize = u32::BITS as usize;

    const fn has(&self, number: usize) -> bool {
        self.made >> number & 1 == 1
    }

    const fn rank(&self, number: usize) -> usize {
        (self.made & ((1 << number) - 1)).count_ones() as usize
    }

    #[inline]
    pub fn get(&self, number: usize) -> Option<&State> {
        if number < Self::MOST && self.has(number) { self.list.get(self.rank(number)) } else { None }
    }

    #[inline]
    pub fn get_mut(&mut self, number: usize) -> Option<&mut State> {
        if number < Self::MOST && self.has(number) { self.list.get_mut(self.rank(number)) } else { None }
    }

    /// Takes a state in; nothing in place of none.
    pub fn set(&mut self, number: usize, state: State) {
        if let Some(own) = self.get_mut(number) {
            *own = state;
        } else if number < Self::MOST && state != State::None {
            let rank = self.rank(number);
            insert_one(&mut self.list, rank, state);
            self.made |= 1 << number;
        }
    }

    /// What there is, by number.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &State)> {
        (0..Self::MOST).filter(|number| self.has(*number)).zip(&self.list)
    }

    fn each(&mut self, estimators: &[Entry], mut change: impl FnMut(&Entry, &mut State)) {
        for (number, entry) in estimators.iter().enumerate() {
            if let Some(state) = self.get_mut(number) {
                change(entry, state);
            }
        }
    }

    /// Forgets what was learned of a component that was replaced.
    pub fn restart(&mut self, component: &Component, estimators: &[Entry]) {
        self.each(estimators, |entry, state| {
            if entry.is_about(component) {
                (entry.restart)(state, component);
            }
        });
        self.tidy();
    }

    /// Gives back the room of states that are none any more.
    fn tidy(&mut self) {
        if self.list.contains(&State::None) {
            let made = self.made;
            self.made = 0;
            let all = std::mem::take(&mut self.list).into_vec();
            for (number, state) in (0..Self::MOST).filter(|number| made >> number & 1 == 1).zip(all) {
                self.set(number, state);
            }
        }
    }

    /// Moves what is remembered by a step of the clock.
    pub fn move_by(&mut self, by: Span, estimators: &[Entry]) {
        self.each(estimators, |entry, state| (entry.move_by)(state, by));
    }

    /// The states as they are stored.
    pub fn stored(&self, estimators: &[Entry]) -> Vec<Stored> {
        let one = |(number, state): (usize, &State)| {
            let entry = estimators.get(number)?;
            // A state of plain numbers can always be written.
            let bytes = postcard::to_stdvec(state).ok().filter(|_| *state != State::None)?;
            Some(Stored { key: entry.key.to_owned(), version: entry.version, bytes })
        };
        self.iter().filter_map(one).collect()
    }

    /// States that were stored. What belongs to no estimator any more, or to another version of it, is dropped.
    pub fn from_stored(stored: Vec<Stored>, estimators: &[Entry]) -> Self {
        let mut states = Self::default();
        for Stored { key, version, bytes } in stored {
            let is_of = |entry: &&Entry| entry.key == key && entry.version == version;
            let own = estimators.iter().enumerate().find(|(_, entry)| is_of(entry));
            if let Some((number, state)) = own.and_then(|(number, entry)| Some((number, (entry.read)(&bytes)?))) {
                states.set(number, state);
            }
        }
        states
    }
}

impl State {
    /// The state, made if there is none yet.
    pub fn or(&mut self, fresh: fn() -> Self) -> &mut Self {
        if matches!(self, Self::None) {
            *self = fresh();
        }
        self
    }
}

/// A state's own form from the bytes that were stored; `None` if they are of another form.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (state, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(state)
}

/// One state as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    key: String,
    version: u16,
    bytes: Vec<u8>,
}

impl Serialize for States {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.stored(ESTIMATORS).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for States {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_stored(Vec::deserialize(deserializer)?, ESTIMATORS))
    }
}
