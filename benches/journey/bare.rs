//! The embedded broker alone: the same listeners, settings and queues, and a reader that only counts.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context as _, ensure};
use engine::config::Config;
use ingest::broker::Broker;
use ingest::metrics::Metrics;
use ingest::queue::{LaneQueues, Limits, MAX_BATCH};
use ingest::source::Source as _;
use prometheus::Registry;
use simulator::load::{LoadPlan, LoadReport};

/// Puts the plan on a bare broker; fails if that loses anything.
pub fn measure(plan: &LoadPlan) -> anyhow::Result<LoadReport> {
    let metrics = Metrics::new(&Registry::new())?;
    let queues = LaneQueues::new(1, Limits::default(), &metrics);
    let mut config = engine::app::broker_config(&Config::default())?;
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let broker = Broker::start(&config, queues.clone(), &metrics).context("starting the bare broker")?;
    let counted = Arc::new(AtomicU64::new(0));
    let reader = {
        let (queues, counted) = (queues.clone(), Arc::clone(&counted));
        thread::spawn(move || count(&queues, &counted))
    };
    let plan = LoadPlan { port: broker.address().port(), window: None, ..plan.clone() };
    let report = simulator::load::run(&plan).context("putting load on the bare broker")?;
    broker.stop_reading();
    reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
    broker.close();
    let counted = counted.load(Ordering::Relaxed);
    ensure!(counted == report.sent && metrics.lost.get() == 0, "of {} messages {counted} were counted", report.sent);
    Ok(report)
}

fn count(queues: &LaneQueues, counted: &AtomicU64) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("starting the reader")?;
    let queue = queues.lane(0).context("no queue")?;
    runtime.block_on(async {
        let mut taken = Vec::new();
        while queue.ready().await {
            queue.take(&mut taken, MAX_BATCH);
            let messages = taken.drain(..).filter(|one| matches!(one, ingest::source::Delivery::Message(_))).count();
            counted.fetch_add(messages as u64, Ordering::Relaxed);
        }
    });
    Ok(())
}
