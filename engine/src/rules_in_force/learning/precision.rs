//! Learning: from technicians' verdicts to the precision of every rule version, and to who hears of it.
//!
//! A reconciler, which a job runs: it reads the verdicts, computes the table, and proposes it as an
//! activation if a decision would come out otherwise. Run twice it does nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Days, NaiveDate, Utc};
use prometheus::{GaugeVec, IntCounter, IntGauge, Opts, Registry};
use rules::learned::{CohortHead, HALF_LIFE_DAYS, Judged, PRECISION_FILE, PrecisionTable, Tally, learn, tasks};
use rules::rule_set::RuleSet;
use sqlx::PgPool;
use tokio::sync::watch;

use super::campaign::{CampaignMetrics, LookedAt};
use super::forecast::ForecastMetrics;
use crate::clock::Clock;
use crate::rules_in_force::proposal::{Proposal, propose};
use crate::store::label::{Label, labels};
use crate::store::rule_task::{self, NewTask};
use crate::store::session::{As, begin_as};

/// Verdicts older than ten half-lives weigh less than a thousandth.
const REMEMBERED: Days = Days::new(10 * HALF_LIFE_DAYS as u64);

/// What is learned, as metrics. Rules are a closed set: those in force.
#[derive(Clone, Debug)]
pub struct LearningMetrics {
    precision: GaugeVec,
    lower: GaugeVec,
    demoted: IntGauge,
    demotions: IntCounter,
    tasks: IntGauge,
    pub(super) forecasts: ForecastMetrics,
    pub(super) campaigns: CampaignMetrics,
}

impl LearningMetrics {
    pub fn try_new(registry: &Registry) -> prometheus::Result<Self> {
        let precision = Opts::new("premend_rules_precision_ratio", "Share of findings that were right, by verdicts");
        let lower = Opts::new("premend_rules_precision_lower_ratio", "Lower bound of that share, one-sided 95 %");
        let metrics = Self {
            precision: GaugeVec::new(precision, &["rule"])?,
            lower: GaugeVec::new(lower, &["rule"])?,
            demoted: IntGauge::new("premend_rules_demoted", "Rules in force that run as a shadow by their verdicts")?,
            demotions: IntCounter::new("premend_rules_demotions_total", "Rules that were demoted")?,
            tasks: IntGauge::new("premend_rules_tasks_open", "Tasks to authors of rules that nobody has closed")?,
            forecasts: ForecastMetrics::try_new(registry)?,
            campaigns: CampaignMetrics::try_new(registry)?,
        };
        registry.register(Box::new(metrics.precision.clone()))?;
        registry.register(Box::new(metrics.lower.clone()))?;
        registry.register(Box::new(metrics.demoted.clone()))?;
        registry.register(Box::new(metrics.demotions.clone()))?;
        registry.register(Box::new(metrics.tasks.clone()))?;
        Ok(metrics)
    }

    fn show(&self, set: &RuleSet, table: &PrecisionTable) {
        self.precision.reset();
        self.lower.reset();
        let mut demoted = 0;
        for rule in &set.catalogue.rules {
            let entry = table.of(&rule.key, rule.version);
            let tally = entry.map(rules::learned::Precision::tally).unwrap_or_default();
            self.precision.with_label_values(&[&rule.key]).set(tally.precision());
            self.lower.with_label_values(&[&rule.key]).set(tally.lower());
            demoted += i64::from(entry.is_some_and(|entry| entry.demoted.is_some()));
        }
        self.demoted.set(demoted);
    }
}

/// Computes the learned tables.
#[derive(Debug)]
pub struct Learning {
    pub(super) pool: PgPool,
    pub(super) clock: Clock,
    pub(super) sets: watch::Receiver<Arc<RuleSet>>,
    pub(super) metrics: LearningMetrics,
    /// The day on which forecasts were recorded and learned from last.
    pub(super) forecast_on: Mutex<Option<NaiveDate>>,
    pub(super) looked_at_campaigns: LookedAt,
    /// The day and the questions for which cohorts were computed last.
    looked_at: Mutex<CohortHead>,
}

impl Learning {
    pub fn new(pool: PgPool, clock: Clock, sets: watch::Receiver<Arc<RuleSet>>, metrics: LearningMetrics) -> Self {
        let (forecast_on, looked_at_campaigns) = (Mutex::default(), LookedAt::default());
        Self { pool, clock, sets, metrics, forecast_on, looked_at_campaigns, looked_at: Mutex::default() }
    }

    /// Whether cohorts were computed for this day and these questions.
    pub(super) fn looked_at(&self, head: &CohortHead) -> bool {
        *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner) == *head
    }

    pub(super) fn look_at(&self, head: CohortHead) {
        *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = head;
    }

    /// Brings precision, demotions and tasks up to date; gives how many of them changed.
    pub async fn precision(&self) -> anyhow::Result<u64> {
        let set = Arc::clone(&self.sets.borrow());
        let now = self.clock.now().to_utc();
        let tallies = tallies(&self.labels(now).await?, now.date_naive());
        let table =
            learn(&set.catalogue.rules, &set.catalogue.learned.precision, &tallies, &now.date_naive().to_string());
        self.metrics.show(&set, &table);
        let mut changed = self.update_tasks(&set, &table, now).await?;
        if !set.catalogue.learned.precision.decides_otherwise(&table, &set.catalogue.rules) {
            return Ok(changed);
        }
        let catalogue = set.catalogue.with_learned_file(PRECISION_FILE, table.to_toml())?;
        let proposal = Proposal::by_job("technicians' verdicts");
        if let Some(proposed) = propose(&self.pool, &set, catalogue, proposal, &self.clock).await? {
            changed += proposed.changes.len() as u64;
            let demoted = |table: &PrecisionTable| table.iter().filter(|entry| entry.demoted.is_some()).count() as u64;
            self.metrics.demotions.inc_by(demoted(&table).saturating_sub(demoted(&set.catalogue.learned.precision)));
            for change in proposed.changes {
                tracing::info!(rule = change.key, what = change.learned, "the precision of a rule changed");
            }
        }
        Ok(changed)
    }

    async fn labels(&self, now: DateTime<Utc>) -> anyhow::Result<Vec<Label>> {
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        Ok(labels(&mut tx, oldest(now)).await?)
    }

    /// Opens what is missing, closes what another version has answered.
    async fn update_tasks(&self, set: &RuleSet, table: &PrecisionTable, now: DateTime<Utc>) -> anyhow::Result<u64> {
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        let mut changed = 0;
        for task in tasks(&set.catalogue.rules, table) {
            let new = NewTask {
                rule_key: &task.rule.key,
                rule_version: task.rule.version as i32,
                what: task.what.word(),
                precision: task.precision,
                lower: task.lower,
                gate: task.gate,
                confirmed: task.confirmed,
                refuted: task.refuted,
                opened_at: now,
            };
            changed += u64::from(rule_task::open(&mut tx, &new).await?);
        }
        let rules = &set.catalogue.rules;
        let keys: Vec<String> = rules.iter().map(|rule| rule.key.clone()).collect();
        let versions: Vec<i32> = rules.iter().map(|rule| rule.version as i32).collect();
        changed += rule_task::close_of_others(&mut tx, &keys, &versions, now).await?;
        self.metrics.tasks.set(rule_task::count(&mut tx).await?);
        tx.commit().await?;
        Ok(changed)
    }
}

/// When a verdict must have been given to weigh anything.
pub fn oldest(now: DateTime<Utc>) -> DateTime<Utc> {
    now.checked_sub_days(REMEMBERED).unwrap_or(now)
}

/// Verdicts by weight of every rule version, as of a day.
pub fn tallies(labels: &[Label], today: NaiveDate) -> BTreeMap<(String, u32), Tally> {
    let mut all: BTreeMap<(String, u32), Tally> = BTreeMap::new();
    for label in labels {
        let judged = Judged { verdict: label.verdict, came_back: label.came_back };
        let age_days = (today - label.day).num_days() as f64;
        let tally = all.entry((label.rule_key.clone(), label.rule_version as u32)).or_default();
        tally.add(judged, u32::try_from(label.count).unwrap_or(u32::MAX), age_days);
    }
    all
}
