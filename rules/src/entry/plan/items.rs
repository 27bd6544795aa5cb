//! What a vehicle knows of its service items: from when each interval counts, and where it stands.
//!
//! Every vehicle keeps these, and most of its items count from its delivery or from when it was first heard of: each
//! anchor is kept once, and a byte by item of the catalogue says which one, and that there is a state.

use serde::{Deserialize, Serialize};

use crate::compact::insert_one;
use crate::language::expr::ItemState;
use crate::unit::Time;

/// From when an interval counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anchor {
    pub km: f32,
    /// NaN where it is not known.
    pub engine_h: f32,
    /// Seconds since 1970: dates need no more.
    at_s: u32,
    /// A service was done, rather than assumed.
    pub done: bool,
}

impl Anchor {
    pub fn new(km: f64, engine_h: f32, at: Time, done: bool) -> Self {
        Self {
            km: km as f32,
            engine_h,
            at_s: at.micros().div_euclid(1_000_000).clamp(0, i64::from(u32::MAX)) as u32,
            done,
        }
    }

    pub fn at(self) -> Time {
        Time::from_secs(i64::from(self.at_s))
    }

    fn is_like(self, other: Self) -> bool {
        let bits = |one: Self| (one.km.to_bits(), one.engine_h.to_bits(), one.at_s, one.done);
        bits(self) == bits(other)
    }
}

/// Anchors and states by index of the catalogue's service items; an item has both or neither.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Items {
    /// Place among the anchors; `NONE` without.
    of: Box<[u8]>,
    anchors: Box<[Anchor]>,
    /// Of the items that have one, in their order.
    states: Box<[ItemState]>,
}

impl Items {
    const NONE: u8 = u8::MAX;
    /// A catalogue has no more.
    pub const MOST: usize = Self::NONE as usize;

    pub fn new(count: usize) -> Self {
        Self { of: vec![Self::NONE; count].into(), anchors: Box::default(), states: Box::default() }
    }

    pub fn anchor(&self, index: usize) -> Option<Anchor> {
        self.anchors.get(usize::from(*self.of.get(index)?)).copied()
    }

    /// Where the item stands; as [`ItemState::NONE`] before that was computed.
    pub fn get(&self, index: usize) -> Option<&ItemState> {
        self.states.get(self.rank(index)?)
    }

    /// States with the item's index.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &ItemState)> {
        let known = self.of.iter().enumerate().filter(|(_, place)| **place != Self::NONE);
        known.map(|(index, _)| index).zip(&self.states)
    }

    /// Sets from when an item's interval counts; one beyond the catalogue is left out.
    pub fn set_anchor(&mut self, index: usize, anchor: Anchor) {
        let Some(own) = self.of.get(index).copied() else { return };
        if own == Self::NONE {
            let rank = self.of[..index].iter().filter(|place| **place != Self::NONE).count();
            insert_one(&mut self.states, rank, ItemState::NONE);
        }
        self.of[index] = Self::NONE;
        let unused = |place: &usize| !self.of.contains(&(*place as u8));
        let alike = self.anchors.iter().position(|known| known.is_like(anchor));
        let place = alike.or_else(|| (0..self.anchors.len()).find(unused)).unwrap_or(self.anchors.len());
        match self.anchors.get_mut(place) {
            Some(known) => *known = anchor,
            None => insert_one(&mut self.anchors, place, anchor),
        }
        self.of[index] = place as u8;
    }

    /// Sets where an item with an anchor stands.
    pub fn set(&mut self, index: usize, state: ItemState) {
        if let Some(own) = self.rank(index).and_then(|rank| self.states.get_mut(rank)) {
            *own = state;
        }
    }

    fn rank(&self, index: usize) -> Option<usize> {
        let (before, own) = (self.of.get(..index)?, *self.of.get(index)?);
        (own != Self::NONE).then(|| before.iter().filter(|place| **place != Self::NONE).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(km: f64) -> Anchor {
        Anchor::new(km, f32::NAN, Time::from_secs(1_700_000_000), false)
    }

    fn state(days: f64) -> ItemState {
        ItemState::new(Some(1), days, 5.0, f64::NAN)
    }

    #[test]
    fn items_share_anchors_and_keep_their_own_states() {
        let mut items = Items::new(10);
        for (index, km) in [(7, 0.0), (2, 0.0), (9, 5_000.0), (4, 0.0)] {
            items.set_anchor(index, anchor(km));
            items.set(index, state(index as f64));
        }
        assert_eq!(items.anchors.len(), 2);
        let days: Vec<(usize, f64)> = items.iter().map(|(index, state)| (index, state.days_left())).collect();
        assert_eq!(days, [(2, 2.0), (4, 4.0), (7, 7.0), (9, 9.0)]);
        assert_eq!(items.get(3), None);
        assert_eq!(items.anchor(9).map(|anchor| anchor.km), Some(5_000.0));
    }

    #[test]
    fn an_anchor_that_nobody_uses_any_more_makes_room() {
        let mut items = Items::new(3);
        items.set_anchor(0, anchor(0.0));
        items.set_anchor(0, anchor(10_000.0));
        items.set_anchor(1, anchor(20_000.0));
        assert_eq!(items.anchors.len(), 2);
        items.set_anchor(0, anchor(30_000.0));
        assert_eq!((items.anchors.len(), items.anchor(1).map(|anchor| anchor.km)), (2, Some(20_000.0)));
        assert_eq!(items.get(0), Some(&ItemState::NONE));
    }

    #[test]
    fn what_is_beyond_the_catalogue_is_left_out() {
        let mut items = Items::new(2);
        items.set_anchor(5, anchor(0.0));
        items.set(1, state(3.0));
        assert_eq!((items.get(5), items.get(1), items.anchor(5)), (None, None, None));
    }
}
