//! Safety does not hang on a clock: whatever a vehicle's clock shows and however late its backlog comes, fresh
//! readings that show S1 warn once, and old ones never do.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built is a failed test")]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rules::author::trial::Trial;
use rules::case::NoticeStage;
use rules::catalogue::Catalogue;
use rules::rule_set::RuleSet;
use rules::stage::effect::{CaseEffect, Effect, Effects, NoticeEffect};
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::unit::Time;
use rules::vehicle::{
    Message, Particulars, Powertrain, Profile, Purpose, Reading, Reason, Sample, Sequence, VehicleId, What,
};

const COOLANT: &str = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature";
const RPM: &str = "Vehicle.Powertrain.CombustionEngine.Speed";
const SPEED: &str = "Vehicle.Speed";
/// 2026-03-02T08:00:00Z.
const START: i64 = 1_772_438_400;
const DAY: i64 = 86_400;

static SET: LazyLock<RuleSet> =
    LazyLock::new(|| RuleSet::compile(Arc::new(Catalogue::builtin().unwrap()), [0; 32]).unwrap());

/// A car on the road, and what was sent to it.
struct Car {
    trial: Trial,
    effects: Effects,
    numbered: bool,
    seq: u64,
    /// What its clock shows more than it should, seconds.
    clock: i64,
    stops: Vec<Time>,
    known: BTreeSet<uuid::Uuid>,
    opened: BTreeSet<String>,
    reasons: BTreeSet<Reason>,
}

impl Car {
    fn new(numbered: bool) -> Self {
        let profile = Profile::new(Particulars {
            model: "compact-ice".to_owned(),
            model_year: 2015,
            powertrain: Powertrain::Ice,
            region: String::new(),
            software: String::new(),
            tier: String::new(),
            dealer: uuid::Uuid::nil(),
            owner: None,
            consents: BTreeSet::from([Purpose::Diagnostics, Purpose::Maintenance]),
            allowed: None,
            delivered_at: Time::from_secs(START - 400 * DAY),
            attributes: rules::vehicle::Attributes::default(),
        });
        let vehicle = Vehicle::new(VehicleId::try_new("v").unwrap(), profile, &SET);
        Self {
            trial: Trial::new(vehicle, &SET, &Bounds::default()),
            effects: Effects::default(),
            numbered,
            seq: 0,
            clock: 0,
            stops: Vec::new(),
            known: BTreeSet::new(),
            opened: BTreeSet::new(),
            reasons: BTreeSet::new(),
        }
    }

    /// Tells what was measured at `measured`, and arrives at `received`, both in seconds since the start.
    fn tell(&mut self, received: i64, measured: i64, readings: &[(&str, f64)]) {
        self.seq += 1;
        let reading = |(path, value): &(&str, f64)| Reading {
            signal: SET.catalogue.signals.by_path(path).unwrap().no,
            value: *value,
        };
        let sample = Sample {
            measured_at: Time::from_secs(START + measured + self.clock),
            readings: readings.iter().map(reading).collect(),
            faults: Vec::new(),
        };
        let message = Message {
            sequence: self.numbered.then_some(Sequence { stream: 1, seq: self.seq, oldest: Some(1) }),
            received_at: Time::from_secs(START + received),
            samples: vec![sample],
            seen: Vec::new(),
            hash: self.seq,
        };
        self.trial.take(What::Message(message), &SET, &Bounds::default(), &mut self.effects);
        self.note();
    }

    fn note(&mut self) {
        for effect in self.effects.written.drain(..) {
            match effect {
                // The same notice may be asked for twice; the store has it once.
                Effect::Notice(NoticeEffect::Enqueue(notice))
                    if notice.stage == NoticeStage::StopNow && self.known.insert(notice.id) =>
                {
                    self.stops.push(notice.created_at);
                }
                Effect::Case(CaseEffect::Open { rule, .. }) => drop(self.opened.insert(rule)),
                _ => {}
            }
        }
        self.reasons.extend(self.effects.unused.drain(..).map(|(reason, _)| reason));
        self.effects.clear();
    }

    /// Drives from one second to another and tells at once, one message in `every` seconds.
    fn drive(&mut self, seconds: std::ops::Range<i64>, every: i64, coolant: f64) {
        for second in seconds.step_by(every as usize) {
            self.tell(second, second, &[(COOLANT, coolant), (RPM, 2_000.0), (SPEED, 60.0)]);
        }
    }

    /// The same, held back until `received` and then sent twenty to the second.
    fn catch_up(&mut self, seconds: std::ops::Range<i64>, received: i64, coolant: f64) {
        for (place, second) in seconds.step_by(10).enumerate() {
            let arrives = received + place as i64 / 20;
            self.tell(arrives, second, &[(COOLANT, coolant), (RPM, 2_000.0), (SPEED, 60.0)]);
        }
    }

    fn stand(&mut self, until: i64) {
        self.trial.pass_time(Time::from_secs(START + until), &SET, &Bounds::default(), &mut self.effects);
        self.note();
    }

    /// Seconds from `since` to each stop-now.
    fn stopped_after(&self, since: i64) -> Vec<i64> {
        self.stops.iter().map(|at| at.since(Time::from_secs(START + since)).micros() / 1_000_000).collect()
    }
}

#[test]
fn a_backlog_that_crossed_the_limit_warns_with_the_first_fresh_reading() {
    for numbered in [true, false] {
        let mut car = Car::new(numbered);
        car.drive(0..600, 10, 90.0);
        car.catch_up(600..4_200, 7_800, 126.0);
        assert_eq!(car.stops, [], "nobody is stopped because of the past");
        car.drive(7_820..8_000, 10, 126.0);
        let after = car.stopped_after(7_820);
        assert!(matches!(after[..], [0..=30]), "numbered {numbered}: {after:?}");
    }
}

#[test]
fn a_backlog_that_crossed_the_limit_warns_nobody_if_fresh_readings_are_sound() {
    let mut car = Car::new(true);
    car.drive(0..600, 10, 90.0);
    car.catch_up(600..4_200, 7_800, 126.0);
    car.drive(7_820..9_000, 10, 95.0);
    car.stand(20_000);
    assert_eq!(car.stops, []);
}

#[test]
fn fresh_readings_of_something_else_are_no_reason() {
    let mut car = Car::new(true);
    car.drive(0..600, 10, 90.0);
    car.catch_up(600..4_200, 7_800, 126.0);
    (7_820..8_000).step_by(10).for_each(|second| car.tell(second, second, &[(RPM, 2_000.0), (SPEED, 60.0)]));
    assert_eq!(car.stops, []);
    car.drive(8_000..8_060, 10, 126.0);
    assert_eq!(car.stops.len(), 1);
}

#[test]
fn a_clock_of_long_ago_neither_hides_the_heat_nor_reports_a_silence() {
    let mut car = Car::new(true);
    car.drive(0..1_200, 10, 90.0);
    car.clock = -6 * 365 * DAY;
    car.drive(1_200..9_000, 10, 90.0);
    assert!(!car.opened.iter().any(|rule| rule.starts_with("telematics")), "{:?}", car.opened);
    car.drive(9_000..9_180, 10, 126.0);
    let after = car.stopped_after(9_000);
    assert!(matches!(after[..], [0..=30]), "{after:?}");
    assert!(car.reasons.contains(&Reason::ClockReplaced));
}

#[test]
fn a_first_contact_with_a_clock_days_behind_warns_within_minutes() {
    let mut car = Car::new(true);
    car.clock = -2 * DAY;
    car.drive(0..60, 10, 90.0);
    car.drive(60..900, 10, 126.0);
    let after = car.stopped_after(60);
    assert!(matches!(after[..], [0..=330]), "{after:?}");
}

#[test]
fn a_second_case_of_the_same_backlog_warns_once() {
    let mut car = Car::new(true);
    car.drive(0..600, 10, 90.0);
    car.catch_up(600..4_200, 7_800, 126.0);
    car.drive(7_820..8_000, 10, 126.0);
    car.catch_up(8_000..9_000, 9_700, 126.0);
    car.drive(9_720..9_900, 10, 126.0);
    assert_eq!(car.stops.len(), 1, "one case, one warning");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// The clock is set wrong at the moment at which the engine begins to boil.
    #[test]
    fn whatever_the_clock_shows_the_heat_is_told_once_and_soon(
        off in prop_oneof![-10 * 365 * DAY..-3 * 365 * DAY, -40 * DAY..-DAY, -DAY..-600, -600..600_i64, 600..DAY, DAY..40 * DAY, DAY..20_000 * DAY],
        every in prop_oneof![Just(1_i64), Just(5), Just(10), Just(30)],
        numbered in any::<bool>(),
    ) {
        let mut car = Car::new(numbered);
        car.drive(0..1_800, every, 90.0);
        car.clock = off;
        car.drive(1_800..3_600, every, 126.0);
        let after = car.stopped_after(1_800);
        // Without numbers, a clock that was set back by minutes is only late until it has caught up.
        let bound = if numbered { 130 + 3 * every } else { 620 + 8 * every };
        prop_assert!(after.len() == 1 && (0..=bound).contains(&after[0]), "{:?} {:?}", after, car.reasons);
        prop_assert!(!car.opened.iter().any(|rule| rule.starts_with("telematics")), "{:?}", car.opened);
    }

    /// A backlog is never news, however it is cut and however fast it comes.
    #[test]
    fn old_readings_stop_nobody(age in 700..40 * DAY, length in 60..7_200_i64, per_second in 2..40_usize) {
        let mut car = Car::new(true);
        car.drive(-age - length - 1_800..-age - length, 10, 90.0);
        for (place, second) in (-age - length..-age).step_by(10).enumerate() {
            car.tell((place / per_second) as i64, second, &[(COOLANT, 126.0), (RPM, 2_000.0), (SPEED, 60.0)]);
        }
        car.stand(20_000);
        prop_assert_eq!(car.stops, Vec::<Time>::new());
    }
}
