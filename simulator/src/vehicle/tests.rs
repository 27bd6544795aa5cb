//! Healthy and broken vehicles, as their frames show them.

use std::collections::BTreeMap;

use rules::catalogue::Catalogue;
use rules::entry::signal::Kind;
use rules::unit::{Span, Time};
use rules::vehicle::VehicleId;

use super::{Sampling, Vehicle};
use crate::fault::{Planted, fault};
use crate::frame::{Frame, Value};
use crate::model::{COMPACT_ICE, MODELS, Model, SEDAN_HEV, Specification};
use crate::signal;

fn start() -> Time {
    Time::parse("2026-01-11T16:00:00Z").unwrap()
}

fn vehicle(seed: u64, number: u32, model: Model, start: Time) -> Vehicle {
    let spec = Specification::draw(seed, number, VehicleId::try_new("v").unwrap(), start).of_model(model);
    Vehicle::new(seed, spec, start, Sampling::default())
}

fn days(vehicle: &mut Vehicle, days: i64) -> Vec<Frame> {
    let end = vehicle.clock() + Span::from_days(days);
    vehicle.by_ref().take_while(|frame| frame.at < end).collect()
}

/// Thirty days in winter and thirty in summer of some vehicles of every model.
fn healthy() -> impl Iterator<Item = (&'static str, Vec<Frame>)> {
    let seasons = ["2026-01-11T16:00:00Z", "2026-07-05T16:00:00Z"];
    MODELS.iter().flat_map(move |(model, _)| {
        seasons.into_iter().flat_map(move |season| {
            (0..3).map(move |number| {
                let mut vehicle = vehicle(5, number, *model, Time::parse(season).unwrap());
                (model.key, days(&mut vehicle, 30))
            })
        })
    })
}

#[test]
fn stays_within_the_ranges_and_rates_of_the_catalogue() {
    let signals = Catalogue::builtin().unwrap().signals;
    for (model, frames) in healthy() {
        let mut last: BTreeMap<String, (Time, f64)> = BTreeMap::new();
        for frame in &frames {
            for (name, value) in &frame.readings {
                let entry = signals.by_path(name).unwrap();
                let number = match (value, &entry.kind) {
                    (Value::Number(number), Kind::Number) => *number,
                    (Value::Flag(_), Kind::Flag) => continue,
                    (Value::Word(word), Kind::Words(words)) => {
                        assert!(words.iter().any(|known| known == word), "{name} {word}");
                        continue;
                    }
                    _ => panic!("{name} is {value:?}"),
                };
                let (low, high) = entry.range;
                assert!((low..=high).contains(&number), "{model} {name} {number}");
                if let Some((at, before)) = last.get(&**name) {
                    let gap = frame.at.since(*at);
                    let changed = (number - before).abs();
                    // A start is a jump that the catalogue's users gate on, and after a gap anything may have happened.
                    let gated = *name == signal::VOLTAGE_12 || gap > entry.max_gap;
                    assert!(gated || changed <= entry.reach(gap), "{model} {name} {before} -> {number} in {gap}");
                }
                last.insert(name.clone().into_owned(), (frame.at, number));
            }
        }
    }
}

#[test]
fn a_healthy_vehicle_crosses_no_threshold() {
    for (model, frames) in healthy() {
        let mut parked_since = None;
        for frame in &frames {
            let shows = |name: &str, ok: &dyn Fn(f64) -> bool| {
                if let Some(value) = frame.get(name) {
                    assert!(ok(value), "{model} {name} {value} at {}", frame.at);
                }
            };
            shows(signal::COOLANT, &|celsius| celsius < 108.0);
            shows(signal::OIL_TEMPERATURE, &|celsius| celsius < 130.0);
            shows(signal::CELL_HOT, &|celsius| celsius < 52.0);
            shows(signal::INSULATION, &|kiloohm| kiloohm > 1_000.0);
            shows(signal::MOTOR_TEMPERATURE, &|celsius| celsius < 130.0);
            shows(signal::DCDC_TEMPERATURE, &|celsius| celsius < 80.0);
            for wheel in signal::TYRE_PRESSURE {
                shows(wheel, &|kpa| kpa > 190.0 && kpa < 345.0);
            }
            assert!(frame.is(signal::BRAKE_FLUID_LOW) != Some(true));
            assert!(frame.codes.is_empty(), "{model} {:?}", frame.codes);
            let running = frame.get(signal::ENGINE_SPEED).is_some_and(|rpm| rpm > 600.0);
            if running {
                shows(signal::OIL_PRESSURE, &|kpa| kpa > 110.0);
                shows(signal::VOLTAGE_12, &|volts| (13.5..14.8).contains(&volts));
            }
            let ignition = frame.readings.iter().find(|(name, _)| name == signal::IGNITION);
            match ignition.map(|(_, value)| value) {
                Some(Value::Word(word)) if word == "OFF" => parked_since = Some(frame.at),
                Some(Value::Word(word)) if word == "ON" => {
                    if parked_since.is_some_and(|since| frame.at.since(since) >= Span::from_hours(4)) {
                        shows(signal::VOLTAGE_12, &|volts| (12.3..13.0).contains(&volts));
                    }
                    parked_since = None;
                }
                _ => {}
            }
        }
    }
}

#[test]
fn volumes_are_near_what_the_domain_expects() {
    for (model, frames) in healthy() {
        let per_day = frames.len() as f64 / 30.0;
        assert!((10.0..4_500.0).contains(&per_day), "{model} {per_day}");
    }
    let mut fleet = 0;
    for number in 0..40 {
        let spec = Specification::draw(3, number, VehicleId::try_new("v").unwrap(), start());
        fleet += days(&mut Vehicle::new(3, spec, start(), Sampling::default()), 7).len();
    }
    let per_day = fleet as f64 / 40.0 / 7.0;
    assert!((300.0..1_200.0).contains(&per_day), "{per_day}");
}

#[test]
fn time_never_goes_back_and_the_odometer_only_forward() {
    for (_, frames) in healthy().take(9) {
        assert!(frames.is_sorted_by(|one, next| one.at < next.at));
        let metres: Vec<_> = frames.iter().filter_map(|frame| frame.get(signal::ODOMETER)).collect();
        assert!(metres.is_sorted() && metres.first() < metres.last());
    }
}

#[test]
fn the_same_seed_gives_the_same_frames() {
    let frames = |seed| days(&mut vehicle(seed, 1, COMPACT_ICE, start()), 5);
    assert_eq!(frames(1), frames(1));
    assert_ne!(frames(1), frames(2));
}

#[test]
fn faults_of_hybrids_show_too() {
    for key in ["coolant-loss", "low-charging", "cell-overheating", "misfire"] {
        let mut vehicle = vehicle(8, 4, SEDAN_HEV, start());
        vehicle.plant(Planted::new(fault(key).unwrap(), start() + Span::from_days(2)));
        days(&mut vehicle, 20);
        assert!(vehicle.truths()[0].threshold.is_some(), "{key}");
    }
}

#[test]
fn an_errand_is_run_when_it_was_asked_for() {
    let at = start() + Span::from_hours(3);
    let mut vehicle = vehicle(8, 2, COMPACT_ICE, start());
    vehicle.send_on(at, 5.0);
    let on = days(&mut vehicle, 1).into_iter().find(|frame| frame.get(signal::SPEED).is_some());
    assert_eq!(on.map(|frame| frame.at), Some(at));
}

#[test]
fn a_misfire_is_pending_first_and_confirmed_in_the_next_trip() {
    let mut vehicle = vehicle(8, 2, COMPACT_ICE, start());
    vehicle.plant(Planted::new(fault("misfire").unwrap(), start() + Span::from_hours(30)));
    let frames = days(&mut vehicle, 6);
    let codes: Vec<_> = frames.iter().flat_map(|frame| &frame.codes).collect();
    assert_eq!((codes[0].code.as_ref(), codes[0].status), ("P0301", 0x27));
    assert!(codes.iter().any(|code| code.status == 0xAF));
}

#[test]
fn a_silent_vehicle_says_nothing_more() {
    let mut vehicle = vehicle(8, 2, COMPACT_ICE, start());
    let planted = start() + Span::from_days(2);
    vehicle.plant(Planted::new(fault("silent").unwrap(), planted));
    let frames: Vec<_> = vehicle.by_ref().collect();
    assert!(frames.last().unwrap().at <= planted);
    assert!(vehicle.truths()[0].threshold.is_some());
}

#[test]
fn a_fault_does_not_change_where_its_driver_goes() {
    let odometer = |with_fault: bool| {
        let mut vehicle = vehicle(8, 2, COMPACT_ICE, start());
        if with_fault {
            vehicle.plant(Planted::new(fault("misfire").unwrap(), start() + Span::from_days(1)));
        }
        days(&mut vehicle, 10).iter().rev().find_map(|frame| frame.get(signal::ODOMETER))
    };
    assert_eq!(odometer(true), odometer(false));
}
