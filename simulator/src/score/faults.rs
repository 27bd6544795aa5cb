//! Truth against cases: what was found of what was planted, how long before, and what was found that is not there.

use std::collections::BTreeMap;

use rules::unit::Severity;
use serde::Serialize;

use super::figures::{Quantiles, share};
use super::lives::Lived;
use super::plan::SCORED;
use crate::fault::{Magnitude, fault, magnitude};
use crate::truth::Truth;

/// A shift of two standard deviations is to be found within so many trips.
const TRIPS: usize = 10;

/// How a fault is found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FaultScore {
    pub planted: usize,
    /// Found before the part failed or within a day of it, of those planted, small ones left out: they may drown in the scatter.
    pub recall: Option<f64>,
    /// True cases of all on its component, the sound fleet's among them.
    pub precision: Option<f64>,
    pub lead_days_p10: Option<f64>,
    pub lead_days_p50: Option<f64>,
    pub lead_days_p90: Option<f64>,
    /// Found at least seven days before failure, of those that failed.
    pub recall_7_days: Option<f64>,
    /// Found before a reader of the messages could have seen the limit passed.
    pub recall_before_limit: Option<f64>,
    pub by_magnitude: BTreeMap<&'static str, MagnitudeScore>,
    /// Days before failure at which each was found, for plots.
    pub leads: Vec<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MagnitudeScore {
    pub planted: usize,
    pub recall: Option<f64>,
    pub lead_days: Quantiles,
    pub found_after_days: Quantiles,
    /// Found within ten trips of its full effect.
    pub recall_10_trips: Option<f64>,
}

/// One planted fault and when it was found.
struct Found<'a> {
    truth: &'a Truth,
    /// Days from its start to the first case on its component.
    after: Option<f64>,
    /// Trips from its full effect to that case.
    trips: Option<usize>,
    /// Cases on its component before it began.
    false_before: usize,
}

impl Found<'_> {
    fn days(&self, at: Option<rules::unit::Time>) -> Option<f64> {
        at.map(|at| at.since(self.truth.start).days_f64())
    }

    /// Found in time: before failure or within a day of it, as what fails at once; or at all while nothing failed.
    fn in_time(&self) -> bool {
        self.after.is_some_and(|after| self.days(self.truth.failure).is_none_or(|failure| after <= failure + 1.0))
    }

    fn is_before_limit(&self) -> bool {
        self.after.zip(self.days(self.truth.threshold)).is_some_and(|(after, limit)| after <= limit)
    }

    fn lead(&self) -> Option<f64> {
        Some(self.days(self.truth.failure)? - self.after?)
    }
}

fn is_on(component: &str, own: &str) -> bool {
    component == own || component.strip_prefix(own).is_some_and(|rest| rest.starts_with('.'))
}

fn found(lived: &Lived) -> Option<Found<'_>> {
    let truth = lived.truths.first()?;
    let own = || lived.log.faults().filter(|case| is_on(&case.component, &truth.component));
    let first = own().filter(|case| case.opened_at >= truth.start).map(|case| case.received_at).min();
    let after = first.map(|at| at.since(truth.start).days_f64());
    let full = truth.start + magnitude::effect(&truth.fault, truth.magnitude).onset;
    let trips = first.map(|at| lived.log.trips.iter().filter(|trip| (full..at).contains(trip)).count());
    Some(Found { truth, after, trips, false_before: own().filter(|case| case.opened_at < truth.start).count() })
}

/// Scores every fault; `sound` are the lives without any.
pub fn score(sound: &[Lived], planted: &[Lived]) -> BTreeMap<&'static str, FaultScore> {
    let all: Vec<Found<'_>> = planted.iter().filter_map(found).collect();
    SCORED
        .iter()
        .map(|(key, _)| {
            let own: Vec<&Found<'_>> = all.iter().filter(|found| found.truth.fault == *key).collect();
            (*key, one(key, &own, sound))
        })
        .collect()
}

fn one(key: &str, own: &[&Found<'_>], sound: &[Lived]) -> FaultScore {
    let components = fault(key).map_or(&[][..], |fault| fault.components);
    let on_sound = sound.iter().flat_map(|lived| lived.log.faults());
    let false_ones = on_sound.filter(|case| components.iter().any(|own| is_on(&case.component, own))).count()
        + own.iter().map(|found| found.false_before).sum::<usize>();
    let meant: Vec<&Found<'_>> =
        own.iter().copied().filter(|found| found.truth.magnitude != Some(Magnitude::Small)).collect();
    let hits = own.iter().filter(|found| found.after.is_some()).count();
    let leads: Vec<f64> = meant.iter().filter_map(|found| found.lead()).collect();
    let failed = meant.iter().filter(|found| found.truth.failure.is_some()).count();
    let limited = meant.iter().filter(|found| found.truth.threshold.is_some()).count();
    let early = meant.iter().filter(|found| found.lead().is_some_and(|lead| lead >= 7.0)).count();
    let quantiles = Quantiles::of(&leads);
    FaultScore {
        planted: own.len(),
        recall: share(meant.iter().filter(|found| found.in_time()).count(), meant.len()),
        precision: share(hits, hits + false_ones),
        lead_days_p10: quantiles.p10,
        lead_days_p50: quantiles.p50,
        lead_days_p90: quantiles.p90,
        recall_7_days: share(early, failed),
        recall_before_limit: share(meant.iter().filter(|found| found.is_before_limit()).count(), limited),
        by_magnitude: Magnitude::ALL.into_iter().map(|of| (of.key(), by_magnitude(own, of))).collect(),
        leads,
    }
}

fn by_magnitude(own: &[&Found<'_>], magnitude: Magnitude) -> MagnitudeScore {
    let own: Vec<&&Found<'_>> = own.iter().filter(|found| found.truth.magnitude == Some(magnitude)).collect();
    let leads: Vec<f64> = own.iter().filter_map(|found| found.lead()).collect();
    let after: Vec<f64> = own.iter().filter_map(|found| found.after).collect();
    MagnitudeScore {
        planted: own.len(),
        recall: share(own.iter().filter(|found| found.in_time()).count(), own.len()),
        lead_days: Quantiles::of(&leads),
        found_after_days: Quantiles::of(&after),
        recall_10_trips: share(
            own.iter().filter(|found| found.trips.is_some_and(|trips| trips <= TRIPS)).count(),
            own.len(),
        ),
    }
}

/// What sound vehicles were bothered with.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Soundness {
    pub vehicle_months: f64,
    pub false_orders: u64,
    pub false_orders_per_1000_vehicle_months: f64,
    /// With 95 %, it is not more.
    pub false_orders_upper95: f64,
    pub false_cases: u64,
    pub notices_per_1000_vehicle_months: f64,
    /// Rules that opened cases on sound vehicles, and how many.
    pub false_cases_by_rule: BTreeMap<String, u64>,
}

/// Counts what sound lives led to. Worn parts are worn: pads that use has worn down are no false alarm.
pub fn soundness(sound: &[Lived]) -> Soundness {
    let months: f64 = sound.iter().map(|lived| lived.days / 30.44).sum();
    let is_false = |rule: &str| !rule.starts_with("brake_pads.") && !rule.starts_with("engine.adblue");
    let mut by_rule = BTreeMap::new();
    let mut orders = 0;
    for lived in sound {
        for case in lived.log.faults().filter(|case| is_false(&case.rule)) {
            *by_rule.entry(case.rule.clone()).or_default() += 1;
        }
        let by_itself = |severity: Severity| severity <= Severity::S2;
        orders +=
            lived.log.fault_orders().filter(|(order, case)| by_itself(order.severity) && is_false(&case.rule)).count()
                as u64;
    }
    let notices: u64 = sound.iter().map(|lived| lived.log.notices).sum();
    Soundness {
        vehicle_months: months,
        false_orders: orders,
        false_orders_per_1000_vehicle_months: orders as f64 / months * 1_000.0,
        false_orders_upper95: super::figures::upper95(orders, months / 1_000.0),
        false_cases: by_rule.values().sum(),
        notices_per_1000_vehicle_months: notices as f64 / months * 1_000.0,
        false_cases_by_rule: by_rule,
    }
}
