//! The signal catalogue: what a vehicle can measure, and what estimators derive from it.
//!
//! A signal has a permanent number (wire of journal and store, never reused) and, within one loaded
//! catalogue, a dense [`Slot`] that vehicle state and compiled rules index with. Features of
//! estimators are entries of the same table with `feature = true`: rules read both alike.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::unit::{Span, Text, Unit};
use crate::vehicle::{Powertrain, Purpose, SignalNo, Slot};

/// What the values of a signal are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Number,
    /// `true`/`false` on the wire, 1/0 inside.
    Flag,
    /// A word on the wire, its place in this list inside.
    Words(Vec<String>),
}

/// One entry of `signals.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Entry")]
pub struct Signal {
    pub no: SignalNo,
    /// COVESA VSS 6.0 path, or a custom one under the same branches, or `Feature.…`.
    pub path: String,
    pub title: Text,
    pub unit: Unit,
    pub kind: Kind,
    /// Physically valid values, both ends included.
    pub range: (f64, f64),
    /// Longest time between two readings over which the value may be taken to hold.
    pub max_gap: Span,
    /// Largest plausible change per second for as long as it likes, on top of `max_jump`.
    pub max_rate: Option<f64>,
    /// Largest plausible change at once, between two readings however close together, and over a gap without a second
    /// reading that agrees. Left out it is one second of `max_rate`, and any change over a gap. Without both, every value
    /// in range is plausible.
    pub max_jump: Option<f64>,
    /// The same raw value for this long while the vehicle moves means the sensor is stuck.
    pub stuck_after: Option<Span>,
    /// Charging counts like moving: it is what is charged.
    pub charges: bool,
    /// Values that senders use for "no value"; they become missing.
    pub sentinels: Vec<f64>,
    /// At most one value per this span is kept for charts; `None`: every one.
    pub keep: Option<Span>,
    /// What the owner must consent to before it is kept.
    pub purpose: Purpose,
    pub powertrains: Vec<Powertrain>,
    /// Derived by an estimator rather than sent by a vehicle.
    pub feature: bool,
    /// It says when a part comes to its limit, by this estimator. Rules read it; people are shown the estimator's
    /// calibrated forecast instead, and a date only where its dates hold.
    pub forecast: Option<String>,
    /// Not in VSS 6.0.
    pub custom: bool,
    /// Where range, rate and unit come from.
    pub source: String,
}

/// What is written for a signal; everything that has a sensible default may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    no: SignalNo,
    path: String,
    title: Text,
    #[serde(default)]
    unit: Unit,
    #[serde(default = "number")]
    kind: Kind,
    /// Flags and words have theirs by nature.
    range: Option<(f64, f64)>,
    max_gap: Span,
    max_rate: Option<f64>,
    max_jump: Option<f64>,
    stuck_after: Option<Span>,
    #[serde(default)]
    charges: bool,
    #[serde(default)]
    sentinels: Vec<f64>,
    keep: Option<Span>,
    #[serde(default = "diagnostics")]
    purpose: Purpose,
    #[serde(default = "every_powertrain")]
    powertrains: Vec<Powertrain>,
    #[serde(default)]
    feature: bool,
    forecast: Option<String>,
    #[serde(default)]
    custom: bool,
    source: String,
}

fn number() -> Kind {
    Kind::Number
}

fn diagnostics() -> Purpose {
    Purpose::Diagnostics
}

fn every_powertrain() -> Vec<Powertrain> {
    vec![Powertrain::Ice, Powertrain::Hev, Powertrain::Bev]
}

/// Why an entry is not a signal.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignalError {
    #[error("signal `{0}` has number 0: numbers begin at 1")]
    NumberZero(String),
    #[error("signal `{0}` is a number and needs `range = [low, high]`")]
    NoRange(String),
    #[error("signal `{0}` has an empty range: write `range = [low, high]` with low < high")]
    EmptyRange(String),
    #[error("signal `{0}` has no words: write `kind = {{ words = [..] }}` with two or more")]
    NoWords(String),
    #[error("signal `{0}` needs a `max_gap` above 0")]
    NoGap(String),
    #[error("signal `{0}` has a `max_rate` that is not above 0")]
    BadRate(String),
    #[error("signal `{0}` has a `max_jump` that is not above 0")]
    BadJump(String),
    #[error("signal `{0}` is for no powertrain")]
    NoPowertrain(String),
}

impl TryFrom<Entry> for Signal {
    type Error = SignalError;

    fn try_from(entry: Entry) -> Result<Self, SignalError> {
        let range = match (&entry.kind, entry.range) {
            (Kind::Flag, _) => (0.0, 1.0),
            (Kind::Words(words), _) if words.len() < 2 => return Err(SignalError::NoWords(entry.path)),
            (Kind::Words(words), _) => (0.0, (words.len() - 1) as f64),
            (Kind::Number, None) => return Err(SignalError::NoRange(entry.path)),
            (Kind::Number, Some((low, high))) if low < high => (low, high),
            (Kind::Number, Some(_)) => return Err(SignalError::EmptyRange(entry.path)),
        };
        if entry.no == SignalNo(0) {
            return Err(SignalError::NumberZero(entry.path));
        }
        if entry.max_gap <= Span::ZERO {
            return Err(SignalError::NoGap(entry.path));
        }
        if entry.max_rate.is_some_and(|rate| rate.is_nan() || rate <= 0.0) {
            return Err(SignalError::BadRate(entry.path));
        }
        if entry.max_jump.is_some_and(|jump| jump.is_nan() || jump <= 0.0) {
            return Err(SignalError::BadJump(entry.path));
        }
        if entry.powertrains.is_empty() {
            return Err(SignalError::NoPowertrain(entry.path));
        }
        Ok(Self {
            no: entry.no,
            path: entry.path,
            title: entry.title,
            unit: entry.unit,
            kind: entry.kind,
            range,
            max_gap: entry.max_gap,
            max_rate: entry.max_rate,
            max_jump: entry.max_jump,
            stuck_after: entry.stuck_after,
            charges: entry.charges,
            sentinels: entry.sentinels,
            keep: entry.keep,
            purpose: entry.purpose,
            powertrains: entry.powertrains,
            feature: entry.feature,
            forecast: entry.forecast,
            custom: entry.custom,
            source: entry.source,
        })
    }
}

impl Signal {
    /// Longest time within which a quick signal can be anywhere in its range.
    const QUICK: Span = Span::from_secs(60);

    /// Largest plausible change at once; `None` if every change is.
    pub fn jump(&self) -> Option<f64> {
        self.max_jump.or(self.max_rate)
    }

    /// Largest plausible change in that time.
    pub fn reach(&self, gap: Span) -> f64 {
        self.jump().map_or(f64::INFINITY, |jump| jump + self.max_rate.unwrap_or(0.0) * gap.secs_f64())
    }

    /// Whether a minute is enough for any change: then no reading tells what one a minute later can be.
    pub fn is_quick(&self) -> bool {
        self.reach(Self::QUICK.min(self.max_gap)) >= self.range.1 - self.range.0
    }
}

/// All signals of one catalogue, by slot, number and path.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    list: Vec<Signal>,
    by_no: Vec<Option<Slot>>,
    by_path: HashMap<String, Slot>,
}

/// Why a list of signals is not a catalogue.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignalsError {
    #[error("signal number {0} is given twice: `{1}` and `{2}`")]
    SameNumber(u16, String, String),
    #[error("signal `{0}` is given twice")]
    SamePath(String),
}

impl Signals {
    /// Indexes a list; slots follow the numbers, so that they are stable for one set of signals.
    pub fn try_new(mut list: Vec<Signal>) -> Result<Self, SignalsError> {
        list.sort_by_key(|signal| signal.no);
        let mut signals = Self::default();
        for (index, signal) in list.iter().enumerate() {
            let slot = Slot(index as u16);
            let no = signal.no.0 as usize;
            if signals.by_no.len() <= no {
                signals.by_no.resize(no + 1, None);
            }
            if let Some(other) = signals.by_no[no].replace(slot) {
                let other = list[other.index()].path.clone();
                return Err(SignalsError::SameNumber(signal.no.0, other, signal.path.clone()));
            }
            if signals.by_path.insert(signal.path.clone(), slot).is_some() {
                return Err(SignalsError::SamePath(signal.path.clone()));
            }
        }
        signals.list = list;
        Ok(signals)
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Signal)> {
        self.list.iter().enumerate().map(|(index, signal)| (Slot(index as u16), signal))
    }

    pub fn get(&self, slot: Slot) -> &Signal {
        &self.list[slot.index()]
    }

    pub fn slot_of(&self, no: SignalNo) -> Option<Slot> {
        self.by_no.get(no.0 as usize).copied().flatten()
    }

    pub fn slot_of_path(&self, path: &str) -> Option<Slot> {
        self.by_path.get(path).copied()
    }

    pub fn by_path(&self, path: &str) -> Option<&Signal> {
        self.slot_of_path(path).map(|slot| self.get(slot))
    }

    pub fn by_no(&self, no: SignalNo) -> Option<&Signal> {
        self.slot_of(no).map(|slot| self.get(slot))
    }
}
