//! What has to happen with time alone: partitions ahead, what outlived its keeping, proposals that
//! nobody took up, log-ins that ended, verdicts to learn from.
//!
//! Each job is a reconciler: it reads the tables, does what is missing, and run twice it does
//! nothing. A job that fails is counted and comes again; it does not keep the others from running.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus::{IntCounterVec, Opts, Registry};
use rules::rule_set::RuleSet;
use rules::state::settle::Bounds;
use rules::unit::{Span, Time};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info_span, warn};

use crate::clock::Clock;
use crate::config;
use crate::history::archive;
use crate::metrics::HistogramFamily;
use crate::rules_in_force::learning::Learning;
use crate::store::open::Store;
use crate::store::partition::Partitions;
use crate::store::rollup::roll_up;
use crate::store::session::{As, LOG_IN, Scope, begin_as};
use crate::store::tier::Tier;
use crate::store::{archive as store_archive, upkeep};

/// A proposal that nobody took up this long after its visit was due is given up.
const PROPOSAL_GRACE: Span = Span::from_days(14);

/// A job; the order is the order of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    PartitionsAhead,
    RollUp,
    /// What the journal said is kept by vehicle.
    Archive,
    Journal,
    Readings,
    Rejections,
    Sessions,
    Proposals,
    /// Tells the pages of a dealer whose orders became overdue while nothing else happened.
    Overdue,
    /// Learns the precision of rules from verdicts.
    Precision,
    /// Learns what is usual for vehicles of a model and mileage.
    Cohorts,
    /// Writes forecasts down, follows what becomes of them, and calibrates estimators.
    Forecasts,
    /// Looks for cohorts that have a fault more often than they should.
    Campaigns,
}

impl Job {
    pub const ALL: [Self; 13] = [
        Self::PartitionsAhead,
        Self::RollUp,
        Self::Archive,
        Self::Journal,
        Self::Readings,
        Self::Rejections,
        Self::Sessions,
        Self::Proposals,
        Self::Overdue,
        Self::Precision,
        Self::Cohorts,
        Self::Forecasts,
        Self::Campaigns,
    ];

    pub const fn key(self) -> &'static str {
        match self {
            Self::PartitionsAhead => "partitions_ahead",
            Self::RollUp => "roll_up",
            Self::Archive => "archive",
            Self::Journal => "journal",
            Self::Readings => "readings",
            Self::Rejections => "rejections",
            Self::Sessions => "sessions",
            Self::Proposals => "proposals",
            Self::Overdue => "overdue",
            Self::Precision => "precision",
            Self::Cohorts => "cohorts",
            Self::Forecasts => "forecasts",
            Self::Campaigns => "campaigns",
        }
    }

    /// How often, in real time, unless configured.
    const fn every(self) -> Duration {
        match self {
            Self::Overdue => Duration::from_secs(15),
            Self::Sessions | Self::Proposals => Duration::from_mins(1),
            Self::RollUp | Self::Archive | Self::PartitionsAhead => Duration::from_mins(5),
            Self::Journal | Self::Readings | Self::Rejections => Duration::from_mins(30),
            Self::Precision | Self::Cohorts | Self::Forecasts | Self::Campaigns => Duration::from_hours(1),
        }
    }
}

/// What the sweep counts.
#[derive(Clone, Debug)]
pub struct SweepMetrics {
    runs: IntCounterVec,
    items: IntCounterVec,
    seconds: HistogramFamily,
}

impl SweepMetrics {
    /// The label is `sweep`: Prometheus gives `job` to the scrape itself.
    pub fn try_new(registry: &Registry) -> prometheus::Result<Self> {
        let runs = Opts::new("premend_engine_sweep_runs_total", "Runs of a periodic job, by outcome");
        let items = Opts::new("premend_engine_sweep_items_total", "What periodic jobs made, moved or removed");
        let metrics = Self {
            runs: IntCounterVec::new(runs, &["sweep", "outcome"])?,
            items: IntCounterVec::new(items, &["sweep"])?,
            seconds: HistogramFamily::seconds(
                "premend_engine_sweep_seconds",
                "How long a run of a periodic job took",
                "sweep",
                &Job::ALL.map(Job::key),
            )?,
        };
        registry.register(Box::new(metrics.runs.clone()))?;
        registry.register(Box::new(metrics.items.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        for job in Job::ALL {
            metrics.runs.with_label_values(&[job.key(), "done"]);
            metrics.runs.with_label_values(&[job.key(), "failed"]);
            metrics.items.with_label_values(&[job.key()]);
        }
        Ok(metrics)
    }
}

/// Under which rules the archive replays.
#[derive(Clone)]
pub struct InForce {
    pub sets: watch::Receiver<Arc<RuleSet>>,
    pub bounds: Bounds,
}

/// Runs the jobs.
pub struct Sweep<'a> {
    pool: PgPool,
    clock: Clock,
    tier: Tier,
    partitions: &'a Partitions,
    ahead_days: u16,
    archive_after: Span,
    retention: config::Retention,
    rules: InForce,
    learning: Learning,
    learn_every: Duration,
    metrics: SweepMetrics,
    /// Up to when overdue orders were told.
    told_overdue: Mutex<Time>,
}

impl<'a> Sweep<'a> {
    pub fn new(
        store: &'a Store,
        clock: Clock,
        config: &config::Config,
        rules: InForce,
        learning: Learning,
        metrics: SweepMetrics,
    ) -> Self {
        let told_overdue = Mutex::new(clock.now());
        Self {
            pool: store.pools.jobs.clone(),
            clock,
            tier: store.tier,
            partitions: &store.partitions,
            ahead_days: config.store.partitions_ahead_days,
            archive_after: config.store.archive_after,
            retention: config.retention.clone(),
            rules,
            learning,
            learn_every: Duration::from_micros(config.catalogue.learn_every.micros().unsigned_abs()),
            metrics,
            told_overdue,
        }
    }

    /// Runs each job at start and then when its time has come, until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mut last = [None::<Instant>; Job::ALL.len()];
        while !stop.is_cancelled() {
            for (job, ran) in Job::ALL.into_iter().zip(&mut last) {
                if ran.is_none_or(|at| at.elapsed() >= self.every(job)) {
                    self.run_counted(job).await;
                    *ran = Some(Instant::now());
                }
            }
            stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(5))).await;
        }
    }

    fn every(&self, job: Job) -> Duration {
        let learns = matches!(job, Job::Precision | Job::Cohorts | Job::Forecasts | Job::Campaigns);
        if learns { self.learn_every } else { job.every() }
    }

    async fn run_counted(&self, job: Job) {
        let watch = Instant::now();
        let outcome = self.run_once(job).instrument(info_span!("sweep.run", job = job.key())).await;
        if let Some(histogram) = self.metrics.seconds.of(job.key()) {
            histogram.observe(watch.elapsed());
        }
        let word = if outcome.is_ok() { "done" } else { "failed" };
        self.metrics.runs.with_label_values(&[job.key(), word]).inc();
        match outcome {
            Ok(items) => {
                self.metrics.items.with_label_values(&[job.key()]).inc_by(items);
                debug!(job = job.key(), items, "a periodic job ran");
            }
            Err(error) => warn!(job = job.key(), error = format!("{error:#}"), "a periodic job failed and comes again"),
        }
    }

    /// Does one job; gives how many things it made, moved or removed.
    pub async fn run_once(&self, job: Job) -> anyhow::Result<u64> {
        let now = self.clock.now();
        // What is gone cannot be brought back when a step turns out to have been wrong.
        let earliest = self.clock.earliest();
        Ok(match job {
            Job::PartitionsAhead => self.partitions.ensure_ahead(now, self.ahead_days).await.map(|()| 0)?,
            Job::RollUp if self.tier.rolls_up_itself() => roll_up(&self.pool, now).await?,
            Job::RollUp => 0,
            Job::Archive => self.archive(now, earliest).await?,
            Job::Journal => self.drop_journal(earliest).await?,
            Job::Readings => {
                let days = self.partitions.drop_samples(earliest - self.retention.samples).await?;
                days as u64 + self.partitions.drop_hours(earliest - self.retention.hourly).await?
            }
            Job::Rejections => {
                let mut tx = begin_as(&self.pool, As::Engine).await?;
                let gone = upkeep::drop_rejections(&mut tx, earliest - self.retention.rejections).await?;
                tx.commit().await?;
                gone
            }
            Job::Sessions => self.end_sessions().await?,
            Job::Proposals => self.expire_proposals(now, earliest).await?,
            Job::Overdue => self.tell_overdue(now).await?,
            Job::Precision => self.learning.precision().await?,
            Job::Cohorts => self.learning.cohorts().await?,
            Job::Forecasts => self.learning.forecasts().await?,
            Job::Campaigns => self.learning.campaigns().await?,
        })
    }

    /// Takes the journal's elder part into the archive, and drops what is archived for too long.
    async fn archive(&self, now: Time, earliest: Time) -> anyhow::Result<u64> {
        let set = Arc::clone(&self.rules.sets.borrow());
        let parts = archive::roll(&self.pool, &set, &self.rules.bounds, now - self.archive_after).await?;
        Ok(parts + self.partitions.drop_archive(earliest - self.retention.archive).await? as u64)
    }

    /// Drops journal days that are old enough, archived, and whose every change is in a snapshot.
    async fn drop_journal(&self, now: Time) -> sqlx::Result<u64> {
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        let by_start = upkeep::journal_needed_from(&mut tx).await?;
        let by_archive = store_archive::unfinished(&mut tx).await?.into_iter().map(|lane| lane.from()).min();
        tx.commit().await?;
        let old = now - self.retention.journal;
        let first_kept = by_start.into_iter().chain(by_archive).fold(old, Time::min);
        Ok(self.partitions.drop_journal(first_kept).await? as u64)
    }

    async fn end_sessions(&self) -> sqlx::Result<u64> {
        let who = As::Person { dealer: Scope::All, account: None, purpose: LOG_IN };
        let mut tx = begin_as(&self.pool, who).await?;
        let gone = upkeep::end_sessions(&mut tx, Clock::earliest_wall()).await?;
        tx.commit().await?;
        Ok(gone)
    }

    /// One transaction per order: its row, the move, and the command to the vehicle's lane.
    async fn expire_proposals(&self, now: Time, earliest: Time) -> sqlx::Result<u64> {
        let mut expired = 0;
        loop {
            let mut tx = begin_as(&self.pool, As::Engine).await?;
            let one = upkeep::expire_proposal(&mut tx, now, earliest - PROPOSAL_GRACE).await?;
            tx.commit().await?;
            if !one {
                return Ok(expired);
            }
            expired += 1;
        }
    }

    async fn tell_overdue(&self, now: Time) -> sqlx::Result<u64> {
        // A clock that was set back passes the same hour again.
        let since = (*self.told_overdue.lock().unwrap_or_else(PoisonError::into_inner)).min(now);
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        let dealers = upkeep::tell_overdue(&mut tx, since, now).await?;
        tx.commit().await?;
        *self.told_overdue.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(dealers)
    }
}

#[cfg(test)]
mod tests;
