//! Watches the system's clock for steps, and takes over what has stood for long enough.
//!
//! A step is written down first, in one transaction with everything that waits for a time (see [`crate::store::clock`]);
//! only then it is told. So a crash in between loses nothing: the next start reads what was told last, and on the same
//! boot of the machine it does not even ask the wall clock. While a difference stands, `/readyz` and the page System
//! say so; the engine stays ready, because it does its work.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use prometheus::{Gauge, IntCounterVec, Opts, Registry};
use rules::unit::{Span, Time};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::clock::anchor::Look;
use crate::http::probe::readiness::Readiness;
use crate::store::clock as rows;
use crate::store::clock::{ClockStep, Saved};
use crate::store::session::{As, begin_as};

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often the time is saved for the next start.
const SAVE_EVERY: Span = Span::from_secs(10);
/// What was postponed just while the clock was set back is judged again for so long.
const JUDGE_AGAIN: Span = Span::from_mins(2);
/// For how long a step is shown after it was taken over.
const SHOWN: Span = Span::from_hours(1);
/// Name of the note.
const CLOCK: &str = "clock";

/// What is counted of the clock.
#[derive(Clone, Debug)]
pub struct ClockMetrics {
    steps: IntCounterVec,
    difference: Gauge,
}

impl ClockMetrics {
    pub fn try_new(registry: &Registry) -> prometheus::Result<Self> {
        let steps = Opts::new("premend_engine_clock_steps_total", "Steps of the system's clock that were taken over");
        let metrics = Self {
            steps: IntCounterVec::new(steps, &["direction"])?,
            difference: Gauge::new(
                "premend_engine_clock_difference_seconds",
                "By how much the system's clock is ahead of the time that is used",
            )?,
        };
        registry.register(Box::new(metrics.steps.clone()))?;
        registry.register(Box::new(metrics.difference.clone()))?;
        for direction in ["forward", "back"] {
            metrics.steps.with_label_values(&[direction]);
        }
        Ok(metrics)
    }
}

/// Goes on from what the last engine of this database told.
pub async fn resume(pool: &PgPool, clock: &Clock) -> anyhow::Result<()> {
    let mut tx = begin_as(pool, As::Engine).await?;
    let (saved, total) = rows::load(&mut tx).await.context("reading the last time told")?;
    drop(tx);
    let Some(saved) = saved else { return Ok(()) };
    let since = (saved.boot == boot() && !saved.boot.is_empty())
        .then(|| Clock::uptime() - saved.uptime)
        .filter(|passed| *passed >= Span::ZERO);
    clock.resume(saved.told, since, total);
    Ok(())
}

/// The task.
pub struct ClockWatch {
    pool: PgPool,
    clock: Clock,
    incarnation: i32,
    adopt_after: Span,
    readiness: Arc<Readiness>,
    metrics: ClockMetrics,
    boot: String,
    saved: Option<Span>,
    /// The last step that was taken over, and when.
    taken: Option<(ClockStep, Span)>,
}

impl ClockWatch {
    pub fn new(
        pool: PgPool,
        clock: Clock,
        incarnation: i32,
        adopt_after: Span,
        readiness: Arc<Readiness>,
        metrics: ClockMetrics,
    ) -> Self {
        Self { pool, clock, incarnation, adopt_after, readiness, metrics, boot: boot(), saved: None, taken: None }
    }

    /// Runs until `stop`; a clock that is not the system's makes no steps.
    pub async fn run(mut self, stop: CancellationToken) {
        if !self.clock.is_system() {
            return stop.cancelled().await;
        }
        while !stop.is_cancelled() {
            if let Err(error) = self.look().await {
                tracing::warn!(error = format!("{error:#}"), "the clock is not written down, trying again");
            }
            stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
        }
    }

    async fn look(&mut self) -> anyhow::Result<()> {
        let look = self.clock.look(self.adopt_after);
        let (by, lasting) = match look {
            Look::Agrees => (Span::ZERO, Span::ZERO),
            Look::Differs { by, lasting } => (by, lasting),
            Look::Due { by } => (by, self.adopt_after),
        };
        self.metrics.difference.set(by.secs_f64());
        self.show(by, lasting);
        if let Look::Due { by } = look {
            self.take_over(by).await?;
        }
        self.write_down().await
    }

    fn show(&self, by: Span, lasting: Span) {
        if by != Span::ZERO {
            let left = self.adopt_after - lasting;
            let text = format!(
                "the system's clock is {} of the time in use; if it stays there, it is followed in {}",
                words(by, "ahead", "behind"),
                whole(left)
            );
            return self.readiness.note(CLOCK, text);
        }
        match self.taken.filter(|(_, at)| Clock::uptime() - *at < SHOWN) {
            Some((step, _)) => {
                let set = words(step.by, "forward", "back");
                self.readiness
                    .note(CLOCK, format!("the clock was set {set} at {}, and this was taken over", step.before));
            }
            None => self.readiness.forget(CLOCK),
        }
    }

    async fn take_over(&mut self, by: Span) -> anyhow::Result<()> {
        let step = ClockStep { before: self.clock.now(), by };
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        if !rows::take_over(&mut tx, self.incarnation, step).await.context("taking a step of the clock over")? {
            // Another engine runs this database; this one is about to end.
            return Ok(());
        }
        rows::save(&mut tx, &self.present(step.after())).await?;
        tx.commit().await?;
        self.clock.adopt(by);
        self.taken = Some((step, Clock::uptime()));
        let direction = if by > Span::ZERO { "forward" } else { "back" };
        self.metrics.steps.with_label_values(&[direction]).inc();
        tracing::warn!(seconds = by.secs_f64(), direction, "the system's clock was set and has stood; taken over");
        Ok(())
    }

    async fn write_down(&mut self) -> anyhow::Result<()> {
        let uptime = Clock::uptime();
        if self.saved.is_some_and(|at| uptime - at < SAVE_EVERY) {
            return Ok(());
        }
        let now = self.clock.now();
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        rows::save(&mut tx, &self.present(now)).await?;
        if self.taken.is_some_and(|(step, at)| step.by < Span::ZERO && uptime - at < JUDGE_AGAIN) {
            rows::judge_again(&mut tx, now).await?;
        }
        tx.commit().await?;
        self.saved = Some(uptime);
        Ok(())
    }

    fn present(&self, told: Time) -> Saved {
        Saved { boot: self.boot.clone(), uptime: Clock::uptime(), told }
    }
}

/// Which boot of the machine this is; empty where the kernel does not say, and then only the wall clock can tell.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

fn words(by: Span, ahead: &str, behind: &str) -> String {
    format!("{} {}", whole(by.abs()), if by > Span::ZERO { ahead } else { behind })
}

/// To the second.
fn whole(span: Span) -> Span {
    Span::from_secs((span.micros() + 500_000).div_euclid(1_000_000))
}
