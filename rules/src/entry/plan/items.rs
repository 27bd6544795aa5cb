//! What a vehicle knows of its service items: from when each interval counts, and where it stands.
//!
//! Every vehicle keeps these, and most of its items count from its delivery or from when it was first heard of: each
//! anchor is kept once, and a byte by item of the catalogue says which one, and that there is a state.

use serde::{Deserialize, Serialize};

use crate::compact::insert_one;
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

/// The state of one item of the service plan, recomputed when odometer or day move. Every vehicle keeps one for each of
/// its items: days to a tenth, deviations to half a day up to 127, distances to ten kilometres.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemState {
    phase: u8,
    days_sigma: u8,
    days_left: i16,
    km_left: i16,
}

impl ItemState {
    /// Of an item that the vehicle's plan does not have.
    pub const NONE: Self = Self { phase: u8::MAX, days_sigma: 0, days_left: i16::MIN, km_left: i16::MIN };
    const SIGMA: f64 = 0.5;
    const DAY: f64 = 0.1;
    const KM: f64 = 10.0;

    /// `phase` as [`Self::phase`]; NaN for what is not known.
    pub fn new(phase: Option<u8>, days_left: f64, days_sigma: f64, km_left: f64) -> Self {
        Self {
            phase: phase.unwrap_or(Self::NONE.phase),
            // Casting keeps within the ends.
            days_sigma: (days_sigma / Self::SIGMA).ceil() as u8,
            days_left: compact(days_left, Self::DAY),
            km_left: compact(km_left, Self::KM),
        }
    }

    /// 0 ok, 1 due soon, 2 due, 3 overdue, 4 lapsed; `None` while the item does not apply or nothing is known.
    pub fn phase(self) -> Option<u8> {
        Some(self.phase).filter(|phase| *phase != Self::NONE.phase)
    }

    /// Central estimate of days until due; negative when past. NaN where nothing is known.
    pub fn days_left(self) -> f64 {
        value_of(self.days_left, Self::DAY)
    }

    /// Standard deviation of that estimate, days.
    pub fn days_sigma(self) -> f64 {
        f64::from(self.days_sigma) * Self::SIGMA
    }

    /// Negative when past; NaN for items without distance.
    pub fn km_left(self) -> f64 {
        value_of(self.km_left, Self::KM)
    }
}

/// A quantity in two bytes, to the step, away from 0: what is past stays past. The smallest number is NaN.
fn compact(value: f64, step: f64) -> i16 {
    if value.is_nan() {
        return i16::MIN;
    }
    let steps = value / step;
    (if steps < 0.0 { steps.floor() } else { steps.ceil() } as i16).max(-i16::MAX)
}

fn value_of(compact: i16, step: f64) -> f64 {
    if compact == i16::MIN { f64::NAN } else { f64::from(compact) * step }
}
