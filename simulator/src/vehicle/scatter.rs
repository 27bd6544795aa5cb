//! What healthy vehicles scatter by from trip to trip, and what faults of each magnitude shift it by.

use rules::unit::{Span, Time};
use rules::vehicle::VehicleId;

use super::{Sampling, Vehicle};
use crate::driver::Habit;
use crate::fault::{Magnitude, Planted, fault};
use crate::frame::Frame;
use crate::model::{COMPACT_ICE, Specification};
use crate::signal;

/// One number of a trip's frames; `None` if the trip does not show it.
type Feature = fn(&[Frame]) -> Option<f64>;

fn trim(trip: &[Frame]) -> Option<f64> {
    let warm = trip.iter().filter(|frame| frame.get(signal::COOLANT).is_some_and(|celsius| celsius > 70.0));
    mean(warm.filter_map(|frame| Some(frame.get(signal::SHORT_TRIM)? + frame.get(signal::LONG_TRIM)?)).collect())
}

fn charging(trip: &[Frame]) -> Option<f64> {
    let running = trip.iter().filter(|frame| frame.get(signal::ENGINE_SPEED).is_some_and(|rpm| rpm > 1_000.0));
    let mut volts: Vec<f64> = running.filter_map(|frame| frame.get(signal::VOLTAGE_12)).collect();
    volts.sort_by(f64::total_cmp);
    volts.get(volts.len() / 2).copied()
}

/// Logarithm of the time to 70 degC over what is expected of a cold start, DOMAIN 5.6.
fn warm_up(trip: &[Frame]) -> Option<f64> {
    let coolant: Vec<(Time, f64)> =
        trip.iter().filter_map(|frame| Some((frame.at, frame.get(signal::COOLANT)?))).collect();
    let (begun, cold) = *coolant.first().filter(|(_, celsius)| *celsius < 25.0)?;
    // A trip that ends cold says as much as that it took at least that long.
    let (warm, reached) = coolant.iter().find(|(_, celsius)| *celsius >= 70.0).or(coolant.last())?;
    let minutes = warm.since(begun).secs_f64() / 60.0;
    (*reached >= 70.0 || minutes > 12.0).then(|| (minutes / (4.0 + 0.07 * (70.0 - cold))).ln())
}

fn mean(values: Vec<f64>) -> Option<f64> {
    (values.len() >= 5).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn trips(planted: Option<(&str, Magnitude)>, number: u32, feature: Feature) -> Vec<f64> {
    let start = Time::parse("2026-04-05T16:00:00Z").unwrap();
    let mut spec = Specification::draw(5, number, VehicleId::try_new("v").unwrap(), start).of_model(COMPACT_ICE);
    spec.habit = Habit::Commuter;
    let mut vehicle = Vehicle::new(5, spec, start, Sampling::default());
    if let Some((key, magnitude)) = planted {
        let mut planted = Planted::new(fault(key).unwrap(), start).of(magnitude);
        planted.onset = Some(Span::from_secs(1));
        vehicle.plant(planted);
    }
    let end = start + Span::from_days(45);
    let mut features = Vec::new();
    let mut trip = Vec::new();
    for frame in vehicle.take_while(|frame| frame.at < end) {
        let off = frame.says(signal::IGNITION, "OFF");
        if frame.says(signal::IGNITION, "ON") {
            trip.clear();
        }
        trip.push(frame);
        if off {
            features.extend(feature(&trip));
        }
    }
    // The first days of a fault are for the engine's control to learn it.
    features.split_off(features.len() / 4)
}

fn describe(planted: Option<(&str, Magnitude)>, feature: Feature) -> (f64, f64) {
    let (mut means, mut spread, mut count) = (0.0, 0.0, 0.0);
    for number in 0..4 {
        let trips = trips(planted, number, feature);
        let own = trips.iter().sum::<f64>() / trips.len() as f64;
        means += own / 4.0;
        spread += trips.iter().map(|x| (x - own) * (x - own)).sum::<f64>();
        count += trips.len() as f64 - 1.0;
    }
    (means, f64::sqrt(spread / count))
}

#[test]
fn small_is_within_the_scatter_typical_is_twice_it_and_severe_is_clear() {
    let cases: [(&str, Feature); 5] = [
        ("intake-leak", trim),
        ("air-meter-drift", trim),
        ("leaking-injector", trim),
        ("low-charging", charging),
        ("thermostat-stuck-open", warm_up),
    ];
    for (key, feature) in cases {
        let (healthy, sd) = describe(None, feature);
        let shift = Magnitude::ALL.map(|magnitude| (describe(Some((key, magnitude)), feature).0 - healthy).abs() / sd);
        println!("{key}: healthy {healthy:.3} sd {sd:.3}, shifts {shift:.1?} sd");
        assert!((0.7..2.6).contains(&shift[0]), "{key} {shift:?}");
        assert!(shift[1] >= 2.0 && shift[2] > shift[1], "{key} {shift:?}");
    }
}
