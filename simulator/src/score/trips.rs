//! Real trips before the core: what is found in sound ones, and what of the faults laid over them.

use std::collections::{BTreeMap, BTreeSet};

use rules::rule_set::RuleSet;
use rules::unit::{Severity, Span};
use rules::vehicle::{Particulars, Profile, Purpose, VehicleId};
use serde::Serialize;
use uuid::Uuid;

use super::figures::upper95;
use super::life::{Life, Log};
use crate::fault::fault;
use crate::replay::Plan;

/// Frames that are sent together.
const BATCH: usize = 8;
/// Time that counts as driven between two frames.
const GAP: f64 = 5.0;

/// What is planted when nothing else is asked for, each alone, after the first third of the trips.
pub const PLANTED: [&str; 3] = ["thermostat-stuck-open", "low-charging", "battery-ageing"];

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TripScore {
    pub trips: usize,
    pub hours: f64,
    /// S1 to S3, service due apart.
    pub false_cases: u64,
    pub false_cases_by_rule: BTreeMap<String, u64>,
    /// With 95 %, it is not more in 1,000 hours.
    pub upper95_per_1000_h: f64,
    pub planted_found: usize,
    pub planted_total: usize,
    /// Trips from the start of a planted fault until it was found; `None`: it was not.
    pub planted: BTreeMap<String, Option<usize>>,
    /// Share of the times a rule was asked that it knew.
    pub ready: BTreeMap<String, f64>,
}

/// Scores sound trips of a vehicle of `model`; then again with every fault planted at a trip.
pub fn score(plan: &mut Plan, model: &str, set: &RuleSet) -> anyhow::Result<TripScore> {
    let (log, hours, ready) = drive(plan, model, set)?;
    let mut by_rule = BTreeMap::new();
    for case in log.faults().filter(|case| case.severity <= Severity::S3) {
        *by_rule.entry(case.rule.clone()).or_default() += 1;
    }
    let false_cases = by_rule.values().sum();
    let trips = plan.trips();
    let mut planted = BTreeMap::new();
    for key in PLANTED {
        let Some(component) = fault(key).and_then(|fault| fault.components.first()) else { continue };
        let before: BTreeSet<Uuid> = log.cases.keys().copied().collect();
        let at = trips / 3;
        plan.plant(&format!("{key}@trip{at}"))?;
        let (found, ..) = drive(plan, model, set)?;
        plan.clear();
        let first = found
            .cases
            .iter()
            .filter(|(id, case)| !before.contains(*id) && case.component == *component)
            .map(|(_, case)| case.received_at)
            .min();
        let since = first.map(|at_time| found.trips.iter().filter(|trip| **trip <= at_time).count().saturating_sub(at));
        planted.insert(key.to_owned(), since);
    }
    Ok(TripScore {
        trips,
        hours,
        false_cases,
        upper95_per_1000_h: upper95(false_cases, hours / 1_000.0),
        false_cases_by_rule: by_rule,
        planted_found: planted.values().flatten().count(),
        planted_total: planted.len(),
        planted,
        ready,
    })
}

fn drive(plan: &Plan, model: &str, set: &RuleSet) -> anyhow::Result<(Log, f64, BTreeMap<String, f64>)> {
    let id = VehicleId::try_new("recorded")?;
    let mut life = Life::of(id, profile(model, plan, set)?, set);
    let mut batch = Vec::with_capacity(BATCH);
    let mut secs = 0.0;
    let mut last = None;
    for frame in plan.replay() {
        let gap = last.map_or(f64::INFINITY, |last| frame.at.since(last).secs_f64());
        secs += if gap <= GAP { gap } else { 0.0 };
        last = Some(frame.at);
        if gap > 60.0 || batch.len() == BATCH {
            life.hear(std::mem::take(&mut batch));
        }
        batch.push(frame);
    }
    life.hear(batch);
    if let Some(last) = last {
        life.wait(last + Span::from_mins(30));
    }
    let ready = life.ready();
    Ok((life.log, secs / 3_600.0, ready))
}

fn profile(model: &str, plan: &Plan, set: &RuleSet) -> anyhow::Result<Profile> {
    let known = set.catalogue.model(model).ok_or_else(|| anyhow::anyhow!("there is no model `{model}`"))?;
    Ok(Profile::new(Particulars {
        model: model.to_owned(),
        model_year: 2014,
        powertrain: known.powertrain,
        region: String::new(),
        software: String::new(),
        tier: String::new(),
        dealer: Uuid::nil(),
        owner: None,
        consents: BTreeSet::from([Purpose::Diagnostics, Purpose::Maintenance]),
        allowed: None,
        delivered_at: plan.extent().0 - Span::from_days(3 * 365),
        attributes: BTreeMap::new().into(),
    }))
}
