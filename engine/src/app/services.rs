//! What runs around the lanes: relay with its channels, console, jobs.

use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use ingest::source::Source;
use prometheus::Registry;
use rules::rule_set::RuleSet;
use rules::vehicle::VehicleId;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::{bounds, listen};
use crate::clock::Clock;
use crate::config::Config;
use crate::crm::notice::Routes;
use crate::crypto::person_keys::PersonKeys;
use crate::http::probe::readiness::Readiness;
use crate::http::{self, HttpState};
use crate::job::{InForce, JOBS, JobMetrics, Runner, Supplies};
use crate::outbox::channel::{Channel, Channels, ConsoleInbox, Downlink, InCar, render_with};
use crate::outbox::{OutboxMetrics, Relay};
use crate::rules_in_force::activation::Problem;
use crate::rules_in_force::learning::{Learning, LearningMetrics};
use crate::store::open::Store;
use crate::store::pool::Pools;

/// What an engine is built from.
pub struct Parts<'a> {
    pub config: &'a Config,
    pub store: &'a Arc<Store>,
    pub clock: &'a Clock,
    /// Rules in force.
    pub sets: &'a watch::Receiver<Arc<RuleSet>>,
    /// What is wrong with the rules on disk.
    pub problem: Problem,
    pub registry: &'a Registry,
    pub source: &'a Arc<dyn Source>,
}

/// Everything beside the lanes, built and not yet running.
pub struct Services {
    http: HttpState,
    relay: Relay,
    routes: Routes,
    in_car: Arc<InCar>,
    jobs: Runner,
    pools: Pools,
}

impl Services {
    pub async fn build(parts: &Parts<'_>, readiness: &Arc<Readiness>) -> anyhow::Result<Self> {
        let Parts { config, store, clock, sets, registry, source, ref problem } = *parts;
        let pool = store.pools.relay.clone();
        let in_force = sets.clone();
        let render = render_with(move || Arc::clone(&in_force.borrow().catalogue));
        let downlink: Arc<dyn Downlink> = Arc::new(Down(Arc::clone(source)));
        let in_car = Arc::new(InCar::new(pool.clone(), clock.clone(), downlink, Arc::clone(&render)));
        in_car.refresh().await.context("reading which cars have something to hear")?;
        let inbox = Arc::new(ConsoleInbox::new(pool.clone(), clock.clone()));
        let channels = Channels::new(vec![Arc::clone(&in_car) as Arc<dyn Channel>, inbox]);
        let routes = channels.routes();
        let metrics = OutboxMetrics::try_new(registry, &channels.keys())?;
        let relay =
            Relay::try_new(pool.clone(), clock.clone(), config.relay.clone(), channels, render, metrics.clone())?;
        relay.release_leases().await.context("releasing what an earlier engine was delivering")?;
        let keys = Arc::new(person_keys(config)?);
        let http = HttpState::try_new(
            store.pools.console.clone(),
            sets.clone(),
            registry.clone(),
            Arc::clone(readiness),
            clock.clone(),
            keys,
        )
        .context("building the console")?
        .with_config(&config.http)
        .with_pools(store.pools.clone())
        .with_outbox(metrics)
        .with_problem(problem.clone())
        .with_bounds(bounds(config));
        let learned = LearningMetrics::try_new(registry)?;
        let learning = Learning::new(store.pools.jobs.clone(), clock.clone(), sets.clone(), learned);
        let metrics = JobMetrics::try_new(registry, JOBS)?;
        let rules = InForce { sets: sets.clone(), bounds: bounds(config) };
        let pools = store.pools.clone();
        let supplies = Supplies::new(Arc::clone(store), clock.clone(), config.clone(), rules, learning);
        let jobs = Runner::new(JOBS, supplies, metrics);
        Ok(Self { http, relay, routes, in_car, jobs, pools })
    }

    /// By which channels lanes enqueue notices.
    pub fn routes(&self) -> Routes {
        self.routes.clone()
    }

    /// Called by lanes when a vehicle listens again: what it has not seen is said once more.
    pub fn listening(&self) -> Arc<dyn Fn(&VehicleId) + Send + Sync> {
        let in_car = Arc::clone(&self.in_car);
        Arc::new(move |vehicle| {
            let (in_car, vehicle) = (Arc::clone(&in_car), vehicle.clone());
            tokio::spawn(async move { in_car.repeat_for(&vehicle).await });
        })
    }

    pub fn spawn(self, tasks: &mut JoinSet<anyhow::Result<()>>, listener: TcpListener, end: &CancellationToken) {
        let token = end.clone();
        tasks.spawn(async move {
            http::serve(listener, self.http, token).await;
            Ok(())
        });
        let wake = listen(tasks, &self.pools.listeners, "premend_outbox", end);
        let (relay, token) = (self.relay, end.clone());
        tasks.spawn(async move {
            relay.run(wake, token).await;
            Ok(())
        });
        let (jobs, token) = (self.jobs, end.clone());
        tasks.spawn(async move {
            jobs.run(token).await;
            Ok(())
        });
    }
}

/// The way down through the source of messages.
pub struct Down(pub Arc<dyn Source>);

impl Downlink for Down {
    fn publish(&self, vehicle: &VehicleId, payload: Vec<u8>) -> Result<(), String> {
        self.0.publish_down(&[(vehicle.clone(), Bytes::from(payload))]);
        Ok(())
    }
}

/// The keys of personal data as configured.
pub fn person_keys(config: &Config) -> anyhow::Result<PersonKeys> {
    let configured = config.person.keys()?;
    // The blind index must not change with the key that encrypts: it comes from the oldest one.
    let oldest = configured.retired.iter().chain([&configured.current]).min_by_key(|key| key.key_id);
    let index = oldest.map_or(configured.current.bytes, |key| key.bytes);
    let mut keys = PersonKeys::from_bytes(
        configured.current.key_id,
        &configured.current.bytes,
        &crate::crypto::person_keys::index_key(&index),
    )?;
    for key in &configured.retired {
        keys = keys.with_older(key.key_id, &key.bytes)?;
    }
    Ok(keys)
}
