//! What the relay counts. Every channel, outcome and reason stands at zero from the start.

use std::time::Duration;

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};
use rules::unit::Time;
use sqlx::PgPool;

use crate::crm::notice::{CancelReason, HoldReason};
use crate::metrics::HistogramFamily;
use crate::store::outbox::{AttemptOutcome, depth};
use crate::store::session::{As, begin_as};

/// The relay's metrics; clones count together.
#[derive(Clone, Debug)]
pub struct OutboxMetrics {
    channels: Vec<&'static str>,
    attempts: IntCounterVec,
    delivery_seconds: HistogramFamily,
    cancelled: IntCounterVec,
    held: IntCounterVec,
    taken_back: IntCounterVec,
    expired_leases: IntCounter,
    failures: IntCounter,
    queued: IntGaugeVec,
    parked: IntGaugeVec,
    oldest_seconds: IntGaugeVec,
}

impl OutboxMetrics {
    /// Registers everything, with the channels that there are.
    pub fn try_new(registry: &Registry, channels: &[&'static str]) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let gauges = |name: &str, help: &str| IntGaugeVec::new(Opts::new(name, help), &["channel"]);
        let metrics = Self {
            channels: channels.to_vec(),
            attempts: counters(
                "premend_outbox_attempts_total",
                "Attempts to deliver a notice, by channel and outcome",
                &["channel", "outcome"],
            )?,
            delivery_seconds: HistogramFamily::seconds(
                "premend_outbox_delivery_seconds",
                "How long a channel took for one attempt",
                "channel",
                channels,
            )?,
            cancelled: counters(
                "premend_outbox_cancelled_total",
                "Notices that the re-check cancelled, by reason",
                &["reason"],
            )?,
            held: counters("premend_outbox_held_total", "Notices put off by the re-check, by reason", &["reason"])?,
            taken_back: counters(
                "premend_outbox_taken_back_total",
                "Delivered notices taken back, by reason",
                &["reason"],
            )?,
            expired_leases: IntCounter::new(
                "premend_outbox_expired_leases_total",
                "Entries taken over from a relay that did not finish in time",
            )?,
            failures: IntCounter::new("premend_outbox_failures_total", "Looks at the outbox that the database failed")?,
            queued: gauges("premend_outbox_queued_entries", "Entries waiting to be delivered")?,
            parked: gauges("premend_outbox_parked_entries", "Entries given up, waiting for a person")?,
            oldest_seconds: gauges("premend_outbox_oldest_due_seconds", "Age of the oldest entry that is due")?,
        };
        metrics.register(registry)?;
        metrics.start_at_zero();
        Ok(metrics)
    }

    fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.attempts.clone()))?;
        registry.register(Box::new(self.delivery_seconds.clone()))?;
        registry.register(Box::new(self.cancelled.clone()))?;
        registry.register(Box::new(self.held.clone()))?;
        registry.register(Box::new(self.taken_back.clone()))?;
        registry.register(Box::new(self.expired_leases.clone()))?;
        registry.register(Box::new(self.failures.clone()))?;
        registry.register(Box::new(self.queued.clone()))?;
        registry.register(Box::new(self.parked.clone()))?;
        registry.register(Box::new(self.oldest_seconds.clone()))
    }

    fn start_at_zero(&self) {
        for channel in &self.channels {
            for outcome in AttemptOutcome::ALL {
                self.attempts.with_label_values(&[channel, outcome.key()]);
            }
        }
        self.empty_gauges();
        for reason in CancelReason::ALL {
            self.cancelled.with_label_values(&[reason.key()]);
            self.taken_back.with_label_values(&[reason.key()]);
        }
        for reason in HoldReason::ALL {
            self.held.with_label_values(&[reason.key()]);
        }
    }

    fn empty_gauges(&self) {
        for gauge in [&self.queued, &self.parked, &self.oldest_seconds] {
            // A channel that was removed keeps no stale value.
            gauge.reset();
            for channel in &self.channels {
                gauge.with_label_values(&[channel]).set(0);
            }
        }
    }

    /// Reads the depths from the database; called at every scrape.
    pub async fn scrape(&self, pool: &PgPool, now: Time) -> sqlx::Result<()> {
        let mut tx = begin_as(pool, As::Engine).await?;
        let depths = depth(&mut tx, now).await?;
        tx.commit().await?;
        self.empty_gauges();
        for depth in depths {
            let label = [depth.channel.as_str()];
            let age = depth.oldest_due.map_or(0.0, |due| now.since(due).secs_f64());
            self.queued.with_label_values(&label).set(depth.queued);
            self.parked.with_label_values(&label).set(depth.parked);
            self.oldest_seconds.with_label_values(&label).set(age as i64);
        }
        Ok(())
    }

    pub(super) fn claimed(&self, taken_over: bool) {
        if taken_over {
            self.expired_leases.inc();
        }
    }

    pub(super) fn attempted(&self, channel: &str, outcome: AttemptOutcome) {
        self.attempts.with_label_values(&[channel, outcome.key()]).inc();
    }

    pub(super) fn took(&self, channel: &str, duration: Duration) {
        if let Some(histogram) = self.delivery_seconds.of(channel) {
            histogram.observe(duration);
        }
    }

    pub(super) fn cancelled(&self, reason: CancelReason) {
        self.cancelled.with_label_values(&[reason.key()]).inc();
    }

    pub(super) fn held(&self, reason: HoldReason) {
        self.held.with_label_values(&[reason.key()]).inc();
    }

    pub(super) fn taken_back(&self, reason: CancelReason) {
        self.taken_back.with_label_values(&[reason.key()]).inc();
    }

    pub(super) fn failed(&self) {
        self.failures.inc();
    }
}
