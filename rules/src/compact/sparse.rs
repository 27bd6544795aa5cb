//! A sparse array: what is there lies side by side, what is not costs a bit.
//!
//! A vehicle sends a quarter of the signals that the catalogue knows, and a quarter of the rules
//! ever remember anything of it; this is where most of its memory would go.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::compact::insert_one;

/// Values at places `0..len`, most of which are empty. Looking up takes constant time; filling an
/// empty place moves what lies behind it, and happens once.
#[derive(Clone, Debug, PartialEq)]
pub struct Sparse<T> {
    words: Box<[Word]>,
    values: Box<[T]>,
}

/// 64 places: which are filled, and how many before them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Word {
    used: u64,
    before: u32,
}

impl<T: Clone> Sparse<T> {
    /// All of `len` places empty.
    pub fn new(len: usize) -> Self {
        Self { words: vec![Word::default(); len.div_ceil(64)].into(), values: Box::default() }
    }

    #[inline]
    pub fn get(&self, place: usize) -> Option<&T> {
        let word = self.words.get(place / 64).filter(|word| word.has(place))?;
        self.values.get(word.rank(place))
    }

    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        let word = self.words.get(place / 64).filter(|word| word.has(place))?;
        self.values.get_mut(word.rank(place))
    }

    /// Fills a place; one beyond the end is left out.
    pub fn set(&mut self, place: usize, value: T) {
        if let Some(own) = self.get_mut(place) {
            *own = value;
        } else if place / 64 < self.words.len() {
            self.insert(place, value);
        }
    }

    /// The values of neighbouring places, `value` where nothing was; `None` beyond the end.
    #[inline]
    pub fn fill(&mut self, first: usize, count: usize, value: T) -> Option<&mut [T]> {
        for place in first..first + count {
            if !self.words.get(place / 64)?.has(place) {
                self.insert(place, value.clone());
            }
        }
        let rank = self.words.get(first / 64)?.rank(first);
        self.values.get_mut(rank..rank + count)
    }

    #[cold]
    fn insert(&mut self, place: usize, value: T) {
        let word = &mut self.words[place / 64];
        insert_one(&mut self.values, word.rank(place), value);
        word.used |= 1 << (place % 64);
        self.count();
    }

    /// Empties neighbouring places.
    pub fn clear(&mut self, first: usize, count: usize) {
        for place in first..first + count {
            if self.get(place).is_some() {
                let word = &mut self.words[place / 64];
                let mut values = std::mem::take(&mut self.values).into_vec();
                values.remove(word.rank(place));
                self.values = values.into();
                word.used &= !(1 << (place % 64));
                self.count();
            }
        }
    }

    /// What is filled, by place.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let places = self.words.iter().enumerate().flat_map(|(index, word)| {
            (0..64).filter(|bit| word.used & (1 << bit) != 0).map(move |bit| index * 64 + bit)
        });
        places.zip(&self.values)
    }

    /// What is filled, by place, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut T)> {
        let Self { words, values } = self;
        let places = words.iter().enumerate().flat_map(|(index, word)| {
            (0..64).filter(|bit| word.used & (1 << bit) != 0).map(move |bit| index * 64 + bit)
        });
        places.zip(values.iter_mut())
    }

    fn count(&mut self) {
        let mut before = 0;
        for word in &mut self.words {
            word.before = before;
            before += word.used.count_ones();
        }
    }
}

impl Word {
    const fn has(self, place: usize) -> bool {
        self.used & (1 << (place % 64)) != 0
    }

    #[inline]
    const fn rank(self, place: usize) -> usize {
        self.before as usize + (self.used & ((1 << (place % 64)) - 1)).count_ones() as usize
    }
}

impl<T: Serialize> Serialize for Sparse<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let used: Vec<u64> = self.words.iter().map(|word| word.used).collect();
        (used, &self.values).serialize(serializer)
    }
}

impl<'de, T: Clone + Deserialize<'de>> Deserialize<'de> for Sparse<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (used, values) = <(Vec<u64>, Box<[T]>)>::deserialize(deserializer)?;
        let mut sparse = Self::new(used.len() * 64);
        for (word, used) in sparse.words.iter_mut().zip(used) {
            word.used = used;
        }
        sparse.count();
        if sparse.words.iter().map(|word| word.used.count_ones() as usize).sum::<usize>() != values.len() {
            return Err(D::Error::custom("a sparse array needs one value per filled place"));
        }
        Ok(Self { values, ..sparse })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Act {
        Set(usize, u8),
        Fill(usize, u8),
        Clear(usize),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0..48_usize, any::<u8>()).prop_map(|(group, value)| Act::Set(4 * group, value)),
            (0..48_usize, any::<u8>()).prop_map(|(group, value)| Act::Fill(4 * group + 1, value)),
            (0..48_usize).prop_map(|group| Act::Clear(4 * group + 1)),
        ]
    }

    proptest! {
        /// Groups of three beside single places, as rules and signals use it.
        #[test]
        fn is_a_map_from_places(acts in prop::collection::vec(act(), 0..200)) {
            let mut sparse = Sparse::new(192);
            let mut model = BTreeMap::new();
            for act in acts {
                match act {
                    Act::Set(place, value) => {
                        sparse.set(place, value);
                        model.insert(place, value);
                    }
                    Act::Fill(first, value) => {
                        let filled = sparse.fill(first, 3, value).map(|group| group.to_vec());
                        (first..first + 3).for_each(|place| { model.entry(place).or_insert(value); });
                        prop_assert_eq!(filled, Some((first..first + 3).map(|place| model[&place]).collect()));
                    }
                    Act::Clear(first) => {
                        sparse.clear(first, 3);
                        (first..first + 3).for_each(|place| { model.remove(&place); });
                    }
                }
            }
            prop_assert!(sparse.iter().map(|(place, value)| (place, *value)).eq(model.clone()));
            prop_assert!((0..192).all(|place| sparse.get(place) == model.get(&place)));
            let bytes = postcard::to_stdvec(&sparse).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Sparse<u8>>(&bytes).unwrap(), sparse);
        }
    }

    #[test]
    fn what_is_beyond_the_end_is_left_out() {
        let mut sparse = Sparse::new(64);
        sparse.set(64, 1_u8);
        assert_eq!(sparse.fill(63, 2, 1), None);
        assert_eq!((sparse.get(64), sparse.iter().count()), (None, 1));
    }
}
