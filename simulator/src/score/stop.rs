//! Faults for which one must stop now: whether each is found as S1, and how long after the reading arrived that says so.

use rules::rule_set::RuleSet;
use rules::unit::Span;
use rules::vehicle::VehicleId;
use serde::Serialize;

use super::figures::{quantile, share};
use super::life::Life;
use super::lives::in_parallel;
use super::plan;
use crate::fault::{FAULTS, Fault, Planted};
use crate::model::{MODELS, Specification};
use crate::vehicle::{Sampling, Vehicle};

/// Days before and after the fault begins.
const SOUND: i64 = 2;
const WATCHED: i64 = 25;
/// Found in time: so long after the reading arrived that showed it, s.
const WITHIN: f64 = 5.0;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StopScore {
    pub planted: usize,
    pub recall: Option<f64>,
    /// Seconds from the arrival of the reading that decides to the case.
    pub delay_s_p99: Option<f64>,
    pub missed: Vec<String>,
}

/// Every fault of severity 1 in so many vehicles.
pub fn score(seed: u64, each: u32, set: &RuleSet) -> StopScore {
    let all = FAULTS.iter().filter(|fault| fault.severity == 1);
    let tries: Vec<(&Fault, u32)> = all.flat_map(|fault| (0..each).map(move |number| (fault, number))).collect();
    let found =
        in_parallel(tries, |(fault, number)| (format!("{} {number}", fault.key), delay(seed, fault, number, set)));
    let delays: Vec<f64> = found.iter().filter_map(|(_, delay)| *delay).collect();
    let in_time = delays.iter().filter(|delay| **delay <= WITHIN).count();
    StopScore {
        planted: found.len(),
        recall: share(in_time, found.len()),
        delay_s_p99: quantile(&delays, 0.99),
        missed: found.into_iter().filter(|(_, delay)| delay.is_none()).map(|(what, _)| what).collect(),
    }
}

/// From the measurement of the reading that opened an S1 case to that case; `None`: there was none.
fn delay(seed: u64, fault: &'static Fault, number: u32, set: &RuleSet) -> Option<f64> {
    let start = plan::start(number);
    let id = VehicleId::try_new(&format!("stop-{number}")).ok()?;
    let fitting: Vec<_> = MODELS.iter().map(|(model, _)| *model).filter(|model| fault.fits(model)).collect();
    let model = *fitting.get(number as usize % fitting.len().max(1))?;
    let spec = Specification::draw(seed, 200_000 + number, id, start).of_model(model);
    let mut life = Life::new(&spec, set);
    let mut vehicle = Vehicle::new(seed, spec, start, Sampling::default());
    let place = number as usize % fault.components.len().max(1);
    vehicle.plant(Planted::new(fault, start + Span::from_days(SOUND)).on(place));
    for day in 0..SOUND + WATCHED {
        // Whoever does not drive is in no danger, and proves nothing.
        vehicle.send_on(start + Span::from_days(day) + Span::from_hours(11), 30.0);
    }
    let end = start + Span::from_days(SOUND + WATCHED);
    for frame in vehicle.by_ref().take_while(|frame| frame.at < end) {
        life.hear(vec![frame]);
        if life.log.stopped.is_some() {
            break;
        }
    }
    life.log.stopped.map(|(at, received_at)| received_at.since(at).secs_f64())
}
