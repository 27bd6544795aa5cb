//! The estimators of a set: which of them run, on what, and where their signals are.

use crate::compact::SlotSet;
use crate::entry::signal::Signals;
use crate::estimate::entry::{Entry, Occasion, Slots};
use crate::estimate::given::Observed;
use crate::estimate::states::States;
use crate::vehicle::Slot;

/// A slice of estimators, resolved for one catalogue. An estimator is known by its number, its place in the slice; sets
/// of them are bits of a word.
#[derive(Clone, Debug, Default)]
pub struct EstimatorSet {
    all: Box<[(Entry, Slots)]>,
    /// By slot, those that a reading of it runs.
    by_slot: Box<[u32]>,
    by_step: u32,
    by_segment: u32,
    by_faults: u32,
    /// Those that can be tried on readings that are not believed yet.
    instant: u32,
    /// By slot, the features that these write of it.
    following: Box<[SlotSet]>,
    /// A rule asks where items of the service plan stand.
    pub service: bool,
}

impl EstimatorSet {
    /// Resolves a slice; of it run those that write what somebody reads: a rule, by `is_read`, or an estimator behind it
    /// that runs. More than [`States::MOST`] are left out. `service`: whether a rule asks about the service plan.
    pub fn resolve(entries: &[Entry], signals: &Signals, service: bool, is_read: impl Fn(Slot) -> bool) -> Self {
        let all: Vec<(Entry, Slots)> =
            entries.iter().take(States::MOST).map(|entry| (*entry, Slots::resolve(entry, signals))).collect();
        let by_slot = vec![0; signals.len()].into();
        let following = vec![SlotSet::default(); signals.len()].into();
        let mut set = Self { by_slot, following, service, ..Self::default() };
        let mut asked = SlotSet::default();
        for (number, (entry, slots)) in all.iter().enumerate().rev() {
            if slots.outputs().any(|slot| is_read(slot) || asked.contains(slot)) {
                set.index(number, entry, slots);
                slots.inputs().for_each(|slot| asked.insert(slot));
            }
        }
        Self { all: all.into(), ..set }
    }

    fn index(&mut self, number: usize, entry: &Entry, slots: &Slots) {
        let bit = 1 << number;
        for slot in slots.wakes() {
            self.by_slot[slot.index()] |= bit;
        }
        for (word, occasion) in [
            (&mut self.by_step, Occasion::Step),
            (&mut self.by_segment, Occasion::Segment),
            (&mut self.by_faults, Occasion::Faults),
        ] {
            if entry.occasions.contains(&occasion) {
                *word |= bit;
            }
        }
        if entry.is_instant {
            self.instant |= bit;
            for slot in slots.inputs() {
                slots.outputs().for_each(|feature| self.following[slot.index()].insert(feature));
            }
        }
    }

    pub fn get(&self, number: usize) -> Option<(&Entry, &Slots)> {
        self.all.get(number).map(|(entry, slots)| (entry, slots))
    }

    /// All of them, whether they run or not, by number.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Entry, &Slots)> {
        self.all.iter().enumerate().map(|(number, (entry, slots))| (number, entry, slots))
    }

    /// Numbers of the estimators that a reading of each slot runs, as bits.
    pub fn by_slot(&self) -> &[u32] {
        &self.by_slot
    }

    /// Those that a step runs, as bits.
    pub fn woken(&self, observed: &Observed<'_>, touched: &SlotSet) -> u32 {
        let mut woken = self.by_step;
        if observed.turn.changed {
            woken |= self.by_segment;
        }
        if observed.faults_changed {
            woken |= self.by_faults;
        }
        woken | self.woken_by(touched)
    }

    fn woken_by(&self, touched: &SlotSet) -> u32 {
        touched.iter().filter_map(|slot| self.by_slot.get(slot.index())).fold(0, |all, own| all | own)
    }

    /// Those that the slots run and whose features follow at once, as bits.
    pub fn instant(&self, touched: &SlotSet) -> u32 {
        self.woken_by(touched) & self.instant
    }

    /// Features that follow at once from a slot.
    pub fn following(&self, slot: Slot) -> SlotSet {
        self.following.get(slot.index()).copied().unwrap_or_default()
    }
}
