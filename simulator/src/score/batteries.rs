//! The estimated health of new traction batteries against the true one, and the forecast of 80 %.

use rules::estimate::State;
use rules::estimate::health::ENTRY;
use rules::rule_set::RuleSet;
use rules::unit::{Span, Time};
use serde::Serialize;

use super::figures::{median, root_mean_square, share};
use super::lives::{in_parallel, live};
use super::plan::{self, Plan};
use crate::driver::Habit;
use crate::model::{COMPACT_BEV, SUV_BEV, Specification};
use crate::vehicle::{Sampling, Vehicle};

/// Ages at which the estimate is compared, months.
const AGES: [i64; 3] = [12, 24, 36];
const T80: f64 = 80.0;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HealthScore {
    pub batteries: usize,
    /// Percent points.
    pub rmse_12m: Option<f64>,
    pub rmse_24m: Option<f64>,
    pub rmse_36m: Option<f64>,
    /// Of the age at which 80 % is reached, after three years.
    pub t80_median_error_years_36m: Option<f64>,
    pub t80_coverage80: Option<f64>,
    /// Years: true, early, central, late; for plots.
    pub fans: Vec<[f64; 4]>,
}

/// What was known of one battery.
#[derive(Clone, Debug, Default)]
struct Known {
    errors: [Option<f64>; 3],
    /// True health at half a year and at the end, with the ages in years.
    truth: Vec<(f64, f64)>,
    forecast: Option<[f64; 3]>,
}

pub fn score(plan: &Plan, set: &RuleSet) -> HealthScore {
    let known = in_parallel((0..plan.batteries).collect(), |number| one(plan, number, set));
    let errors = |place: usize| -> Vec<f64> { known.iter().filter_map(|known| known.errors[place]).collect() };
    let fans: Vec<[f64; 4]> = known.iter().filter_map(fan).collect();
    let off: Vec<f64> = fans.iter().map(|fan| (fan[2] - fan[0]).abs()).collect();
    let covered = fans.iter().filter(|fan| (fan[1]..=fan[3]).contains(&fan[0])).count();
    HealthScore {
        batteries: known.len(),
        rmse_12m: root_mean_square(&errors(0)),
        rmse_24m: root_mean_square(&errors(1)),
        rmse_36m: root_mean_square(&errors(2)),
        t80_median_error_years_36m: median(&off),
        t80_coverage80: share(covered, fans.len()),
        fans,
    }
}

/// True fade is a line from half a year on: two points of it say when it comes to 80 %.
fn fan(known: &Known) -> Option<[f64; 4]> {
    let ((from, first), (to, last)) = (*known.truth.first()?, *known.truth.last()?);
    let slope = (last - first) / (to - from);
    let truth = from + (T80 - first) / slope;
    let [early, central, late] = known.forecast?;
    (to - from > 1.0 && slope < 0.0).then_some([truth, early, central, late])
}

fn one(plan: &Plan, number: u32, set: &RuleSet) -> Known {
    let start = plan::start(number);
    let id = rules::vehicle::VehicleId::try_new(&format!("battery-{number}")).expect("a valid id");
    let model = if number.is_multiple_of(3) { SUV_BEV } else { COMPACT_BEV };
    let mut spec = Specification::draw(plan.seed, 100_000 + number, id, start).of_model(model);
    (spec.delivered_at, spec.odometer_km) = (start, 20.0);
    if spec.habit == Habit::Weekend {
        // Who hardly drives hardly charges: four charges a month are what a month is made of.
        spec.habit = Habit::Commuter;
    }
    let vehicle = Vehicle::new(plan.seed, spec, start, Sampling::coarse());
    let mut known = Known::default();
    let end = start + Span::from_days(plan.battery_months * 3044 / 100 + 3);
    let mut probe = |life: &super::life::Life<'_>, truth: &Vehicle, now: Time| {
        look(&mut known, life, truth, now.since(start).days_f64());
        true
    };
    live(vehicle, set, start, end, &mut probe);
    known
}

fn look(known: &mut Known, life: &super::life::Life<'_>, truth: &Vehicle, days: f64) {
    let Some(battery) = &truth.body().traction else { return };
    let (age, health) = (days / 365.25, 100.0 * battery.health());
    if age >= 0.5 {
        known.truth.truncate(1);
        known.truth.push((age, health));
    }
    let Some(State::Health(estimate)) = life.vehicle().estimates.state(ENTRY.key) else { return };
    for (place, months) in AGES.into_iter().enumerate() {
        if known.errors[place].is_none() && days >= months as f64 * 30.44 {
            known.errors[place] = estimate.level().map(|(level, _)| level - health);
            if months == 36 {
                known.forecast = Some(estimate.line().reaches(T80, age));
            }
        }
    }
}
