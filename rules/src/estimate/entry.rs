//! What an estimator is: one entry of the slice [`ESTIMATORS`](super::ESTIMATORS), with plain functions.

use super::State;
use super::feature::{Features, Latest};
use super::given::{Given, Observed};
use crate::entry::rule::about;
use crate::entry::signal::Signals;
use crate::learned::forecast::Forecast;
use crate::unit::Span;
use crate::vehicle::{Component, Slot};

/// Wheels as components and paths of signals name them.
pub const WHEELS: [&str; 4] = ["Row1.Wheel.Left", "Row1.Wheel.Right", "Row2.Wheel.Left", "Row2.Wheel.Right"];

/// One estimator. `{each}` in a path or component stands for the four [`WHEELS`], in their order.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name for ever: that of its stored states, and of the folder of its scenarios.
    pub key: &'static str,
    /// Of its stored states: those of another version are dropped, and it begins again.
    pub version: u16,
    /// What it finds, in a sentence.
    pub what: &'static str,
    /// Signals that run it when a step touches them: sent by vehicles, or features of estimators before it in the slice.
    pub wakes: &'static [&'static str],
    /// What runs it besides.
    pub occasions: &'static [Occasion],
    /// Signals that it looks at when it runs.
    pub reads: &'static [&'static str],
    /// Features that it writes. It runs only if a rule reads one of them, or another estimator that does run.
    pub emits: &'static [&'static str],
    /// Parts of the vehicle that it is about: a repair of one, or of what is above or below it, restarts it.
    pub components: &'static [&'static str],
    /// What it emits follows from readings of about the same instant and nothing else, so that rules may be tried on
    /// readings that are not believed yet.
    pub is_instant: bool,
    /// Takes a step. It makes its state when it needs one.
    pub update: fn(&mut State, &Observed<'_>, &Given<'_>, &mut Features<'_>),
    pub foresight: Option<Foresight>,
    /// Forgets what was learned of the component, which was replaced: its baseline is the old part's.
    pub restart: fn(&mut State, &Component),
    /// Moves the instants that it remembers by a step of our own clock.
    pub move_by: fn(&mut State, Span),
    /// Its state as it was written, if it still can be read.
    pub read: fn(&[u8]) -> Option<State>,
}

impl Entry {
    /// For what remembers nothing; the others say what differs.
    pub const PLAIN: Self = Self {
        key: "",
        version: 1,
        what: "",
        wakes: &[],
        occasions: &[],
        reads: &[],
        emits: &[],
        components: &[],
        is_instant: false,
        update: |_, _, _, _| {},
        foresight: None,
        restart: |_, _| {},
        move_by: |_, _| {},
        read: |_| None,
    };

    /// Whether a repair of the component makes anything obsolete that it learned.
    pub fn is_about(&self, component: &Component) -> bool {
        expanded(self.components).any(|own| component.same_branch(&Component::new(&own)))
    }

    /// Every signal that it may look at, in the order of [`ReadAt`].
    pub fn inputs(&self) -> impl Iterator<Item = String> + use<> {
        expanded(self.wakes).chain(expanded(self.reads))
    }

    /// Every feature that it may write, in the order of [`EmitAt`].
    pub fn outputs(&self) -> impl Iterator<Item = String> + use<> {
        expanded(self.emits)
    }
}

/// Paths or components with the wheels written out.
pub fn expanded(all: &'static [&'static str]) -> impl Iterator<Item = String> {
    all.iter().flat_map(|text| {
        let subjects = if text.contains("{each}") { &WHEELS[..] } else { &[""] };
        subjects.iter().map(|subject| about(text, subject))
    })
}

/// What runs an estimator apart from signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Every step.
    Step,
    /// Another segment began: a trip, a charge, a stand.
    Segment,
    /// The cycle of a fault code changed.
    Faults,
}

/// What an estimator says of the future of its parts.
#[derive(Clone, Copy, Debug)]
pub struct Foresight {
    /// The name of its calibration: one of [`FORECASTERS`](crate::learned::forecast::FORECASTERS).
    pub estimator: &'static str,
    pub forecasts: fn(&State, &Latest<'_>, &Given<'_>) -> Vec<Forecast>,
}

/// Place of a signal among `wakes` and then `reads`, wheels written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadAt(pub u8);

impl ReadAt {
    /// Of a wheel, 0 to 3, where this is the place of the first one.
    pub const fn of(self, wheel: usize) -> Self {
        Self(self.0 + wheel as u8)
    }
}

/// Place of a feature among `emits`, wheels written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmitAt(pub u8);

impl EmitAt {
    /// Of a wheel, 0 to 3, where this is the place of the first one.
    pub const fn of(self, wheel: usize) -> Self {
        Self(self.0 + wheel as u8)
    }
}

/// The slots of an entry's signals under one catalogue; `None` where it does not have the signal.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    inputs: Box<[Option<Slot>]>,
    /// How many of these run it.
    waking: usize,
    outputs: Box<[Option<Slot>]>,
}

impl Slots {
    pub fn resolve(entry: &Entry, signals: &Signals) -> Self {
        let slot = |path: String| signals.slot_of_path(&path);
        Self {
            inputs: entry.inputs().map(slot).collect(),
            waking: expanded(entry.wakes).count(),
            outputs: entry.outputs().map(slot).collect(),
        }
    }

    #[inline]
    pub fn input(&self, place: ReadAt) -> Option<Slot> {
        self.inputs.get(usize::from(place.0)).copied().flatten()
    }

    #[inline]
    pub fn output(&self, place: EmitAt) -> Option<Slot> {
        self.outputs.get(usize::from(place.0)).copied().flatten()
    }

    pub fn inputs(&self) -> impl Iterator<Item = Slot> {
        self.inputs.iter().flatten().copied()
    }

    /// Those that run it.
    pub fn wakes(&self) -> impl Iterator<Item = Slot> {
        self.inputs.iter().take(self.waking).flatten().copied()
    }

    pub fn outputs(&self) -> impl Iterator<Item = Slot> {
        self.outputs.iter().flatten().copied()
    }
}
