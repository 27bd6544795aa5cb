//! The last readings as an estimator sees them, and how it writes its features among them.

use super::entry::{EmitAt, ReadAt, Slots};
use crate::compact::SlotSet;
use crate::entry::signal::{Kind, Signals};
use crate::observed::last::Last;
use crate::observed::readings::Readings;
use crate::unit::{Span, Time};
use crate::vehicle::Slot;

/// The last readings by place in an estimator's entry. What it writes counts as measured at the step: estimators after
/// it see it there, and those that it wakes run.
#[derive(Debug)]
pub struct Features<'a> {
    pub(crate) last: &'a mut Readings,
    pub(crate) touched: &'a mut SlotSet,
    pub(crate) at: Time,
    pub(crate) signals: &'a Signals,
    pub(crate) slots: &'a Slots,
    /// Numbers of the estimators that each slot wakes, as bits.
    pub(crate) wakes: &'a [u32],
    /// Of those that are to run.
    pub(crate) woken: u32,
}

impl<'a> Features<'a> {
    /// Writes a feature. An estimate is known to a few digits: single precision keeps seven, and half of the state is
    /// features.
    pub fn emit(&mut self, place: EmitAt, value: f64) {
        self.repeat(place, f64::from(value as f32));
    }

    /// Writes a feature that is a reading itself: a limit means what was measured, to the last digit.
    pub fn repeat(&mut self, place: EmitAt, value: f64) {
        let Some(slot) = self.slots.output(place) else { return };
        self.last.set(slot.index(), Last { value, at: self.at });
        self.touched.insert(slot);
        self.woken |= self.wakes.get(slot.index()).copied().unwrap_or_default();
    }

    /// The value if it was measured in this very step.
    #[inline]
    pub fn measured(&self, place: ReadAt) -> Option<f64> {
        self.slots.input(place).filter(|slot| self.touched.contains(*slot)).map(|slot| self.of(slot).value)
    }

    /// The value if it is at most `secs` old.
    pub fn recent(&self, place: ReadAt, secs: i64) -> Option<f64> {
        self.last(place).within(self.at, secs)
    }

    /// The last value; [`Last::NEVER`] where nothing is known.
    pub fn last(&self, place: ReadAt) -> Last {
        self.last.last(self.slots.input(place))
    }

    /// The feature as it was written last.
    pub fn emitted(&self, place: EmitAt) -> Last {
        self.last.last(self.slots.output(place))
    }

    /// The word that a value of the signal stands for.
    pub fn word(&self, place: ReadAt, value: f64) -> Option<&'a str> {
        let Kind::Words(words) = &self.signals.get(self.slots.input(place)?).kind else { return None };
        words.get(value as usize).map(String::as_str)
    }

    fn of(&self, slot: Slot) -> Last {
        self.last.last(Some(slot))
    }
}

/// The last readings by place in an estimator's entry, as of the newest.
#[derive(Clone, Copy, Debug)]
pub struct Latest<'a> {
    pub(crate) last: &'a Readings,
    pub(crate) slots: &'a Slots,
    /// The newest measured time; [`Time::NEVER`] before the first.
    pub newest: Time,
}

impl Latest<'_> {
    /// NaN where nothing is known.
    pub fn value(&self, place: ReadAt) -> f64 {
        self.last.last(self.slots.input(place)).value
    }
}

impl Last {
    /// The value if it is at most `secs` old.
    pub fn within(self, at: Time, secs: i64) -> Option<f64> {
        (at.since(self.at) <= Span::from_secs(secs)).then_some(self.value)
    }
}
