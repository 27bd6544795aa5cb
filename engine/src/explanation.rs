//! A vehicle's state out of the store, to be explained: its snapshot and what the journal has since.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use rules::explain::{Explanation, explain};
use rules::rule_set::RuleSet;
use rules::state::settle::Bounds;
use rules::vehicle::VehicleId;
use sqlx::PgPool;

use crate::journal::{self, RuleSets};

/// Explains a rule in force for a vehicle, as of its newest committed reading; `None` if the engine
/// does not know the vehicle.
pub async fn of(
    pool: &PgPool,
    set: &Arc<RuleSet>,
    bounds: &Bounds,
    vehicle: &VehicleId,
    rule: &str,
) -> anyhow::Result<Option<Explanation>> {
    let source = set.catalogue.rules.iter().find(|source| source.key == rule).context("there is no such rule")?;
    let mut sets = RuleSets::new(pool.clone(), Arc::clone(set));
    let only = BTreeSet::from([vehicle.clone()]);
    let (mut vehicles, _) = journal::restore(pool, &mut sets, bounds, Some(&only)).await?;
    Ok(vehicles.remove(vehicle).map(|restored| explain(&restored.vehicle, source, set)))
}
