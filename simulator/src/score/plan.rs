//! What is lived for a score: sound vehicles, vehicles with one fault each, new batteries.

use rules::unit::{Span, Time};
use rules::vehicle::VehicleId;

use crate::driver::Habit;
use crate::fault::{Fault, Magnitude, Planted, fault};
use crate::model::{MODELS, Specification};
use crate::vehicle::{Sampling, Vehicle};

/// Seeds below this are for tuning; a score is made of others.
pub const FIRST_SEED: u64 = 1_000;
/// Sound days before a fault: a baseline takes sixty trips.
pub const SOUND_DAYS: i64 = 100;

/// The faults that are scored, and how long after their start a vehicle is watched, days.
pub const SCORED: &[(&str, i64)] = &[
    ("slow-leak", 90),
    ("battery-ageing", 130),
    ("parasitic-drain", 45),
    ("thermostat-stuck-open", 45),
    ("low-charging", 45),
    ("intake-leak", 45),
    ("misfire", 45),
    ("worn-front-pads", 240),
    ("cell-drift", 420),
    ("insulation-decay", 240),
    ("oil-consumption", 200),
    ("blocked-filter", 60),
    ("adblue-leak", 70),
    ("coolant-seep", 120),
];

/// How much of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    pub sound: u32,
    pub sound_days: i64,
    /// Vehicles for every fault and magnitude.
    pub each: u32,
    pub batteries: u32,
    pub battery_months: i64,
}

impl Plan {
    /// Some minutes on two cores.
    pub const fn whole(seed: u64) -> Self {
        Self { seed, sound: 240, sound_days: 270, each: 10, batteries: 60, battery_months: 36 }
    }

    /// Short enough for every test run.
    pub const fn short(seed: u64) -> Self {
        Self { seed, sound: 24, sound_days: 120, each: 2, batteries: 6, battery_months: 13 }
    }
}

/// A vehicle to live, with what is planted in it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub fault: Option<(&'static Fault, Magnitude)>,
    pub number: u32,
    pub days: i64,
}

/// Lives begin all over a year, on evenings.
pub fn start(number: u32) -> Time {
    let first = Time::from_secs(1_767_196_800);
    first + Span::from_days(i64::from(number * 37 % 365)) + Span::from_hours(1)
}

/// Sound vehicles first, then every fault in every magnitude.
pub fn cases(plan: &Plan) -> Vec<Case> {
    let mut cases: Vec<Case> =
        (0..plan.sound).map(|number| Case { fault: None, number, days: plan.sound_days }).collect();
    let mut number = plan.sound;
    for (key, watched) in SCORED {
        let Some(fault) = fault(key) else { continue };
        for magnitude in Magnitude::ALL {
            for _ in 0..plan.each {
                cases.push(Case { fault: Some((fault, magnitude)), number, days: SOUND_DAYS + watched });
                number += 1;
            }
        }
    }
    cases
}

impl Case {
    /// The vehicle; a fault gets a model that can have it.
    pub fn build(&self, seed: u64) -> Vehicle {
        let start = start(self.number);
        // An id of digits and a letter is one; if it were none there would be nothing to score.
        let id = VehicleId::try_new(&format!("score-{}", self.number)).expect("a valid id");
        let spec = Specification::draw(seed, self.number, id, start);
        let Some((fault, magnitude)) = self.fault else {
            return Vehicle::new(seed, spec, start, Sampling::coarse());
        };
        let fitting: Vec<_> = MODELS.iter().map(|(model, _)| *model).filter(|model| fault.fits(model)).collect();
        let spec = match fitting.get(self.number as usize % fitting.len().max(1)) {
            Some(model) if !fault.fits(&spec.model) => spec.of_model(*model),
            _ => spec,
        };
        let mut spec = spec;
        if fault.key.starts_with("worn-") {
            // Whoever hardly drives wears no pads within a year.
            spec.habit = Habit::Taxi;
        }
        let mut vehicle = Vehicle::new(seed, spec, start, Sampling::coarse());
        let place = self.number as usize % fault.components.len().max(1);
        let at = start + Span::from_days(SOUND_DAYS);
        vehicle.plant(Planted::new(fault, at).of(magnitude).on(place));
        vehicle
    }
}
