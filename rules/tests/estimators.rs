//! The slice of estimators: every entry says what it reads, writes and is about, and one that is added needs nothing
//! else to be run, restarted, stored and read back.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rules::catalogue::Catalogue;
use rules::compact::SlotSet;
use rules::entry::signal::Signals;
use rules::estimate::entry::{Entry, ReadAt, expanded};
use rules::estimate::feature::Features;
use rules::estimate::given::{Given, Observed};
use rules::estimate::oil::Oil;
use rules::estimate::states::{States, read};
use rules::estimate::usage::Usage;
use rules::estimate::{ESTIMATORS, State, imbalance};
use rules::learned::CalibrationTable;
use rules::learned::forecast::FORECASTERS;
use rules::observed::last::Last;
use rules::observed::readings::Readings;
use rules::observed::segment::{Segment, Turn};
use rules::rule_set::EstimatorSet;
use rules::stage::estimate::{Written, run};
use rules::unit::{Span, Time};
use rules::vehicle::{Attributes, Component, Particulars, Powertrain, Profile, Slot};

#[test]
fn keys_are_unique_and_every_estimator_is_described() {
    let keys: BTreeSet<&str> = ESTIMATORS.iter().map(|entry| entry.key).collect();
    assert_eq!(keys.len(), ESTIMATORS.len());
    assert!(ESTIMATORS.len() <= States::MOST, "a word has no more bits");
    for entry in ESTIMATORS {
        assert!(entry.what.len() > 20 && entry.version > 0, "{}", entry.key);
        assert!(!entry.wakes.is_empty() || !entry.occasions.is_empty(), "{} never runs", entry.key);
        assert!(!entry.emits.is_empty(), "nobody could read {}", entry.key);
    }
}

#[test]
fn what_is_read_and_written_is_in_the_catalogue() {
    let catalogue = Catalogue::builtin().unwrap();
    let mut writers: BTreeMap<String, &str> = BTreeMap::new();
    for entry in ESTIMATORS {
        for path in entry.inputs() {
            let written_before = writers.contains_key(&path);
            let signal = catalogue.signals.by_path(&path).unwrap_or_else(|| panic!("{}: {path}", entry.key));
            assert_eq!(signal.feature && !path.starts_with("Attribute."), written_before, "{}: {path}", entry.key);
        }
        for path in entry.outputs() {
            assert!(catalogue.signals.by_path(&path).is_some_and(|signal| signal.feature), "{}: {path}", entry.key);
            assert_eq!(writers.insert(path, entry.key), None, "{}", entry.key);
        }
        for component in expanded(entry.components) {
            let below = format!("{component}.");
            let is_known = |key: &str| key == component || key.starts_with(&below);
            assert!(catalogue.components.keys().any(is_known), "{}: {component}", entry.key);
        }
    }
    let features = catalogue.signals.iter().filter(|(_, signal)| signal.path.starts_with("Feature."));
    for (_, signal) in features {
        assert!(writers.contains_key(&signal.path), "nobody writes {}", signal.path);
    }
}

#[test]
fn who_forecasts_has_a_calibration() {
    let forecasters = ESTIMATORS.iter().filter_map(|entry| entry.foresight).map(|foresight| foresight.estimator);
    assert_eq!(forecasters.collect::<BTreeSet<_>>(), BTreeSet::from(FORECASTERS));
}

#[test]
fn every_estimator_has_a_scenario() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    for entry in ESTIMATORS {
        let folder = scenarios.join(entry.key);
        let count = std::fs::read_dir(&folder).map_or(0, Iterator::count);
        assert!(count > 0, "rules/tests/scenarios/{}/", entry.key);
    }
}

#[test]
fn a_state_is_a_pointer_or_less_beside_its_kind() {
    assert_eq!(size_of::<State>(), 16);
    assert_eq!(size_of::<States>(), 24);
}

const SPEED: &str = "Vehicle.Speed";
/// Takes every speed for an oil that was never seen before, and remembers it.
const ADDED: Entry = Entry {
    key: "added",
    version: 3,
    what: "an estimator that no other file knows",
    wakes: &[SPEED],
    emits: &["Feature.Trip.MovingMinutes"],
    components: &["engine"],
    update: added,
    restart: |state, _| *state = State::None,
    read: |bytes| read(bytes).map(State::Oil),
    ..Entry::PLAIN
};

fn added(state: &mut State, _: &Observed<'_>, _: &Given<'_>, features: &mut Features<'_>) {
    assert!(features.measured(ReadAt(0)).is_some(), "it runs only when its signal was touched");
    state.or(known);
}

/// A state without anything that is not a number: those are equal to nothing.
fn known() -> State {
    let mut oil = Oil::default();
    oil.take(false, 1_000.0);
    State::Oil(oil)
}

/// Where the estimator of this test runs.
struct Bench {
    catalogue: Catalogue,
    profile: Profile,
    usage: Usage,
    last: Readings,
}

impl Bench {
    fn new() -> Self {
        let profile = Profile::new(Particulars {
            model: "unknown".to_owned(),
            model_year: 2024,
            powertrain: Powertrain::Ice,
            region: String::new(),
            software: String::new(),
            tier: String::new(),
            dealer: uuid::Uuid::nil(),
            owner: None,
            consents: BTreeSet::new(),
            allowed: None,
            delivered_at: Time::from_secs(1),
            attributes: Attributes::default(),
        });
        let usage = Usage::new(&profile, 0);
        Self { catalogue: Catalogue::builtin().unwrap(), profile, usage, last: Readings::default() }
    }

    fn signals(&self) -> &Signals {
        &self.catalogue.signals
    }

    fn slot(&self, path: &str) -> Slot {
        self.signals().slot_of_path(path).unwrap()
    }

    /// One step in which a signal was measured.
    fn step(&mut self, estimators: &EstimatorSet, states: &mut States, path: &str) {
        let (at, slot) = (Time::from_secs(1_772_409_600), self.slot(path));
        let mut touched = SlotSet::default();
        touched.insert(slot);
        self.last.set(slot.index(), Last { value: 1.0, at });
        let observed = Observed {
            at,
            pause: Span::ZERO,
            turn: Turn { began: true, ended: true, changed: true },
            segment: &Segment::NEW,
            odometer_km: 1.0,
            faults: &[],
            faults_changed: true,
            storm: false,
        };
        let given = Given {
            profile: &self.profile,
            norms: &self.catalogue.norms,
            calibrations: &CalibrationTable::default(),
            models: &self.catalogue.models,
            usage: &self.usage,
        };
        let written = Written { last: &mut self.last, touched: &mut touched, signals: &self.catalogue.signals };
        run(estimators, states, &observed, &given, written);
    }
}

#[test]
fn one_that_is_added_runs_when_its_signal_was_touched_and_a_rule_reads_it() {
    let mut bench = Bench::new();
    let asked = EstimatorSet::resolve(&[ADDED], bench.signals(), false, |_| true);
    let unasked = EstimatorSet::resolve(&[ADDED], bench.signals(), false, |_| false);
    let mut states = States::default();
    bench.step(&asked, &mut states, "Vehicle.TraveledDistance");
    bench.step(&unasked, &mut states, SPEED);
    assert_eq!(states, States::default());
    bench.step(&asked, &mut states, SPEED);
    assert_eq!(states.get(0), Some(&known()));
}

#[test]
fn it_is_restarted_by_its_component_and_by_no_other() {
    let mut states = States::default();
    states.set(0, known());
    states.restart(&Component::new("chassis.tyre"), &[ADDED]);
    assert!(states.get(0).is_some());
    states.restart(&Component::new("engine.oil"), &[ADDED]);
    assert_eq!(states, States::default());
}

#[test]
fn it_is_stored_by_its_key_and_version_wherever_it_stands() {
    let before: &[Entry] = &[imbalance::ENTRY, ADDED];
    let mut states = States::default();
    states.set(0, State::Imbalance(Box::default()));
    states.set(1, known());
    let stored = || states.stored(before);
    assert_eq!(States::from_stored(stored(), before), states);
    let moved = States::from_stored(stored(), &[ADDED, imbalance::ENTRY]);
    assert_eq!((moved.get(0), moved.get(1)), (states.get(1), states.get(0)));
    let newer = Entry { version: 4, ..ADDED };
    for others in [&[imbalance::ENTRY][..], &[imbalance::ENTRY, newer]] {
        let left = States::from_stored(stored(), others);
        assert_eq!((left.get(0), left.get(1)), (states.get(0), None), "the others stay as they are");
    }
}

#[test]
fn what_feeds_an_estimator_that_is_asked_runs_too() {
    let bench = Bench::new();
    let days = bench.slot("Feature.Powertrain.TractionBattery.InsulationDaysLeft");
    let set = EstimatorSet::resolve(ESTIMATORS, bench.signals(), false, |slot| slot == days);
    let ohm = bench.slot("Vehicle.Powertrain.TractionBattery.InsulationResistance");
    let number = |key: &str| ESTIMATORS.iter().position(|entry| entry.key == key).unwrap();
    assert_eq!(set.by_slot()[ohm.index()], 1 << number("per_volt"));
    assert_eq!(set.by_slot()[bench.slot(SPEED).index()], 0);
}
