//! The bad-data suite: every row of DOMAIN 5.0's table injected into sound vehicles, which must open no case, and its
//! twin: the same rows with one planted fault for each estimator, which must all be found.

use std::collections::BTreeMap;

use rules::rule_set::RuleSet;
use rules::unit::Span;
use serde::Serialize;

use super::life::Life;
use super::lives::in_parallel;
use super::plan;
use crate::fault::{Magnitude, Planted, fault};
use crate::fleet::{FleetPlan, PlantedIn};
use crate::trouble::Troubles;
use crate::vehicle::Sampling;

/// One for each estimator that can be found within weeks.
const TWINS: [&str; 8] = [
    "slow-leak",
    "parasitic-drain",
    "thermostat-stuck-open",
    "low-charging",
    "intake-leak",
    "insulation-decay",
    "blocked-filter",
    "oil-consumption",
];

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BadScore {
    pub rows: usize,
    pub vehicle_days: f64,
    /// Cases on sound vehicles, by row and rule.
    pub cases: BTreeMap<String, u64>,
    pub bad_data_cases: u64,
    pub twins_found: usize,
    pub twins_total: usize,
    pub missed: Vec<String>,
}

/// Vehicles and days of every row; days of the twin.
pub fn score(seed: u64, vehicles: u32, days: i64, twin_days: i64, set: &RuleSet) -> anyhow::Result<BadScore> {
    let suite = Troubles::suite();
    let rows = suite.len();
    let found = in_parallel(suite.clone(), |(row, troubles)| {
        cases(seed, vehicles, days, troubles, None, set).map(|cases| (row, cases))
    });
    let mut score =
        BadScore { rows, vehicle_days: rows as f64 * f64::from(vehicles) * days as f64, ..BadScore::default() };
    for found in found {
        let (row, cases) = found?;
        for (rule, _) in cases {
            *score.cases.entry(format!("{row}: {rule}")).or_default() += 1;
            score.bad_data_cases += 1;
        }
    }
    let twins: Vec<_> = TWINS.iter().enumerate().map(|(place, key)| (*key, suite[place % rows])).collect();
    let found = in_parallel(twins, |(key, (row, troubles))| {
        cases(seed, 1, twin_days, troubles, Some(key), set).map(|cases| (key, row, cases))
    });
    for found in found {
        let (key, row, cases) = found?;
        let components = fault(key).map_or(&[][..], |fault| fault.components);
        let is_found = cases.iter().any(|(_, component)| components.contains(&component.as_str()));
        score.twins_total += 1;
        score.twins_found += usize::from(is_found);
        if !is_found {
            score.missed.push(format!("{key} under {row}"));
        }
    }
    Ok(score)
}

/// Rule and component of every case about a fault.
fn cases(
    seed: u64,
    vehicles: u32,
    days: i64,
    troubles: Troubles,
    planted: Option<&str>,
    set: &RuleSet,
) -> anyhow::Result<Vec<(String, String)>> {
    let start = plan::start(0);
    let mut fleet = FleetPlan::new(seed, vehicles, start);
    (fleet.sampling, fleet.troubles, fleet.end) = (Sampling::coarse(), troubles, Some(start + Span::from_days(days)));
    if let Some(fault) = planted.and_then(fault) {
        let sound = Span::from_days(plan::SOUND_DAYS);
        let planted = Planted::new(fault, start + sound).of(Magnitude::Severe);
        fleet.faults.push(PlantedIn { planted, vehicle: Some(0) });
        fleet.model = crate::model::MODELS.iter().map(|(model, _)| *model).find(|model| fault.fits(model));
    }
    let mut lives: Vec<Life<'_>> = fleet.build()?.iter().map(|vehicle| Life::new(&vehicle.spec, set)).collect();
    for delivery in fleet.deliveries()? {
        if let Some(life) = lives.get_mut(delivery.number as usize) {
            life.hear_bytes(&delivery.encode(), delivery.due);
        }
    }
    let all = lives.into_iter().flat_map(|life| life.log.cases.into_values());
    Ok(all.filter(|case| !case.component.starts_with("service.")).map(|case| (case.rule, case.component)).collect())
}
