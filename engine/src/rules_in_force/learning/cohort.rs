//! Quantiles of cohorts: what rules ask of all vehicles, read from their snapshots page by page.

use std::collections::BTreeMap;
use std::sync::Arc;

use rules::learned::{COHORTS_FILE, CohortEntry, CohortHead, CohortTable};
use rules::rule_set::RuleSet;
use rules::state::Vehicle;
use rules::unit::{Span, Time};
use rules::vehicle::Purpose;
use tdigest::TDigest;

use super::Learning;
use crate::history::journal::{self, RuleSets};
use crate::rules_in_force::proposal::{Proposal, propose};

/// What a vehicle said longer ago says nothing about what is usual now.
const FRESH: Span = Span::from_days(90);
/// Centroids of a sketch: exact below as many vehicles, a quantile off by less than a hundredth above.
const CENTROIDS: usize = 200;

/// Sketches by question, model and band.
type Sketches = BTreeMap<(usize, String, usize), TDigest>;

impl Learning {
    /// Brings the quantiles up to date, at most once a day for the same questions; gives how many changed.
    pub async fn cohorts(&self) -> anyhow::Result<u64> {
        let set = Arc::clone(&self.sets.borrow());
        let now = self.clock.now();
        let asked = set.cohort_specs.words(&set.catalogue.signals);
        let head = CohortHead { on: now.to_utc().date_naive().to_string(), asked };
        let old = &set.catalogue.learned.cohorts;
        let nothing = head.asked.is_empty() && old.entries.is_empty();
        if nothing || head == old.head || self.looked_at(&head) {
            return Ok(0);
        }
        let sketches = self.sketches(&set, now).await?;
        let table = CohortTable { entries: entries(&set, sketches), head: head.clone() };
        self.look_at(head);
        if !old.decides_otherwise(&table) {
            return Ok(0);
        }
        let catalogue = set.catalogue.with_learned_file(COHORTS_FILE, table.to_toml())?;
        let proposal = Proposal::by_job("last readings of all vehicles");
        let proposed = propose(&self.pool, &set, catalogue, proposal, &self.clock).await?;
        Ok(proposed.map_or(0, |proposed| proposed.changes.len() as u64))
    }

    async fn sketches(&self, set: &Arc<RuleSet>, now: Time) -> anyhow::Result<Sketches> {
        let mut sketches = Sketches::new();
        let mut sets = RuleSets::new(self.pool.clone(), Arc::clone(set));
        let mut after = String::new();
        loop {
            let page = journal::snapshot_page(&self.pool, &mut sets, &after).await?;
            let Some(last) = page.last() else { return Ok(sketches) };
            last.vehicle.id.as_str().clone_into(&mut after);
            for restored in &page {
                add(&mut sketches, &restored.vehicle, &restored.set, set, now);
            }
        }
    }
}

/// Adds what a vehicle measured last, if it consents and its cohort is known. `own` is the set of its state.
fn add(sketches: &mut Sketches, vehicle: &Vehicle, own: &RuleSet, set: &RuleSet, now: Time) {
    let profile = &vehicle.profile;
    let consents = profile.consents.contains(&Purpose::Diagnostics);
    let Some(band) = set.catalogue.cohort_bands.of(vehicle.odometer.km).filter(|_| consents) else { return };
    if set.catalogue.model(&profile.model).is_none() {
        return;
    }
    for (question, spec) in set.cohort_specs.iter().enumerate() {
        let signal = set.catalogue.signals.get(spec.slot).no;
        let last = vehicle.last(own.catalogue.signals.slot_of(signal));
        if last.value.is_finite() && last.at != Time::NEVER && now.since(last.at) <= FRESH {
            let key = (question, profile.model.clone(), band);
            sketches.entry(key).or_insert_with(|| TDigest::new_with_size(CENTROIDS)).push(last.value);
        }
    }
}

/// The quantiles of cohorts that are large enough.
fn entries(set: &RuleSet, sketches: Sketches) -> Vec<CohortEntry> {
    let bands = &set.catalogue.cohort_bands;
    let specs: Vec<_> = set.cohort_specs.iter().collect();
    let entry = |((question, model, band), mut sketch): ((usize, String, usize), TDigest)| {
        sketch.flush();
        let spec = specs.get(question)?;
        let vehicles = sketch.count() as u32;
        let at = |quantile| sketch.estimate_quantile(quantile);
        let (value, spread) = (at(spec.quantile)?, at(0.75)? - at(0.25)?);
        (vehicles >= bands.least_vehicles).then(|| CohortEntry {
            signal: set.catalogue.signals.get(spec.slot).path.clone(),
            model,
            from_km: bands.from_km.get(band).copied().unwrap_or_default(),
            quantile: spec.quantile,
            value: rounded(value),
            spread: rounded(spread),
            vehicles,
        })
    };
    sketches.into_iter().filter_map(entry).collect()
}

/// To four significant digits: more than a sketch knows, and readable.
fn rounded(value: f64) -> f64 {
    if value == 0.0 {
        return value;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn figures_have_four_digits() {
        for (value, short) in [(81.23456, 81.23), (-0.001_234_56, -0.001_235), (123_456.0, 123_500.0), (0.0, 0.0)] {
            assert!((rounded(value) - short).abs() < 1e-12, "{value}");
        }
    }
}
