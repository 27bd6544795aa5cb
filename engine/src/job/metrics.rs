//! What jobs count. Every job and outcome stands at zero from the start.

use std::time::Duration;

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::Job;
use crate::clock::Clock;
use crate::metrics::HistogramFamily;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    Done { items: u64 },
    Failed,
    Panicked,
}

impl JobOutcome {
    const WORDS: [&'static str; 3] = ["done", "failed", "panicked"];

    const fn word(self) -> &'static str {
        let [done, failed, panicked] = Self::WORDS;
        match self {
            Self::Done { .. } => done,
            Self::Failed => failed,
            Self::Panicked => panicked,
        }
    }
}

/// The metrics of all jobs; clones count together.
///
/// The label is `job_key`: Prometheus gives `job` to the scrape itself.
#[derive(Clone, Debug)]
pub struct JobMetrics {
    runs: IntCounterVec,
    items: IntCounterVec,
    seconds: HistogramFamily,
    failed_in_a_row: IntGaugeVec,
    last_run: IntGaugeVec,
    period: GaugeVec,
}

impl JobMetrics {
    pub fn try_new(registry: &Registry, jobs: &[Job]) -> prometheus::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(name, help);
        let keys: Vec<&'static str> = jobs.iter().map(|job| job.key).collect();
        let runs = opts("premend_job_runs_total", "Runs of a periodic job, by outcome");
        let items = opts("premend_job_items_total", "What periodic jobs made, moved or removed");
        let failed = opts("premend_job_failed_in_a_row", "Runs of a periodic job that failed since it was last done");
        let last_run =
            opts("premend_job_last_run_seconds", "When a run of a periodic job last ended, or jobs began; Unix time");
        let period = opts("premend_job_period_seconds", "How often a periodic job comes");
        let metrics = Self {
            runs: IntCounterVec::new(runs, &["job_key", "outcome"])?,
            items: IntCounterVec::new(items, &["job_key"])?,
            seconds: HistogramFamily::seconds(
                "premend_job_seconds",
                "How long a run of a periodic job took",
                "job_key",
                &keys,
            )?,
            failed_in_a_row: IntGaugeVec::new(failed, &["job_key"])?,
            last_run: IntGaugeVec::new(last_run, &["job_key"])?,
            period: GaugeVec::new(period, &["job_key"])?,
        };
        registry.register(Box::new(metrics.runs.clone()))?;
        registry.register(Box::new(metrics.items.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.failed_in_a_row.clone()))?;
        registry.register(Box::new(metrics.last_run.clone()))?;
        registry.register(Box::new(metrics.period.clone()))?;
        for key in keys {
            metrics.start_at_zero(key);
        }
        Ok(metrics)
    }

    fn start_at_zero(&self, key: &str) {
        for outcome in JobOutcome::WORDS {
            self.runs.with_label_values(&[key, outcome]);
        }
        self.items.with_label_values(&[key]);
        self.failed_in_a_row.with_label_values(&[key]);
        self.last_run.with_label_values(&[key]);
        self.period.with_label_values(&[key]);
    }

    /// A job begins to come; a first run that never ends is late from here on.
    pub(super) fn comes(&self, key: &str, period: Duration) {
        self.period.with_label_values(&[key]).set(period.as_secs_f64());
        self.note_time(key);
    }

    pub(super) fn ran(&self, key: &str, outcome: JobOutcome, took: Duration) {
        self.runs.with_label_values(&[key, outcome.word()]).inc();
        if let Some(histogram) = self.seconds.of(key) {
            histogram.observe(took);
        }
        let failed = self.failed_in_a_row.with_label_values(&[key]);
        match outcome {
            JobOutcome::Done { items } => {
                self.items.with_label_values(&[key]).inc_by(items);
                failed.set(0);
            }
            JobOutcome::Failed | JobOutcome::Panicked => failed.inc(),
        }
        self.note_time(key);
    }

    /// By the wall clock, which Prometheus has too.
    fn note_time(&self, key: &str) {
        self.last_run.with_label_values(&[key]).set(Clock::wall().to_utc().timestamp());
    }

    #[cfg(test)]
    pub(super) fn runs(&self, key: &str, outcome: &str) -> u64 {
        self.runs.with_label_values(&[key, outcome]).get()
    }
}
