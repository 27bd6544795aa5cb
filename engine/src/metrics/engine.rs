//! The engine's own metrics: one struct, one name per field, registered once.

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use rules::effect::ChangeKind;
use rules::reading::Reason;

use super::histogram::{Histogram, HistogramFamily};
use super::labelled::Labelled;

/// The stages of a message's way, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Decode,
    Admit,
    Settle,
    Evaluate,
    Decide,
    Respond,
    Commit,
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
    /// The store refused the batch; it is replayed one by one.
    Refused,
}

/// Everything the engine measures of itself. Clones share the counters.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Messages admitted.
    pub admitted_messages: IntCounter,
    /// Readings admitted, fault codes included.
    pub admitted_readings: IntCounter,
    /// What was not used, by [`Reason`].
    pub rejections: Labelled,
    /// Messages the embedded broker overwrote before they were read.
    pub lost_messages: IntCounter,
    /// Vehicles connected to the embedded broker.
    pub connections: IntGauge,
    /// Whether the source delivers: 1 connected and read, 0 not.
    pub source_up: IntGauge,
    queue_bytes: IntGaugeVec,
    queue_inputs: IntGaugeVec,

    /// Time per batch and stage.
    stage_seconds: HistogramFamily,
    /// From the receipt of a PUBLISH to the commit of its batch.
    pub publish_to_commit: Histogram,
    /// Inputs per committed batch.
    pub batch_inputs: Histogram,
    commits: Labelled,
    /// Inputs in committed batches.
    pub committed_inputs: IntCounter,
    /// Rows written to `sample`.
    pub committed_samples: IntCounter,
    pub journal_bytes: IntCounter,
    pub snapshots: IntCounter,
    pub snapshot_bytes: IntCounter,
    pub replayed_inputs: IntCounter,
    /// Inputs whose decisions this version would have made otherwise.
    pub replay_differences: IntCounter,
    /// How long the last start took until ready.
    pub start_seconds: Gauge,
    /// 1 while ready.
    pub ready: IntGauge,
    /// Vehicles in memory.
    pub vehicles: IntGauge,
    /// Messages that wait for a gap before them.
    pub waiting_messages: IntGauge,
    /// Vehicles working off a backlog.
    pub backfilling_vehicles: IntGauge,
    /// Commands applied.
    pub commands: IntCounter,
    /// Down messages published to vehicles: acknowledgements and answers.
    pub acknowledgements: IntCounter,

    /// Changes of cases, by [`ChangeKind`].
    pub decisions: Labelled,
    /// Orders proposed.
    pub orders: IntCounter,
    /// Cases sent to an advisor's judgement.
    pub reviews: IntCounter,
    /// Notices enqueued, by stage.
    pub notices: Labelled,
    /// Rule programs run.
    pub evaluations: IntCounter,
    rules_ready: IntCounterVec,
    rules_not_ready: IntCounterVec,
    rules_findings: IntCounterVec,
    /// Rule sets put in force, and those refused.
    pub activations: Labelled,

    /// Errors of the database by what was being done.
    pub db_errors: Labelled,
    /// Day partitions, chunks and rows dropped because their time was over.
    pub dropped_days: IntCounter,
}

/// The counters of one rule set, in rule order; made at each activation.
#[derive(Clone, Debug)]
pub struct RuleCounters {
    /// The rule came to a verdict.
    pub ready: Vec<IntCounter>,
    /// A signal it reads was missing.
    pub not_ready: Vec<IntCounter>,
    /// It opened a finding.
    pub findings: Vec<IntCounter>,
}

impl Stage {
    pub const ALL: [Self; 8] = [
        Self::Decode,
        Self::Admit,
        Self::Settle,
        Self::Evaluate,
        Self::Decide,
        Self::Respond,
        Self::Commit,
        Self::Acknowledge,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Admit => "admit",
            Self::Settle => "settle",
            Self::Evaluate => "evaluate",
            Self::Decide => "decide",
            Self::Respond => "respond",
            Self::Commit => "commit",
            Self::Acknowledge => "acknowledge",
        }
    }
}

impl CommitOutcome {
    const LABELS: [&'static str; 4] = ["committed", "retried", "found_committed", "refused"];

    const fn label(self) -> &'static str {
        Self::LABELS[self as usize]
    }
}

impl Metrics {
    /// Notice stages, as in `notification.stage`.
    const NOTICE_STAGES: [&'static str; 3] = ["stop_now", "opened", "resolved"];
    const ACTIVATIONS: [&'static str; 2] = ["activated", "refused"];
    /// Values of `operation` of `premend_db_errors_total`.
    pub const DB_OPERATIONS: [&'static str; 7] =
        ["commit", "snapshot", "replay", "command", "rejection", "retention", "relay"];

    /// Registers everything; called once per process, or per test with a registry of its own.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let add = Adder(registry);
        let stages = HistogramFamily::seconds(
            "premend_engine_stage_seconds",
            "Time per batch spent in each stage of a message's way.",
            "stage",
            &Stage::ALL.map(Stage::label),
        )?;
        let metrics = Self {
            admitted_messages: add.counter("premend_ingest_messages_total", "Messages admitted.")?,
            admitted_readings: add.counter("premend_ingest_readings_total", "Readings and fault codes admitted.")?,
            rejections: add.labelled(
                "premend_ingest_rejections_total",
                "Messages and readings not used, by reason.",
                "reason",
                &Reason::ALL.map(Reason::label),
            )?,
            lost_messages: add.counter(
                "premend_ingest_lost_messages_total",
                "Messages the embedded broker overwrote before they were read; vehicles that keep until committed resend them.",
            )?,
            connections: add.gauge("premend_ingest_connections", "Clients connected to the embedded broker.")?,
            source_up: add.gauge("premend_ingest_source_up", "1 while the source of messages is connected and read.")?,
            queue_bytes: add.gauges("premend_ingest_queue_bytes", "Bytes waiting in the queue of each lane.", "lane")?,
            queue_inputs: add.gauges("premend_ingest_queue_inputs", "Inputs waiting in the queue of each lane.", "lane")?,
            stage_seconds: stages.clone(),
            publish_to_commit: add.plain(HistogramFamily::plain_seconds(
                "premend_engine_publish_to_commit_seconds",
                "From the receipt of a message to the commit of its batch.",
            )?)?,
            batch_inputs: add.plain(HistogramFamily::plain_size(
                "premend_engine_batch_inputs",
                "Inputs in one committed batch of a lane.",
            )?)?,
            commits: add.labelled(
                "premend_engine_commits_total",
                "Commits of batches, by outcome.",
                "outcome",
                &CommitOutcome::LABELS,
            )?,
            committed_inputs: add.counter("premend_engine_committed_inputs_total", "Inputs in committed batches.")?,
            committed_samples: add.counter("premend_engine_committed_samples_total", "Readings kept for charts.")?,
            journal_bytes: add.counter("premend_engine_journal_bytes_total", "Compressed bytes written to the journal.")?,
            snapshots: add.counter("premend_engine_snapshots_total", "Vehicle snapshots written.")?,
            snapshot_bytes: add.counter("premend_engine_snapshot_bytes_total", "Bytes of vehicle snapshots written.")?,
            replayed_inputs: add.counter("premend_engine_replayed_inputs_total", "Inputs replayed from the journal.")?,
            replay_differences: add.counter(
                "premend_engine_replay_differences_total",
                "Replayed inputs that this version would have decided otherwise; the committed decision won.",
            )?,
            start_seconds: add.float("premend_engine_start_seconds", "How long the last start took until ready.")?,
            ready: add.gauge("premend_engine_ready", "1 while the engine is ready.")?,
            vehicles: add.gauge("premend_engine_vehicles", "Vehicles whose state is in memory.")?,
            waiting_messages: add.gauge("premend_engine_waiting_messages", "Messages that wait for one before them.")?,
            backfilling_vehicles: add.gauge("premend_engine_backfilling_vehicles", "Vehicles working off a backlog.")?,
            commands: add.counter("premend_engine_commands_total", "Commands applied.")?,
            acknowledgements: add.counter("premend_engine_acknowledgements_total", "Answers published to vehicles.")?,
            decisions: add.labelled(
                "premend_rules_decisions_total",
                "Changes of cases, by kind.",
                "kind",
                &ChangeKind::ALL.map(ChangeKind::label),
            )?,
            orders: add.counter("premend_rules_orders_total", "Work orders proposed.")?,
            reviews: add.counter("premend_rules_reviews_total", "Cases sent to an advisor's judgement.")?,
            notices: add.labelled(
                "premend_rules_notices_total",
                "Notices enqueued, by stage.",
                "stage",
                &Self::NOTICE_STAGES,
            )?,
            evaluations: add.counter("premend_rules_evaluations_total", "Rule programs run.")?,
            rules_ready: add.counters("premend_rules_ready_total", "Evaluations that came to a verdict, by rule.", "rule")?,
            rules_not_ready: add.counters(
                "premend_rules_not_ready_total",
                "Evaluations without a verdict because a signal was missing, by rule.",
                "rule",
            )?,
            rules_findings: add.counters("premend_rules_findings_total", "Findings opened, by rule.", "rule")?,
            activations: add.labelled(
                "premend_rules_activations_total",
                "Rule sets put in force or refused.",
                "outcome",
                &Self::ACTIVATIONS,
            )?,
            db_errors: add.labelled(
                "premend_db_errors_total",
                "Errors of the database, by what was being done.",
                "operation",
                &Self::DB_OPERATIONS,
            )?,
            dropped_days: add.counter("premend_db_dropped_days_total", "Day partitions dropped by retention.")?,
        };
        registry.register(Box::new(stages))?;
        // Memory, file descriptors, processor time, under the names every dashboard knows.
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(metrics)
    }

    /// The distribution of one stage.
    pub fn stage(&self, stage: Stage) -> &Histogram {
        self.stage_seconds.member(stage as usize)
    }

    pub fn commit(&self, outcome: CommitOutcome) {
        self.commits.inc(outcome.label());
    }

    pub fn commits(&self, outcome: CommitOutcome) -> u64 {
        self.commits.get(outcome.label())
    }

    /// Waiting bytes and inputs of one lane.
    pub fn queue(&self, lane: usize) -> (IntGauge, IntGauge) {
        let lane = lane.to_string();
        (self.queue_bytes.with_label_values(&[&lane]), self.queue_inputs.with_label_values(&[&lane]))
    }

    /// Counters of a rule set, each rule there at zero.
    pub fn rules<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> RuleCounters {
        let mut counters = RuleCounters { ready: Vec::new(), not_ready: Vec::new(), findings: Vec::new() };
        for key in keys {
            counters.ready.push(self.rules_ready.with_label_values(&[key]));
            counters.not_ready.push(self.rules_not_ready.with_label_values(&[key]));
            counters.findings.push(self.rules_findings.with_label_values(&[key]));
        }
        counters
    }
}

/// Creates and registers in one step.
struct Adder<'a>(&'a Registry);

impl Adder<'_> {
    fn register<C: Collector + Clone + 'static>(&self, collector: C) -> prometheus::Result<C> {
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.register(IntCounter::new(name, help)?)
    }

    fn counters(&self, name: &str, help: &str, label: &str) -> prometheus::Result<IntCounterVec> {
        self.register(IntCounterVec::new(Opts::new(name, help), &[label])?)
    }

    fn labelled(&self, name: &str, help: &str, label: &str, values: &[&'static str]) -> prometheus::Result<Labelled> {
        self.register(Labelled::new(name, help, label, values)?)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.register(IntGauge::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, label: &str) -> prometheus::Result<IntGaugeVec> {
        self.register(IntGaugeVec::new(Opts::new(name, help), &[label])?)
    }

    fn float(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        self.register(Gauge::new(name, help)?)
    }

    /// A family of one, of which only the member is kept.
    fn plain(&self, family: HistogramFamily) -> prometheus::Result<Histogram> {
        let only = family.of("").cloned();
        self.0.register(Box::new(family))?;
        only.ok_or_else(|| prometheus::Error::Msg("a family without label has one member".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_label_values_are_there_at_zero() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        metrics.rules(["battery12v.low_rest"]);
        metrics.queue(0);
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        for line in [
            "premend_ingest_rejections_total{reason=\"store_refused\"} 0",
            "premend_rules_decisions_total{kind=\"withdraw\"} 0",
            "premend_rules_not_ready_total{rule=\"battery12v.low_rest\"} 0",
            "premend_engine_stage_seconds_count{stage=\"commit\"} 0",
            "premend_engine_commits_total{outcome=\"found_committed\"} 0",
            "premend_ingest_queue_bytes{lane=\"0\"} 0",
        ] {
            assert!(text.contains(line), "{line}");
        }
    }

    #[test]
    fn names_follow_the_rule() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        metrics.rules(["a"]);
        metrics.queue(0);
        for family in registry.gather() {
            let name = family.name();
            if name.starts_with("process_") {
                continue;
            }
            let stage = ["ingest", "engine", "rules", "outbox", "db"];
            assert!(stage.iter().any(|stage| name.starts_with(&format!("premend_{stage}_"))), "{name}");
            let counter = family.get_field_type() == prometheus::proto::MetricType::COUNTER;
            assert_eq!(counter, name.ends_with("_total"), "{name}");
            assert!(family.help().ends_with('.'), "{name}: {}", family.help());
        }
    }

    #[test]
    fn counts_commits_by_outcome_and_stages_by_name() {
        let metrics = Metrics::register(&Registry::new()).unwrap();
        metrics.commit(CommitOutcome::Refused);
        metrics.stage(Stage::Acknowledge).observe(std::time::Duration::from_millis(1));
        assert_eq!((metrics.commits(CommitOutcome::Refused), metrics.commits(CommitOutcome::Committed)), (1, 0));
        assert_eq!((metrics.stage(Stage::Acknowledge).count(), metrics.stage(Stage::Commit).count()), (1, 0));
    }
}
