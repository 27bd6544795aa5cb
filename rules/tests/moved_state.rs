//! A step of our own clock moves every time that a vehicle's state holds.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built is a failed test")]

use std::collections::BTreeSet;
use std::sync::Arc;

use rules::author::trial::Trial;
use rules::catalogue::Catalogue;
use rules::rule_set::RuleSet;
use rules::stage::effect::Effects;
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::unit::{Span, Time};
use rules::vehicle::{
    Command, Component, FaultReport, Message, Particulars, Powertrain, Profile, Purpose, Reading, Sample, Sequence,
    VehicleId, What,
};

const SPEED: &str = "Vehicle.Speed";
const COOLANT: &str = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature";
const VOLTS: &str = "Vehicle.LowVoltageBattery.CurrentVoltage";
/// 2026-03-02T00:00:00Z, a Monday.
const START: i64 = 1_772_409_600;

/// A state that is moved is the state of the same history at another time: what [`Vehicle::follow_clock`] forgot would
/// differ. All shipped rules, and readings for most estimators; whole weeks, because calendars have days. Buckets of
/// windows do not move by weeks.
#[test]
fn every_time_that_a_state_holds_is_moved() {
    let set = RuleSet::compile(Arc::new(Catalogue::builtin().unwrap()), [8; 32]).unwrap();
    let bounds = Bounds::default();
    let history = |begins: i64| {
        let mut trial = Trial::new(vehicle(&set), &set, &bounds);
        let mut effects = Effects::default();
        for (index, message) in (0..).zip(drives(&set, begins)) {
            // One number is missing: some of them wait.
            let message = Message {
                sequence: Some(Sequence { stream: 1, seq: index + 1 + index / 200, oldest: Some(1) }),
                ..message
            };
            trial.take(What::Message(message), &set, &bounds, &mut effects);
        }
        for command in [
            Command::Snooze { case: uuid::Uuid::nil(), until: Time::from_secs(begins + 900_000) },
            Command::Replaced { component: Component::new("chassis.tyre"), effective_at: trial.vehicle.newest },
        ] {
            let what = What::Command { command_id: 1, received_at: trial.vehicle.received, command };
            trial.take(what, &set, &bounds, &mut effects);
        }
        let decided = effects.written.len();
        (trial.vehicle, decided)
    };
    let by = Span::from_days(70);
    let (mut moved, decided) = history(START);
    let (mut expected, _) = history(START + 70 * 86_400);
    assert!(decided > 10, "something happened: {decided}");
    assert_ne!(format!("{moved:?}"), format!("{expected:?}"));
    moved.follow_clock(by, Span::ZERO, &set, &bounds);
    // Its clock was right and is now known to differ: no part of the same history.
    expected.clock = moved.clock.clone();
    expected.windows = moved.windows.clone();
    let lines = |vehicle: &Vehicle| without_taken(&format!("{vehicle:#?}"));
    for (number, (one, other)) in lines(&moved).iter().zip(lines(&expected)).enumerate() {
        assert_eq!(*one, other, "line {number} of the state");
    }
}

/// The lines of a state but those of the times that the vehicle wrote itself: they tell repeats, by its own clock.
fn without_taken(state: &str) -> Vec<String> {
    let mut end = None;
    let mut kept = Vec::new();
    for line in state.lines() {
        let indent = line.len() - line.trim_start().len();
        match end {
            Some(begun) if indent > begun => {}
            Some(_) => end = None,
            None if line.trim_start().starts_with("taken: ") => end = Some(indent),
            None => kept.push(line.to_owned()),
        }
    }
    kept
}

/// Four days with a drive each, of what a car with everything could say; the last one ends behind a gap.
fn drives(set: &RuleSet, begins: i64) -> Vec<Message> {
    let signals = &set.catalogue.signals;
    let wheel = |row: u8, side: &str| format!("Vehicle.Chassis.Axle.Row{row}.Wheel.{side}.Tire.Pressure");
    let mut all = Vec::new();
    for day in 0..4_i64 {
        for tick in 0..180_i64 {
            let at = begins + day * 86_400 + 36_000 + tick * 10;
            let warm = (tick as f64).min(90.0);
            let mut readings: Vec<(String, f64)> = [
                (SPEED, if tick < 6 { 0.0 } else { 50.0 + (tick % 7) as f64 }),
                (COOLANT, if day == 3 && tick > 150 { 117.0 } else { 10.0 + warm }),
                (VOLTS, if tick < 3 { 12.4 } else { 14.0 - 0.3 * day as f64 }),
                ("Vehicle.Powertrain.CombustionEngine.Speed", if tick < 4 { 0.0 } else { 1_900.0 }),
                ("Vehicle.TraveledDistance", 1e6 + (day * 30_000 + tick * 140) as f64),
                ("Vehicle.Powertrain.TractionBattery.StateOfCharge.Current", 70.0 - 0.01 * tick as f64),
                ("Vehicle.Powertrain.TractionBattery.InsulationResistance", 900_000.0 - 1_000.0 * day as f64),
            ]
            .into_iter()
            .map(|(path, value)| (path.to_owned(), value))
            .collect();
            for (row, side, bar) in [(1, "Left", 240.0), (1, "Right", 241.0), (2, "Left", 238.0), (2, "Right", 239.0)] {
                readings.push((wheel(row, side), bar - 3.0 * day as f64));
            }
            let faults = (day > 0 && tick % 30 == 10).then(|| FaultReport {
                code: "P0301".parse().unwrap(),
                ecu: "7E8".into(),
                status: 0x2f,
                count: Some(1),
            });
            all.push(Message {
                sequence: None,
                received_at: Time::from_secs(at),
                samples: vec![Sample {
                    measured_at: Time::from_secs(at),
                    readings: readings
                        .iter()
                        .map(|(path, value)| Reading { signal: signals.by_path(path).unwrap().no, value: *value })
                        .collect(),
                    faults: faults.into_iter().collect(),
                }],
                seen: Vec::new(),
                hash: all.len() as u64,
            });
        }
    }
    all
}

fn vehicle(set: &RuleSet) -> Vehicle {
    let profile = Profile::new(Particulars {
        model: "unknown".to_owned(),
        model_year: 2024,
        powertrain: Powertrain::Ice,
        region: String::new(),
        software: String::new(),
        tier: String::new(),
        dealer: uuid::Uuid::nil(),
        owner: None,
        consents: BTreeSet::from([Purpose::Diagnostics, Purpose::Maintenance]),
        allowed: None,
        delivered_at: Time::from_secs(START),
        attributes: rules::vehicle::Attributes::default(),
    });
    Vehicle::new(VehicleId::try_new("v").unwrap(), profile, set)
}
