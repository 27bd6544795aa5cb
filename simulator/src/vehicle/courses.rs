//! Long courses: faults as workshops meet them begin, show and fail in that order, in the time the trade knows.

use std::sync::Mutex;
use std::thread;

use rules::unit::{Span, Time};
use rules::vehicle::VehicleId;

use super::{Sampling, Vehicle};
use crate::driver::Habit;
use crate::fault::{Magnitude, Planted, fault};
use crate::model::{COMPACT_BEV, COMPACT_ICE, Model, Specification, VAN_DIESEL};
use crate::truth::Truth;

/// A fault, its magnitude, who has it, and the days from its start within which the part has failed.
type Course = (&'static str, Magnitude, Model, Habit, std::ops::Range<f64>);

const COURSES: &[Course] = &[
    ("slow-leak", Magnitude::Typical, COMPACT_ICE, Habit::Commuter, 40.0..110.0),
    ("slow-leak", Magnitude::Severe, COMPACT_ICE, Habit::Commuter, 15.0..40.0),
    ("battery-ageing", Magnitude::Typical, COMPACT_ICE, Habit::Commuter, 45.0..95.0),
    ("battery-ageing", Magnitude::Severe, COMPACT_BEV, Habit::Commuter, 40.0..95.0),
    ("parasitic-drain", Magnitude::Severe, COMPACT_ICE, Habit::Weekend, 2.0..60.0),
    ("worn-front-pads", Magnitude::Severe, COMPACT_ICE, Habit::Fleet, 60.0..330.0),
    ("insulation-decay", Magnitude::Severe, COMPACT_BEV, Habit::Commuter, 40.0..110.0),
    ("traction-ageing", Magnitude::Severe, COMPACT_BEV, Habit::Fleet, 300.0..1_300.0),
    ("oil-consumption", Magnitude::Severe, COMPACT_ICE, Habit::Commuter, 30.0..65.0),
    ("coolant-seep", Magnitude::Typical, COMPACT_ICE, Habit::Commuter, 70.0..125.0),
    ("blocked-filter", Magnitude::Severe, VAN_DIESEL, Habit::Fleet, 1.0..30.0),
    ("adblue-leak", Magnitude::Typical, VAN_DIESEL, Habit::Fleet, 5.0..50.0),
    ("cell-drift", Magnitude::Severe, COMPACT_BEV, Habit::Commuter, 330.0..600.0),
];

fn truth(course: &Course) -> Truth {
    let (key, magnitude, model, habit, within) = course;
    let start = Time::parse("2026-03-01T16:00:00Z").unwrap();
    let mut spec = Specification::draw(6, 3, VehicleId::try_new("v").unwrap(), start).of_model(*model);
    spec.habit = *habit;
    let mut vehicle = Vehicle::new(6, spec, start, Sampling::coarse());
    vehicle.plant(Planted::new(fault(key).unwrap(), start + Span::from_days(7)).of(*magnitude));
    let end = start + Span::from_days(8 + within.end as i64);
    while vehicle.next().is_some_and(|frame| frame.at < end) && vehicle.truths().iter().all(|t| t.failure.is_none()) {}
    vehicle.truths().remove(0)
}

#[test]
fn faults_show_before_they_fail_and_fail_when_the_trade_expects() {
    let queue = Mutex::new(COURSES.iter());
    let work = || {
        let next = || queue.lock().unwrap().next();
        std::iter::from_fn(next).map(|course| (course, truth(course))).collect::<Vec<_>>()
    };
    let done: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let mut wrong = Vec::new();
    for ((key, magnitude, model, _, within), truth) in done {
        let days = |at: Option<Time>| at.map(|at| at.since(truth.start).days_f64());
        let (threshold, failure) = (days(truth.threshold), days(truth.failure));
        println!("{key}/{} {}: shows {threshold:.1?} d, fails {failure:.1?} d", magnitude.key(), model.key);
        let in_time = failure.is_some_and(|days| within.contains(&days));
        if !in_time || truth.threshold.is_none_or(|at| Some(at) > truth.failure) {
            wrong.push((key, magnitude, threshold, failure));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
