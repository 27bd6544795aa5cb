//! Bare broker against committed, readings in bulk, and the wait at half the rate.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use engine::clock::Clock;
use simulator::load::{LoadPlan, LoadReport};

use super::{Bench, bare};
use crate::database::Database;
use crate::engine_process::Engine;
use crate::figures::Figures;

/// Uncommitted messages that a vehicle may have under way.
const WINDOW: usize = 512;
/// Samples of one publish, and readings of one sample, in bulk.
const SAMPLES: usize = 30;
const READINGS: usize = 3;

/// Bare, committed, bare again; then latency at half of the committed rate.
pub fn commit(bench: &Bench<'_>, figures: &mut Figures) -> anyhow::Result<()> {
    let plan = plan(bench, "load-");
    let half = LoadPlan { duration: plan.duration / 2, ..plan.clone() };
    let before = bare::measure(&half)?;
    let run = Run::start(bench, "commit", &[])?;
    let committed = run.put(bench, &plan)?;
    let rate = committed.messages_per_sec();
    let slowly =
        LoadPlan { rate: Some(rate / 2.0), stream: plan.stream + 1, prefix: "half-".to_owned(), ..plan.clone() };
    let at_half = run.put(bench, &slowly)?;
    run.finish(bench)?;
    let after = bare::measure(&half)?;

    let (first, second) = (before.messages_per_sec(), after.messages_per_sec());
    let bare = f64::midpoint(first, second);
    let load = load_of(&plan, &committed);
    figures.add("bare_broker_msgs_per_s", bare, "msg/s", format!("{load}; embedded broker with a reader that only counts; mean of {first:.0} before and {second:.0} after the engine's run"));
    figures.add("committed_msgs_per_s", rate, "msg/s", format!("{load}; from the first PUBLISH to the last committed acknowledgement, all {} in the journal, no loss, jump or rejection", committed.committed));
    figures.add("committed_over_bare", rate / bare, "", "committed_msgs_per_s by bare_broker_msgs_per_s of this run");
    let how = format!(
        "{:.0} msg/s, half of committed_msgs_per_s, for {:?}; from when a message was due to when its vehicle heard that it is committed, {} messages",
        rate / 2.0,
        slowly.duration,
        at_half.committed
    );
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)] {
        let millis = at_half.to_committed.value_at_quantile(quantile) as f64 / 1_000.0;
        figures.add(&format!("publish_to_commit_ms_{name}"), millis, "ms", how.clone());
    }
    Ok(())
}

/// Many samples in one publish.
pub fn batched(bench: &Bench<'_>, figures: &mut Figures) -> anyhow::Result<()> {
    let plan = LoadPlan {
        samples_per_publish: SAMPLES,
        readings_per_sample: READINGS,
        window: Some(64),
        ..plan(bench, "bulk-")
    };
    let run = Run::start(bench, "bulk", &[])?;
    let report = run.put(bench, &plan)?;
    run.finish(bench)?;
    let readings = report.messages_per_sec() * (SAMPLES * READINGS) as f64;
    let how = format!(
        "{}; {SAMPLES} samples of {READINGS} readings per publish, {:.0} msg/s",
        load_of(&plan, &report),
        report.messages_per_sec()
    );
    figures.add("committed_readings_per_s_batched", readings, "readings/s", how);
    Ok(())
}

pub fn plan(bench: &Bench<'_>, prefix: &str) -> LoadPlan {
    LoadPlan {
        connections: bench.effort.connections,
        prefix: prefix.to_owned(),
        duration: bench.effort.duration,
        window: Some(WINDOW),
        drain: Duration::from_secs(60),
        ..LoadPlan::new("127.0.0.1", 0, Clock::wall())
    }
}

/// An engine on a database of its own.
pub struct Run {
    database: Database,
    engine: Engine,
}

impl Run {
    pub fn start(bench: &Bench<'_>, purpose: &str, settings: &[(&str, String)]) -> anyhow::Result<Self> {
        bench.runtime.block_on(async {
            let database = Database::fresh(bench.server, purpose).await?;
            let engine = Engine::start(&database, settings).await?;
            Ok(Self { database, engine })
        })
    }

    /// Puts the plan on the engine's broker.
    pub fn put(&self, bench: &Bench<'_>, plan: &LoadPlan) -> anyhow::Result<LoadReport> {
        let port = self.engine.mqtt.context("the engine has no broker")?.port();
        self.put_on(bench, &LoadPlan { port, ..plan.clone() })
    }

    /// Puts the plan on whatever broker it names; void if anything is missing from the journal.
    pub fn put_on(&self, bench: &Bench<'_>, plan: &LoadPlan) -> anyhow::Result<LoadReport> {
        let before = bench.runtime.block_on(self.database.journalled())?;
        let report = simulator::load::run(plan).context("putting load on the engine")?;
        ensure!(
            report.sent == report.committed,
            "of {} messages only {} were committed",
            report.sent,
            report.committed
        );
        let journalled = bench.runtime.block_on(self.database.journalled())? - before;
        ensure!(journalled >= report.sent, "of {} messages {journalled} are in the journal", report.sent);
        let losses = bench.runtime.block_on(self.engine.losses())?;
        ensure!(losses.is_empty(), "void, these moved: {losses:?}");
        Ok(report)
    }

    pub fn finish(self, bench: &Bench<'_>) -> anyhow::Result<()> {
        self.engine.stop()?;
        bench.runtime.block_on(self.database.remove())
    }
}

pub fn load_of(plan: &LoadPlan, report: &LoadReport) -> String {
    format!(
        "{} connections, QoS 1, one publish of {} bytes per write, PUBACK awaited, {:.0} % driving, {:?}, load generator and PostgreSQL with fsync on on the same {} cores",
        plan.connections,
        report.payload_bytes,
        plan.active * 100.0,
        plan.duration,
        std::thread::available_parallelism().map_or(1, usize::from)
    )
}
