//! What lanes count and measure: one struct, one name per field, registered once.
//!
//! The core does not measure itself, so settling, folding, evaluating and deciding are one stage
//! here; what rules cost is told by their number of evaluations.

use std::mem;
use std::time::{Duration, Instant};

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use rules::case::NoticeStage;
use rules::rule_set::RuleSet;
use rules::stage::effect::{
    CaseEffect, ChangeKind, Effect, Effects, FindingEffect, NoticeEffect, OrderEffect, ReviewEffect,
};
use rules::vehicle::Reason;

use super::histogram::{Histogram, HistogramFamily};
use super::labelled::Labelled;

/// The stages of a batch, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Decoding and admission.
    Admit,
    /// Settle, fold, evaluate, decide, respond.
    Decide,
    /// The one transaction.
    Commit,
    /// Telling vehicles.
    Acknowledge,
}

/// How a commit went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    Committed,
    /// The store was away; the batch is tried again.
    Retried,
    /// The answer was lost and the batch found to be there.
    FoundCommitted,
    /// The store refused the batch; it is taken in halves.
    Refused,
    /// An id stood for something else; its vehicle begins another life, and the batch is taken again.
    Taken,
}

/// Everything lanes measure. Clones share the counters.
#[derive(Clone, Debug)]
pub struct LaneMetrics {
    stages: HistogramFamily,
    publish_to_commit: Histogram,
    batch_inputs: Histogram,
    commits: Labelled,
    committed_inputs: IntCounter,
    committed_samples: IntCounter,
    journal_bytes: IntCounter,
    snapshots: IntCounter,
    snapshot_bytes: IntCounter,
    replayed_inputs: IntCounter,
    replay_differences: IntCounter,
    lost_states: IntCounter,
    start_seconds: Gauge,
    /// Vehicles whose state is in memory.
    pub vehicles: IntGauge,
    /// Messages that wait for one before them.
    pub waiting_messages: IntGauge,
    settled: IntCounter,
    unused: Labelled,
    decisions: Labelled,
    orders: IntCounter,
    reviews: IntCounter,
    notices: Labelled,
    evaluations: IntCounter,
    ready: IntCounterVec,
    not_ready: IntCounterVec,
    findings: IntCounterVec,
}

impl Stage {
    const LABELS: [&'static str; 4] = ["admit", "decide", "commit", "acknowledge"];
}

impl CommitOutcome {
    const LABELS: [&'static str; 5] = ["committed", "retried", "found_committed", "refused", "taken"];
}

impl LaneMetrics {
    /// Registers everything; each rule of `set` and every other label is there at zero.
    pub fn new(registry: &Registry, set: &RuleSet) -> prometheus::Result<Self> {
        let add = Adder(registry);
        let metrics = Self {
            stages: add.collector(HistogramFamily::seconds(
                "premend_engine_stage_seconds",
                "Time per batch spent in each stage of a message's way.",
                "stage",
                &Stage::LABELS,
            )?)?,
            publish_to_commit: add.only(HistogramFamily::plain_seconds(
                "premend_engine_publish_to_commit_seconds",
                "From reading a publish to the commit of its batch.",
            )?)?,
            batch_inputs: add.only(HistogramFamily::plain_size(
                "premend_engine_batch_inputs",
                "Inputs that one lane took together.",
            )?)?,
            commits: add.collector(Labelled::new(
                "premend_engine_commits_total",
                "Commits of batches, by outcome.",
                "outcome",
                &CommitOutcome::LABELS,
            )?)?,
            committed_inputs: add.counter("premend_engine_committed_inputs_total", "Inputs in committed batches.")?,
            committed_samples: add.counter("premend_engine_committed_samples_total", "Readings kept for charts.")?,
            journal_bytes: add
                .counter("premend_engine_journal_bytes_total", "Compressed inputs written to the journal.")?,
            snapshots: add.counter("premend_engine_snapshots_total", "Vehicle snapshots written.")?,
            snapshot_bytes: add
                .counter("premend_engine_snapshot_bytes_total", "Bytes of vehicle snapshots written.")?,
            replayed_inputs: add
                .counter("premend_engine_replayed_inputs_total", "Inputs replayed from the journal.")?,
            replay_differences: add.counter(
                "premend_engine_replay_differences_total",
                "Replayed inputs that this version would have decided otherwise; what was committed won.",
            )?,
            lost_states: add.counter(
                "premend_engine_lost_states_total",
                "Vehicles that had a state and had none when the engine started; they begin another life.",
            )?,
            start_seconds: add.collector(Gauge::new(
                "premend_engine_start_seconds",
                "How long the last start took to restore all vehicles.",
            )?)?,
            vehicles: add.gauge("premend_engine_vehicles", "Vehicles whose state is in memory.")?,
            waiting_messages: add
                .gauge("premend_engine_waiting_messages", "Messages that wait for one before them.")?,
            settled: add.counter("premend_rules_settled_samples_total", "Samples folded in their order.")?,
            unused: add.collector(Labelled::new(
                "premend_rules_unused_readings_total",
                "Messages and readings admitted and not used, by reason.",
                "reason",
                &Reason::ALL.map(Reason::label),
            )?)?,
            decisions: add.collector(Labelled::new(
                "premend_rules_decisions_total",
                "Changes of cases, by kind.",
                "kind",
                &ChangeKind::ALL.map(ChangeKind::label),
            )?)?,
            orders: add.counter("premend_rules_orders_total", "Work orders proposed.")?,
            reviews: add.counter("premend_rules_reviews_total", "Cases sent to an advisor's judgement.")?,
            notices: add.collector(Labelled::new(
                "premend_rules_notices_total",
                "Notices enqueued, by stage.",
                "stage",
                &NoticeStage::ALL.map(NoticeStage::word),
            )?)?,
            evaluations: add.counter("premend_rules_evaluations_total", "Rule programs run.")?,
            ready: add.by_rule("premend_rules_ready_evaluations_total", "Programs run to a verdict, by rule.")?,
            not_ready: add.by_rule(
                "premend_rules_not_ready_evaluations_total",
                "Programs without a verdict for want of readings, by rule.",
            )?,
            findings: add.by_rule("premend_rules_findings_total", "Findings opened, by rule.")?,
        };
        // Memory, file descriptors, processor time, under the names every dashboard knows.
        add.0.register(Box::new(ProcessCollector::for_self()))?;
        metrics.know_rules(set);
        Ok(metrics)
    }

    /// Makes each rule's counters exist at zero; at the start and at every activation.
    pub fn know_rules(&self, set: &RuleSet) {
        for rule in &set.rules {
            for counters in [&self.ready, &self.not_ready, &self.findings] {
                counters.with_label_values(&[&rule.source.key]);
            }
        }
    }

    /// How the start went.
    pub fn restored(&self, replayed: ReplayCounts, took: Duration) {
        self.replayed_inputs.inc_by(replayed.inputs);
        self.replay_differences.inc_by(replayed.differences);
        self.lost_states.inc_by(replayed.lost);
        self.start_seconds.set(took.as_secs_f64());
    }

    /// A batch was admitted and decided, `admitting` of the time in admission.
    pub fn decided(&self, inputs: usize, admitting: Duration, took: Duration) {
        if inputs > 0 {
            self.batch_inputs.observe_size(inputs);
            self.stage(Stage::Admit, admitting);
            self.stage(Stage::Decide, took.saturating_sub(admitting));
        }
    }

    pub fn stage(&self, stage: Stage, took: Duration) {
        self.stages.member(stage as usize).observe(took);
    }

    pub fn commit(&self, outcome: CommitOutcome) {
        self.commits.inc(CommitOutcome::LABELS[outcome as usize]);
    }

    /// What a committed batch held besides its inputs.
    pub fn wrote(&self, journal_bytes: usize, samples: usize, snapshots: usize, snapshot_bytes: usize) {
        self.journal_bytes.inc_by(journal_bytes as u64);
        self.committed_samples.inc_by(samples as u64);
        self.snapshots.inc_by(snapshots as u64);
        self.snapshot_bytes.inc_by(snapshot_bytes as u64);
    }

    /// Messages that were read at these times are committed now.
    pub fn published(&self, arrived: impl Iterator<Item = Instant>) {
        let now = Instant::now();
        for at in arrived {
            self.publish_to_commit.observe(now.saturating_duration_since(at));
        }
    }

    /// Counts a committed batch; takes the rules' counts out of `effects`.
    pub fn committed(&self, batch: &CommittedBatch<'_>, set: &RuleSet, effects: &mut Effects) {
        self.committed_inputs.inc_by(batch.inputs);
        self.settled.inc_by(batch.settled);
        for reason in batch.unused {
            self.unused.inc(reason.label());
        }
        batch.counts.add_to(self);
        self.evaluations.inc_by(u64::from(mem::take(&mut effects.evaluated)));
        for (counts, vector) in [(&mut effects.ready, &self.ready), (&mut effects.not_ready, &self.not_ready)] {
            for (index, count) in counts.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
                if let Some(rule) = set.rules.get(index) {
                    vector.with_label_values(&[&rule.source.key]).inc_by(u64::from(mem::take(count)));
                }
            }
        }
    }

    /// The distribution from PUBLISH to commit, for exact percentiles.
    pub fn publish_to_commit(&self) -> &Histogram {
        &self.publish_to_commit
    }
}

/// What a start replayed.
#[derive(Clone, Copy, Debug)]
pub struct ReplayCounts {
    pub inputs: u64,
    pub differences: u64,
    pub lost: u64,
}

/// What a committed batch adds to the counters.
#[derive(Clone, Copy, Debug)]
pub struct CommittedBatch<'a> {
    pub inputs: u64,
    pub settled: u64,
    /// Readings not used.
    pub unused: &'a [Reason],
    pub counts: &'a EffectCounts,
}

/// What a batch's effects add to the counters, kept until the commit.
#[derive(Clone, Debug, Default)]
pub struct EffectCounts {
    changes: Vec<ChangeKind>,
    notices: Vec<NoticeStage>,
    orders: u64,
    reviews: u64,
    findings: Vec<String>,
}

impl EffectCounts {
    pub fn note(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Case(CaseEffect::Log { kind, .. }) => self.changes.push(*kind),
                Effect::Finding(FindingEffect::Open { rule, .. }) => self.findings.push(rule.clone()),
                Effect::Order(OrderEffect::Propose { .. }) => self.orders += 1,
                Effect::Review(ReviewEffect::Queue { .. }) => self.reviews += 1,
                Effect::Notice(NoticeEffect::Enqueue(notice)) => self.notices.push(notice.stage),
                _ => {}
            }
        }
    }

    fn add_to(&self, metrics: &LaneMetrics) {
        for kind in &self.changes {
            metrics.decisions.inc(kind.label());
        }
        for stage in &self.notices {
            metrics.notices.inc(stage.word());
        }
        for rule in &self.findings {
            metrics.findings.with_label_values(&[rule]).inc();
        }
        metrics.orders.inc_by(self.orders);
        metrics.reviews.inc_by(self.reviews);
    }
}

/// Creates and registers in one step.
struct Adder<'a>(&'a Registry);

impl Adder<'_> {
    fn collector<C: Collector + Clone + 'static>(&self, collector: C) -> prometheus::Result<C> {
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.collector(IntCounter::new(name, help)?)
    }

    fn by_rule(&self, name: &str, help: &str) -> prometheus::Result<IntCounterVec> {
        self.collector(IntCounterVec::new(Opts::new(name, help), &["rule"])?)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.collector(IntGauge::new(name, help)?)
    }

    /// A family without label, of which only the member is kept.
    fn only(&self, family: HistogramFamily) -> prometheus::Result<Histogram> {
        let only = family.member(0).clone();
        self.0.register(Box::new(family))?;
        Ok(only)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus::TextEncoder;
    use prometheus::proto::MetricType;
    use rules::catalogue::Catalogue;

    use super::*;

    fn set() -> Arc<RuleSet> {
        crate::history::journal::rule_set(Arc::new(Catalogue::builtin().unwrap())).unwrap()
    }

    #[test]
    fn known_label_values_are_there_at_zero() {
        let (registry, set) = (Registry::new(), set());
        LaneMetrics::new(&registry, &set).unwrap();
        let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        for rule in &set.rules {
            let line = format!("premend_rules_not_ready_evaluations_total{{rule=\"{}\"}} 0", rule.source.key);
            assert!(text.contains(&line), "{line}");
        }
        for line in [
            "premend_rules_decisions_total{kind=\"withdraw\"} 0",
            "premend_rules_unused_readings_total{reason=\"late\"} 0",
            "premend_engine_stage_seconds_count{stage=\"commit\"} 0",
            "premend_engine_commits_total{outcome=\"found_committed\"} 0",
        ] {
            assert!(text.contains(line), "{line}");
        }
    }

    #[test]
    fn names_follow_the_rule() {
        let registry = Registry::new();
        LaneMetrics::new(&registry, &set()).unwrap();
        for family in registry.gather().iter().filter(|family| !family.name().starts_with("process_")) {
            let name = family.name();
            assert!(["engine", "rules"].iter().any(|stage| name.starts_with(&format!("premend_{stage}_"))), "{name}");
            assert_eq!(family.get_field_type() == MetricType::COUNTER, name.ends_with("_total"), "{name}");
        }
    }

    #[test]
    fn counts_stages_and_outcomes_apart() {
        let metrics = LaneMetrics::new(&Registry::new(), &set()).unwrap();
        metrics.decided(3, Duration::from_millis(1), Duration::from_millis(3));
        metrics.commit(CommitOutcome::Refused);
        assert_eq!(metrics.stages.of("decide").unwrap().count(), 1);
        assert_eq!(metrics.stages.of("commit").unwrap().count(), 0);
        assert_eq!((metrics.commits.get("refused"), metrics.commits.get("committed")), (1, 0));
    }
}
