//! What lanes measure; see `metrics.rs` for the registry and the names' rules.

use std::time::{Duration, Instant};

use ingest::source::Delivery;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};
use rules::effect::{Effect, Effects};
use rules::reading::Reason;
use rules::rule_set::RuleSet;

use crate::draft::Draft;
use crate::inbox::{Arrived, Item};

/// Seconds, from a tenth of a millisecond to ten seconds.
const SECONDS: &[f64] = &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const COUNTS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 4_096.0];

#[derive(Clone, Debug)]
pub struct LaneMetrics {
    batch_inputs: Histogram,
    decide_seconds: Histogram,
    commit_seconds: Histogram,
    publish_to_commit_seconds: Histogram,
    journal_bytes: IntCounter,
    settled: IntCounter,
    evaluations: IntCounter,
    unused: IntCounterVec,
    decisions: IntCounterVec,
    ready: IntCounterVec,
    not_ready: IntCounterVec,
    unavailable: IntCounter,
}

impl LaneMetrics {
    pub fn new(registry: &Registry, set: &RuleSet) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            batch_inputs: histogram(registry, "engine_batch_inputs", "inputs committed together", COUNTS)?,
            decide_seconds: histogram(registry, "engine_decide_seconds", "admitting, settling and deciding a batch", SECONDS)?,
            commit_seconds: histogram(registry, "db_commit_seconds", "the one transaction of a batch", SECONDS)?,
            publish_to_commit_seconds: histogram(registry, "engine_publish_to_commit_seconds", "from reading a publish to its commit", SECONDS)?,
            journal_bytes: counter(registry, "db_journal_bytes_total", "compressed inputs written to the journal")?,
            settled: counter(registry, "rules_settled_samples_total", "samples folded in their order")?,
            evaluations: counter(registry, "rules_evaluations_total", "rule programs run")?,
            unused: counters(registry, "rules_unused_readings_total", "readings not used, by reason", "reason")?,
            decisions: counters(registry, "rules_decisions_total", "decisions on cases, by kind", "kind")?,
            ready: counters(registry, "rules_ready_evaluations_total", "programs run to a verdict, by rule", "rule")?,
            not_ready: counters(registry, "rules_not_ready_evaluations_total", "programs without a verdict for want of readings, by rule", "rule")?,
            unavailable: counter(registry, "db_unavailable_commits_total", "commits that found the store away")?,
        };
        for reason in [Reason::SteppedBack, Reason::Late, Reason::Suspect, Reason::SameTimeOtherContent, Reason::Duplicate, Reason::UnknownSignal] {
            metrics.unused.with_label_values(&[reason.label()]);
        }
        for kind in rules::effect::ChangeKind::ALL {
            metrics.decisions.with_label_values(&[kind.label()]);
        }
        for rule in &set.rules {
            metrics.ready.with_label_values(&[&rule.source.key]);
            metrics.not_ready.with_label_values(&[&rule.source.key]);
        }
        Ok(metrics)
    }

    pub fn decided(&self, inputs: usize, took: Duration) {
        if inputs > 0 {
            self.batch_inputs.observe(inputs as f64);
            self.decide_seconds.observe(took.as_secs_f64());
        }
    }

    pub fn commit_took(&self, took: Duration, bytes: usize) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.journal_bytes.inc_by(bytes as u64);
    }

    pub fn store_unavailable(&self) {
        self.unavailable.inc();
    }

    /// Counts a committed batch; takes the rules' counts out of `effects`.
    pub fn committed(&self, arrived: &[Arrived], draft: &Draft, set: &RuleSet, effects: &mut Effects) {
        let now = Instant::now();
        for one in arrived {
            if let Item::Delivery(Delivery::Message(published)) = &one.item {
                self.publish_to_commit_seconds.observe(now.saturating_duration_since(published.arrived).as_secs_f64());
            }
        }
        self.settled.inc_by(draft.settled);
        for reason in &draft.unused {
            self.unused.with_label_values(&[reason.label()]).inc();
        }
        for kind in &draft.changes {
            self.decisions.with_label_values(&[kind.label()]).inc();
        }
        self.evaluations.inc_by(u64::from(std::mem::take(&mut effects.evaluated)));
        for (counts, vector) in [(&mut effects.ready, &self.ready), (&mut effects.not_ready, &self.not_ready)] {
            for (index, count) in counts.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
                if let Some(rule) = set.rules.get(index) {
                    vector.with_label_values(&[&rule.source.key]).inc_by(u64::from(std::mem::take(count)));
                }
            }
        }
    }
}

/// The kind of a decision that an effect writes down.
pub fn kind_of(effect: &Effect) -> Option<rules::effect::ChangeKind> {
    match effect {
        Effect::CaseChange { kind, .. } => Some(*kind),
        _ => None,
    }
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    let counter = IntCounter::new(format!("premend_{name}"), help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn counters(registry: &Registry, name: &str, help: &str, label: &str) -> Result<IntCounterVec, prometheus::Error> {
    let counters = IntCounterVec::new(Opts::new(format!("premend_{name}"), help), &[label])?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, prometheus::Error> {
    let histogram = Histogram::with_opts(HistogramOpts::new(format!("premend_{name}"), help).buckets(buckets.to_vec()))?;
    registry.register(Box::new(histogram.clone()))?;
    Ok(histogram)
}
