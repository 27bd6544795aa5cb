//! A vehicle's state out of the store, to be explained: as it is now, or as it was at a past time.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use rules::author::explain::{Explanation, explain};
use rules::rule_set::RuleSet;
use rules::state::settle::Bounds;
use rules::unit::Time;
use rules::vehicle::VehicleId;
use sqlx::PgPool;

use crate::history::archive::past::{Past, state_at};
use crate::history::gates;
use crate::history::journal::{self, RuleSets};

/// Explains a rule in force for a vehicle, as of its newest committed reading; `None` if the engine
/// does not know the vehicle.
pub async fn of(
    pool: &PgPool,
    set: &Arc<RuleSet>,
    bounds: &Bounds,
    vehicle: &VehicleId,
    rule: &str,
    now: Time,
) -> anyhow::Result<Option<Explanation>> {
    let source = set.catalogue.rules.iter().find(|source| source.key == rule).context("there is no such rule")?;
    let mut sets = RuleSets::new(pool.clone(), Arc::clone(set));
    let only = BTreeSet::from([vehicle.clone()]);
    let (mut vehicles, _) = journal::restore(pool, &mut sets, bounds, Some(&only)).await?;
    let Some(restored) = vehicles.remove(vehicle) else { return Ok(None) };
    let explained = explain(&restored.vehicle, source, set);
    gates::with_those_of_the_outbox(pool, &restored.vehicle.profile, explained, now).await.map(Some)
}

/// Why nothing can be said of a past time. Read by people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotThen {
    #[error("vehicle {0} was not known at that time")]
    Unknown(VehicleId),
    #[error("what vehicle {vehicle} said is kept from {begins} on; nothing can be said of an earlier time")]
    Forgotten { vehicle: VehicleId, begins: Time },
    #[error("there was no rule `{rule}` at that time")]
    NoRule { rule: String },
}

/// Explains a rule for a vehicle as both were at `at`: after everything that had been received by then,
/// under the rules the vehicle ran under.
pub async fn at(
    pool: &PgPool,
    set: &Arc<RuleSet>,
    bounds: &Bounds,
    vehicle: &VehicleId,
    rule: &str,
    at: Time,
) -> anyhow::Result<Result<Explanation, NotThen>> {
    let mut sets = RuleSets::new(pool.clone(), Arc::clone(set));
    Ok(match state_at(pool, &mut sets, bounds, vehicle, at).await? {
        Past::Unknown => Err(NotThen::Unknown(vehicle.clone())),
        Past::Forgotten { begins } => Err(NotThen::Forgotten { vehicle: vehicle.clone(), begins }),
        Past::At(restored) => {
            let then = &restored.set;
            match then.catalogue.rules.iter().find(|source| source.key == rule) {
                Some(source) => {
                    let explained = explain(&restored.vehicle, source, then);
                    Ok(gates::with_those_of_the_outbox(pool, &restored.vehicle.profile, explained, at).await?)
                }
                None => Err(NotThen::NoRule { rule: rule.to_owned() }),
            }
        }
    })
}
