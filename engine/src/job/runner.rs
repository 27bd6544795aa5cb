//! Runs jobs: a task for each, so that one that panics, fails or takes long harms no other and does not end the engine.
//!
//! A run has a thread of its own, because jobs read and replay for seconds on end, and lanes must not wait behind
//! them. A job never overlaps itself: its next run begins after the last one has ended, a period after it began. After
//! an error or a panic it comes sooner, and each time it fails again later, up to its period.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, debug, error, field, info_span, warn};

use super::metrics::JobOutcome;
use super::{Job, JobMetrics, Supplies};

/// The wait after a first failure, where the period is longer.
const FIRST_WAIT: Duration = Duration::from_secs(10);

/// Jobs that are ready to run.
pub struct Runner {
    jobs: &'static [Job],
    supplies: Arc<Supplies>,
    metrics: JobMetrics,
    first_wait: Duration,
}

impl Runner {
    pub fn new(jobs: &'static [Job], supplies: Supplies, metrics: JobMetrics) -> Self {
        Self { jobs, supplies: Arc::new(supplies), metrics, first_wait: FIRST_WAIT }
    }

    /// Waits less after a failure, for tests.
    #[cfg(test)]
    pub(super) fn patient_for(mut self, first_wait: Duration) -> Self {
        self.first_wait = first_wait;
        self
    }

    /// Runs each job at once and then when its time has come. At `stop` what is under way ends at its next await.
    pub async fn run(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        for job in self.jobs {
            let period = job.period.under(&self.supplies.config);
            self.metrics.comes(job.key, period);
            let repeated = Repeated {
                job,
                supplies: Arc::clone(&self.supplies),
                metrics: self.metrics.clone(),
                period,
                first_wait: self.first_wait,
            };
            tasks.spawn(repeated.repeat(stop.clone()));
        }
        tasks.close();
        tasks.wait().await;
    }
}

/// One job with what its task needs.
struct Repeated {
    job: &'static Job,
    supplies: Arc<Supplies>,
    metrics: JobMetrics,
    period: Duration,
    first_wait: Duration,
}

impl Repeated {
    async fn repeat(self, stop: CancellationToken) {
        let mut failures = 0;
        while !stop.is_cancelled() {
            let began = Instant::now();
            let Some(outcome) = self.run_fenced(&stop).await else { return };
            let took = began.elapsed();
            self.metrics.ran(self.job.key, outcome, took);
            let wait = match outcome {
                JobOutcome::Done { .. } => {
                    failures = 0;
                    self.period.saturating_sub(took)
                }
                JobOutcome::Failed | JobOutcome::Panicked => {
                    failures += 1;
                    wait_after(failures, self.first_wait, self.period)
                }
            };
            stop.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
    }

    /// One run behind a fence; `None` if it was ended by the shutdown.
    async fn run_fenced(&self, stop: &CancellationToken) -> Option<JobOutcome> {
        let (key, run) = (self.job.key, self.job.run);
        let (supplies, stop, runtime) = (Arc::clone(&self.supplies), stop.clone(), Handle::current());
        let span = info_span!("job.run", job.key = key, duration_ms = field::Empty);
        let running = spawn_blocking(move || {
            let began = Instant::now();
            let ran = runtime.block_on(stop.run_until_cancelled(run(&supplies).instrument(span.clone())));
            span.record("duration_ms", began.elapsed().as_millis() as u64);
            ran
        });
        match running.await {
            Ok(None) => None,
            Ok(Some(Ok(items))) => {
                debug!(job.key = key, items, "a periodic job ran");
                Some(JobOutcome::Done { items })
            }
            Ok(Some(Err(error))) => {
                warn!(job.key = key, error = format!("{error:#}"), "a periodic job failed and comes again");
                Some(JobOutcome::Failed)
            }
            // A runtime that ends takes no more work: that is no panic.
            Err(error) if error.is_cancelled() => None,
            Err(error) => {
                error!(job.key = key, error = %error, "a periodic job panicked and comes again");
                Some(JobOutcome::Panicked)
            }
        }
    }
}

/// Doubling from the first wait, and never longer than the period.
fn wait_after(failures: u32, first: Duration, period: Duration) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_period() {
        let [first, period] = [10, 60].map(Duration::from_secs);
        let waits: Vec<u64> = (1..=5).map(|failures| wait_after(failures, first, period).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 60, 60]);
        assert_eq!(wait_after(u32::MAX, first, Duration::from_secs(3)), Duration::from_secs(3));
    }
}
