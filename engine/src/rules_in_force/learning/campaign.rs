//! Early warning: reads rates by cohort from the store, looks for rises, and proposes a campaign for each.
//!
//! Once for every day that is over and archived. Looking at a day again writes the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Days, NaiveDate, Utc};
use prometheus::{IntGauge, Registry};
use rules::campaign::{Cell, Cohort, Criteria, Known, LONGEST_WINDOW, LOOK_BACK_WEEKS, Rise, look};
use rules::rule_set::RuleSet;
use serde_json::json;
use sqlx::PgConnection;

use super::Learning;
use crate::store::archive;
use crate::store::campaign::{Figures, ProposalRow, proposals, propose};
use crate::store::cohort_rate::{exposure, faults, heard, rules_changed};
use crate::store::session::{As, begin_as};

/// What was decided is remembered for so long; after that a rise is news again.
const REMEMBERED: Days = Days::new(365);

/// What early warning looks at, as metrics.
#[derive(Clone, Debug)]
pub struct CampaignMetrics {
    tested: IntGauge,
    open: IntGauge,
    looked_at: IntGauge,
}

impl CampaignMetrics {
    pub fn try_new(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            tested: IntGauge::new(
                "premend_rules_cohorts_tested",
                "Cohorts and components tested for a rise at the last look",
            )?,
            open: IntGauge::new("premend_rules_campaigns_open", "Proposed campaigns that nobody has decided on")?,
            looked_at: IntGauge::new(
                "premend_rules_campaigns_looked_at_seconds",
                "When cohorts were last looked at, as Unix time of the engine's clock",
            )?,
        };
        registry.register(Box::new(metrics.tested.clone()))?;
        registry.register(Box::new(metrics.open.clone()))?;
        registry.register(Box::new(metrics.looked_at.clone()))?;
        Ok(metrics)
    }
}

/// The end of what was looked at last.
#[derive(Debug, Default)]
pub struct LookedAt(Mutex<Option<NaiveDate>>);

impl LookedAt {
    fn is(&self, until: NaiveDate) -> bool {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) == Some(until)
    }

    fn set(&self, until: NaiveDate) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

impl Learning {
    /// Looks at what is known up to today; gives how many campaigns were proposed.
    pub async fn campaigns(&self) -> anyhow::Result<u64> {
        let (set, now) = (Arc::clone(&self.sets.borrow()), self.clock.now().to_utc());
        let until = now.date_naive();
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        // Exposure comes from the archive: without it the last day would have faults of vehicles that did not drive.
        let archived = archive::unfinished(&mut tx).await?.iter().all(|lane| lane.day >= until);
        if self.looked_at_campaigns.is(until) || !archived {
            return Ok(0);
        }
        let cells = cells(&mut tx, &set, until).await?;
        let same_rules = same_rules(&mut tx, &set, &cells, until).await?;
        let told = proposals(&mut tx, now - REMEMBERED).await?;
        let known: Vec<Known> = told.into_iter().map(known).collect();
        let look = tokio::task::spawn_blocking(move || look(&cells, &same_rules, &known, &Criteria::default())).await?;
        let mut proposed = 0;
        for rise in &look.rises {
            if propose(&mut tx, &figures(rise, until, now)).await? {
                proposed += 1;
                tracing::info!(component = rise.component, model = rise.cohort.model, "a campaign was proposed");
            }
        }
        let open = proposals(&mut tx, now).await?.iter().filter(|row| row.state == "proposed").count();
        tx.commit().await?;
        self.looked_at_campaigns.set(until);
        self.metrics.campaigns.tested.set(look.tested as i64);
        self.metrics.campaigns.open.set(open as i64);
        self.metrics.campaigns.looked_at.set(now.timestamp());
        Ok(proposed)
    }
}

/// What there is to look at, by model, software and batch. Vehicles of models that nobody knows have nothing in common.
async fn cells(conn: &mut PgConnection, set: &RuleSet, until: NaiveDate) -> anyhow::Result<Vec<Cell>> {
    let from = until - Days::new(7 * LOOK_BACK_WEEKS as u64);
    let window = Days::new(7 * LONGEST_WINDOW as u64);
    let mut cells: BTreeMap<[String; 3], Cell> = BTreeMap::new();
    for row in exposure(conn, from, until).await? {
        let cell = cell(&mut cells, [row.model, row.software, row.batch]);
        if let Some(days) = usize::try_from(row.week).ok().and_then(|week| cell.vehicle_days.get_mut(week)) {
            *days = u32::try_from(row.vehicle_days).unwrap_or(u32::MAX);
        }
    }
    for row in heard(conn, until - window, until).await? {
        let cell = cell(&mut cells, [row.model, row.software, row.batch]);
        cell.vehicles = u32::try_from(row.vehicles).unwrap_or(u32::MAX);
    }
    let trunks = trunks(set);
    let mut rows = faults(conn, from, until).await?;
    rows.sort_by_key(|row| row.day);
    // One vehicle counts once in any window: it is one matter, however often it comes and goes.
    let mut counted: BTreeMap<(String, String), NaiveDate> = BTreeMap::new();
    for row in rows {
        let component = trunk(&trunks, &row.component).to_owned();
        let last = counted.entry((row.vehicle_id, component.clone())).or_insert(NaiveDate::MIN);
        if *last != NaiveDate::MIN && row.day < *last + window {
            continue;
        }
        *last = row.day;
        let weeks = cell(&mut cells, [row.model, row.software, row.batch]).faults.entry(component);
        let weeks = weeks.or_insert_with(|| vec![0; LOOK_BACK_WEEKS]);
        let back = usize::try_from(((until - row.day).num_days() - 1) / 7).unwrap_or_default();
        if let Some(week) = weeks.get_mut(back) {
            *week += 1;
        }
    }
    Ok(cells.into_values().filter(|cell| set.catalogue.model(&cell.model).is_some()).collect())
}

fn cell(cells: &mut BTreeMap<[String; 3], Cell>, name: [String; 3]) -> &mut Cell {
    let [model, software, batch] = name.clone();
    let vehicle_days = vec![0; LOOK_BACK_WEEKS];
    cells.entry(name).or_insert_with(|| Cell { model, software, batch, vehicle_days, ..Cell::default() })
}

/// Components with instances, such as wheels: a batch of them is bad on whichever wheel.
fn trunks(set: &RuleSet) -> Vec<String> {
    let rules = set.catalogue.rules.iter();
    rules.filter_map(|rule| rule.component.strip_suffix(".{each}")).map(str::to_owned).collect()
}

fn trunk<'a>(trunks: &'a [String], component: &'a str) -> &'a str {
    let within = |trunk: &&String| component.strip_prefix(trunk.as_str()).is_some_and(|rest| rest.starts_with('.'));
    trunks.iter().find(within).map_or(component, String::as_str)
}

/// For how many whole weeks the rules of a component have been what they are, where one changed.
async fn same_rules(
    conn: &mut PgConnection,
    set: &RuleSet,
    cells: &[Cell],
    until: NaiveDate,
) -> sqlx::Result<BTreeMap<String, usize>> {
    let from = until - Days::new(7 * LOOK_BACK_WEEKS as u64);
    let since: BTreeMap<String, DateTime<Utc>> = rules_changed(conn, from.and_time(chrono::NaiveTime::MIN).and_utc())
        .await?
        .into_iter()
        .map(|changed| (changed.rule_key, changed.at))
        .collect();
    let trunks = trunks(set);
    let mut same = BTreeMap::new();
    for rule in &set.catalogue.rules {
        let Some(at) = since.get(&rule.key) else { continue };
        let weeks = usize::try_from((until - at.date_naive()).num_days() / 7).unwrap_or_default();
        let component = rule.component.strip_suffix(".{each}").unwrap_or(&rule.component);
        let own = [trunk(&trunks, component).to_owned()];
        // A rule by fault code may speak of any component.
        let any = cells.iter().flat_map(|cell| cell.faults.keys());
        let about: Vec<&String> = if rule.is_by_code() { any.collect() } else { own.iter().collect() };
        for component in about {
            let least = same.entry(component.clone()).or_insert(weeks);
            *least = weeks.min(*least);
        }
    }
    Ok(same)
}

fn known(row: ProposalRow) -> Known {
    Known {
        cohort: Cohort { model: row.model, software: row.software, batch: row.batch },
        component: row.component,
        decided_at_ratio: row.decided_at.map(|_| row.ratio),
    }
}

fn figures(rise: &Rise, until: NaiveDate, now: DateTime<Utc>) -> Figures<'_> {
    let weeks: Vec<_> =
        rise.weeks.iter().map(|week| json!({ "faults": week.faults, "vehicle_days": week.vehicle_days })).collect();
    Figures {
        model: &rise.cohort.model,
        software: rise.cohort.software.as_deref(),
        batch: rise.cohort.batch.as_deref(),
        component: &rise.component,
        looked_at: until - Days::new(1),
        window_days: 7 * rise.window_weeks as i32,
        faults: rise.observed.faults as i32,
        vehicles: rise.vehicles as i32,
        expected: rise.expected,
        ratio: rise.ratio,
        ratio_lower: rise.lower,
        ratio_upper: rise.upper,
        q_value: rise.q,
        since: until - Days::new(7 * rise.since_weeks as u64),
        weeks: weeks.into(),
        proposed_at: now,
    }
}
