//! A small set of slots without allocation.

use crate::vehicle::Slot;

/// Slots 0 to 255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotSet([u64; 4]);

impl SlotSet {
    /// Slots a set can hold; a catalogue with more is refused at load.
    pub const CAPACITY: usize = 256;

    pub fn insert(&mut self, slot: Slot) {
        if let Some(word) = self.0.get_mut(slot.index() / 64) {
            *word |= 1 << (slot.index() % 64);
        }
    }

    pub fn contains(&self, slot: Slot) -> bool {
        self.0.get(slot.index() / 64).is_some_and(|word| word & (1 << (slot.index() % 64)) != 0)
    }

    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    pub fn iter(&self) -> impl Iterator<Item = Slot> {
        self.0.into_iter().enumerate().flat_map(|(index, word)| {
            std::iter::successors((word != 0).then_some(word), |rest| {
                let rest = rest & (rest - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |rest| Slot((index * 64) as u16 + rest.trailing_zeros() as u16))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_put_in_sorted() {
        let mut set = SlotSet::default();
        for slot in [200, 0, 63, 64, 5, 5] {
            set.insert(Slot(slot));
        }
        assert_eq!(set.iter().map(|slot| slot.0).collect::<Vec<_>>(), [0, 5, 63, 64, 200]);
        assert!(set.contains(Slot(64)) && !set.contains(Slot(65)));
    }
}
