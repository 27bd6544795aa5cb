//! The signals as the hot path looks them up: by path with a fast hash, by number with an array.
//!
//! Built once per catalogue from [`Signals`]. Features are left out: only estimators make them, so
//! a vehicle that sends one sends an unknown signal.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU16, Ordering};

use rules::entry::signal::{Kind, Signals};
use rules::vehicle::{Powertrain, Purpose, SignalNo};
use xxhash_rust::xxh3::xxh3_64;

/// What admission knows of one signal.
#[derive(Clone, Debug)]
pub struct Entry {
    pub no: SignalNo,
    pub path: Box<str>,
    pub kind: Kind,
    pub range: (f64, f64),
    pub sentinels: Box<[f64]>,
    pub purpose: Purpose,
    /// Empty: every powertrain.
    pub powertrains: Box<[Powertrain]>,
    /// A position: kept to a cell of about a kilometre only.
    pub coarse: bool,
    /// Place of the signal that followed it last in a message: vehicles keep to their order.
    next: Next,
}

/// A guess that any thread may better.
#[derive(Debug, Default)]
struct Next(AtomicU16);

impl Clone for Next {
    fn clone(&self) -> Self {
        Self(AtomicU16::new(self.0.load(Ordering::Relaxed)))
    }
}

/// All signals that a vehicle may send.
#[derive(Clone, Debug, Default)]
pub struct SignalIndex {
    entries: Vec<Entry>,
    by_path: HashMap<Box<str>, u16, FastHash>,
    by_no: Vec<Option<u16>>,
    /// Place of the first signal of the message before.
    first: Next,
}

impl SignalIndex {
    pub fn new(signals: &Signals) -> Self {
        let mut index = Self::default();
        for (_, signal) in signals.iter().filter(|(_, signal)| !signal.feature) {
            let place = index.entries.len() as u16;
            let no = usize::from(signal.no.0);
            if index.by_no.len() <= no {
                index.by_no.resize(no + 1, None);
            }
            index.by_no[no] = Some(place);
            index.by_path.insert(signal.path.as_str().into(), place);
            index.entries.push(Entry {
                no: signal.no,
                path: signal.path.as_str().into(),
                kind: signal.kind.clone(),
                range: signal.range,
                sentinels: signal.sentinels.as_slice().into(),
                purpose: signal.purpose,
                powertrains: signal.powertrains.as_slice().into(),
                next: Next::default(),
                coarse: signal.purpose == Purpose::Location && signal.unit.as_str() == "deg",
            });
        }
        index
    }

    pub fn by_path(&self, path: &str) -> Option<&Entry> {
        self.by_path.get(path).and_then(|place| self.entries.get(usize::from(*place)))
    }

    /// The signal that followed another one in the message before, or began it.
    #[inline]
    pub fn expected_after(&self, before: Option<&Entry>) -> Option<&Entry> {
        let next = before.map_or(&self.first, |entry| &entry.next);
        self.entries.get(usize::from(next.0.load(Ordering::Relaxed)))
    }

    /// The signal of a path that is not the expected one; from now on it is.
    pub fn by_path_after(&self, before: Option<&Entry>, path: &str) -> Option<&Entry> {
        let next = before.map_or(&self.first, |entry| &entry.next);
        let place = self.by_path.get(path)?;
        next.0.store(*place, Ordering::Relaxed);
        self.entries.get(usize::from(*place))
    }

    pub fn by_no(&self, no: SignalNo) -> Option<&Entry> {
        let place = self.by_no.get(usize::from(no.0)).copied().flatten()?;
        self.entries.get(usize::from(place))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }
}

/// xxh3 of the path. The keys are ours, so nobody can make them collide; lookups of hostile paths
/// cost one hash and at most a few comparisons.
#[derive(Default)]
pub struct Xxh3Hash(u64);

/// For maps by text on the hot path whose keys are ours.
pub type FastHash = BuildHasherDefault<Xxh3Hash>;

impl Hasher for Xxh3Hash {
    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= xxh3_64(bytes);
    }

    /// The end mark that `str` adds to itself.
    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rules::entry::signal::Signal;
    use rules::unit::{Span, Unit};

    use super::*;

    /// A small catalogue for tests of this crate.
    pub(crate) fn signals() -> Signals {
        let number = |no: u16, path: &str, unit: &str, range: (f64, f64)| Signal {
            no: SignalNo(no),
            path: path.to_owned(),
            title: rules::unit::Text::default(),
            unit: Unit::parse(unit).unwrap(),
            kind: Kind::Number,
            range,
            max_gap: Span::from_mins(10),
            max_rate: None,
            max_jump: None,
            stuck_after: None,
            charges: false,
            sentinels: Vec::new(),
            keep: None,
            purpose: Purpose::Maintenance,
            powertrains: vec![Powertrain::Ice, Powertrain::Hev, Powertrain::Bev],
            feature: false,
            forecast: None,
            custom: false,
            source: String::new(),
        };
        let list = vec![
            number(1, "Vehicle.TraveledDistance", "m", (0.0, 2e9)),
            Signal {
                purpose: Purpose::Diagnostics,
                sentinels: vec![655.35],
                ..number(2, "Vehicle.LowVoltageBattery.CurrentVoltage", "V", (0.0, 1000.0))
            },
            Signal {
                purpose: Purpose::Diagnostics,
                kind: Kind::Words(["LOCK", "OFF", "ACC", "ON", "START"].map(str::to_owned).into()),
                ..number(3, "Vehicle.LowVoltageSystemState", "", (0.0, 4.0))
            },
            Signal {
                purpose: Purpose::Diagnostics,
                kind: Kind::Flag,
                ..number(4, "Vehicle.Chassis.Brake.IsWarning", "", (0.0, 1.0))
            },
            Signal {
                purpose: Purpose::Location,
                ..number(50, "Vehicle.CurrentLocation.Latitude", "deg", (-90.0, 90.0))
            },
            Signal {
                purpose: Purpose::Diagnostics,
                powertrains: vec![Powertrain::Bev],
                ..number(60, "Vehicle.Powertrain.TractionBattery.StateOfHealth", "%", (0.0, 100.0))
            },
            Signal { feature: true, ..number(700, "Feature.KmPerDay", "km", (0.0, 2000.0)) },
        ];
        Signals::try_new(list).unwrap()
    }

    #[test]
    fn finds_signals_by_path_and_number_but_no_features() {
        let index = SignalIndex::new(&signals());
        assert_eq!(index.by_path("Vehicle.TraveledDistance").unwrap().no, SignalNo(1));
        assert_eq!(&*index.by_no(SignalNo(60)).unwrap().path, "Vehicle.Powertrain.TractionBattery.StateOfHealth");
        assert!(index.by_path("Feature.KmPerDay").is_none());
        assert!(index.by_no(SignalNo(9)).is_none());
        assert!(index.by_no(SignalNo(60_000)).is_none());
    }
}
