//! The running engine: store, lanes, source, relay, console, each a task that the others do without.
//!
//! `build` connects and binds, `run` spawns and waits. A task that ends by itself starts the
//! shutdown: stop reading, commit what was taken, acknowledge, snapshot, exit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use ingest::queue::{LaneQueues, Limits, lane_of};
use ingest::source::Source;
use prometheus::Registry;
use rules::rule_set::RuleSet;
use rules::state::settle::Bounds;
use rules::vehicle::{Particulars, Powertrain, Profile, Purpose};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::clock_watch::{self, ClockMetrics, ClockWatch};
use crate::app::services::{Parts, Services};
use crate::app::source::{SOURCE, follow, open_source};
use crate::app::start::{self, EngineLock};
use crate::clock::{Clock, Wake};
use crate::config::Config;
use crate::history::journal::Restored;
use crate::http::probe::readiness::Readiness;
use crate::lane::dispatch::Dispatch;
use crate::lane::inbox::Inbox;
use crate::lane::{Common, Lane};
use crate::metrics::{LaneMetrics, ReplayCounts};
use crate::rules_in_force::activation::{self, Activation};
use crate::store::open;
use crate::store::pool::{self, Pools};

/// Commands that may wait for a lane.
const COMMANDS: usize = 1_024;
/// Time for the last deliveries to reach their lanes at the end.
const LAST_DELIVERIES: Duration = Duration::from_secs(10);
const STORE: &str = "store";
const LANES: &str = "lanes";

/// An engine that is built and not yet running.
pub struct App {
    pub mqtt: Option<SocketAddr>,
    pub http: SocketAddr,
    pub pools: Pools,
    pub registry: Registry,
    pub set: Arc<RuleSet>,
    pub clock: Clock,
    pub source: Arc<dyn Source>,
    pub readiness: Arc<Readiness>,
    queues: LaneQueues,
    lanes: Vec<(Lane, Inbox)>,
    dispatch: Dispatch,
    services: Services,
    activation: Activation,
    clock_watch: ClockWatch,
    listener: TcpListener,
    lock: EngineLock,
    incarnation: i32,
}

/// What a command may ask for beyond the configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// End another engine on the same database.
    pub take_over: bool,
}

impl App {
    pub async fn build(config: &Config, clock: Clock, options: Options) -> anyhow::Result<Self> {
        let store = Arc::new(open::open(config, &clock).await.context("opening the store")?);
        let lock = EngineLock::take(&pool::options(&config.database)?, options.take_over).await?;
        clock_watch::resume(&store.pools.jobs, &clock).await?;
        let overlay = config.catalogue.overlay.clone();
        let set = activation::at_start(&store.pools.jobs, overlay.as_deref(), &clock).await?;
        let (sets, in_force) = watch::channel(Arc::clone(&set));
        let activation = Activation::new(store.pools.jobs.clone(), clock.clone(), overlay, sets);
        let bounds = bounds(config);
        let incarnation = start::begin_run(&store.pools.lanes).await?;
        let restoring = Instant::now();
        let (restored, replayed) = start::restore_all(&store.pools.lanes, &set, &bounds, incarnation)
            .await
            .context("restoring the vehicles")?;
        tracing::info!(
            vehicles = restored.len(),
            inputs = replayed.inputs,
            differences = replayed.differences,
            "state restored"
        );

        let registry = Registry::new();
        let metrics = LaneMetrics::new(&registry, &set)?;
        let counts = ReplayCounts { inputs: replayed.inputs, differences: replayed.differences, lost: replayed.lost };
        metrics.restored(counts, restoring.elapsed());
        if replayed.lost > 0 {
            tracing::warn!(vehicles = replayed.lost, "states are gone; their vehicles begin another life");
        }
        let ingest_metrics = ingest::metrics::Metrics::new(&registry)?;
        let readiness = Arc::new(Readiness::waiting_for(&[STORE, SOURCE, LANES]));
        readiness.met(STORE);
        let lanes = config.lanes.effective_count();
        let limits = Limits { bytes: config.lanes.queue_bytes, ..Limits::default() };
        let queues = LaneQueues::new(lanes, limits, &ingest_metrics);
        let (source, mqtt) = open_source(config, &queues, &ingest_metrics).await?;
        let listener = TcpListener::bind(config.http.listen)
            .await
            .with_context(|| format!("listening on {}", config.http.listen))?;
        let http = listener.local_addr()?;
        let parts = Parts {
            config,
            store: &store,
            clock: &clock,
            sets: &in_force,
            problem: activation.problem(),
            registry: &registry,
            source: &source,
        };
        let services = Services::build(&parts, &readiness).await?;
        let clock_watch = ClockWatch::new(
            store.pools.jobs.clone(),
            clock.clone(),
            incarnation,
            config.clock.adopt_after,
            Arc::clone(&readiness),
            ClockMetrics::try_new(&registry)?,
        );

        let common = Arc::new(Common {
            store: Arc::clone(&store),
            clock: clock.clone(),
            bounds,
            limits: config.lanes.clone(),
            unknown: config.ingest.unknown_vehicle,
            stranger: stranger(config, &set),
            incarnation,
            lives: replayed.lives,
            lanes,
            source: Arc::clone(&source),
            routes: services.routes(),
            listening: services.listening(),
            rejections_per_hour: config.ingest.rejections_per_hour,
            metrics,
            ingest: ingest_metrics,
            store_away: store_away(&readiness),
            at_work: at_work(&readiness),
        });
        let (lanes, dispatch) = build_lanes(&common, &in_force, &queues, restored, &clock);
        Ok(Self {
            mqtt,
            http,
            pools: store.pools.clone(),
            registry,
            set,
            clock,
            source,
            readiness,
            queues,
            lanes,
            dispatch,
            services,
            activation,
            clock_watch,
            listener,
            lock,
            incarnation,
        })
    }

    /// Runs until `stop`, or until a task ends by itself, which is an error.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut lanes = JoinSet::new();
        for (lane, inbox) in self.lanes {
            lanes.spawn(lane.run(inbox));
        }
        let mut around = JoinSet::new();
        let end = CancellationToken::new();
        let commands = listen(&mut around, &self.pools.listeners, "premend_command", &end);
        let (dispatch, token) = (self.dispatch, end.clone());
        around.spawn(async move {
            dispatch.run(commands, token).await;
            Ok(())
        });
        let changes = listen(&mut around, &self.pools.listeners, "premend_activation", &end);
        // Compiling rules takes a core for a while; lanes and pages must not wait for it.
        let (activation, token) = (self.activation, end.clone());
        around.spawn_blocking(move || Handle::current().block_on(activation.run(changes, token)));
        self.services.spawn(&mut around, self.listener, &end);
        let (clock_watch, token) = (self.clock_watch, end.clone());
        around.spawn(async move {
            clock_watch.run(token).await;
            Ok(())
        });
        around.spawn(self.lock.keep(self.incarnation, end.clone()));
        around.spawn(follow(self.source.status(), Arc::clone(&self.readiness), end.clone()));
        self.readiness.met(LANES);

        let ended = tokio::select! {
            () = stop.cancelled() => Ok(()),
            Some(ended) = lanes.join_next() => Err(why(ended, "a lane")),
            Some(ended) = around.join_next() => Err(why(ended, "a task")),
        };
        self.readiness.unmet(LANES, "shutting down");
        // The source ends the queues itself once what it has taken is in them.
        self.source.stop_reading();
        let queues = self.queues.clone();
        let late = tokio::spawn(async move {
            tokio::time::sleep(LAST_DELIVERIES).await;
            queues.close();
        });
        let mut drained = Ok(());
        while let Some(ended) = lanes.join_next().await {
            if !matches!(ended, Ok(Ok(()))) {
                drained = Err(why(ended, "a lane"));
            }
        }
        late.abort();
        end.cancel();
        while around.join_next().await.is_some() {}
        self.source.close();
        ended.and(drained)
    }
}

/// Rings whenever the database notifies on `channel`.
pub fn listen(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    pool: &PgPool,
    channel: &'static str,
    end: &CancellationToken,
) -> Wake {
    let wake = Wake::new();
    let (listening, pool, end) = (wake.clone(), pool.clone(), end.clone());
    tasks.spawn(async move {
        listening.listen(pool, channel, end).await;
        Ok(())
    });
    wake
}

fn why(ended: Result<anyhow::Result<()>, tokio::task::JoinError>, what: &str) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow!("{what} ended by itself"),
        Ok(Err(error)) => error.context(format!("{what} failed")),
        Err(error) => anyhow!(error).context(format!("{what} broke down")),
    }
}

fn build_lanes(
    common: &Arc<Common>,
    sets: &watch::Receiver<Arc<RuleSet>>,
    queues: &LaneQueues,
    restored: Vec<Restored>,
    clock: &Clock,
) -> (Vec<(Lane, Inbox)>, Dispatch) {
    let mut shares: Vec<Vec<Restored>> = (0..common.lanes).map(|_| Vec::new()).collect();
    for vehicle in restored {
        let lane = lane_of(vehicle.vehicle.id.as_str(), common.lanes);
        shares[lane].push(vehicle);
    }
    let mut senders = Vec::new();
    let mut lanes = Vec::new();
    for (no, share) in shares.into_iter().enumerate() {
        let (sender, commands) = mpsc::channel(COMMANDS);
        senders.push(sender);
        let source = Arc::clone(&common.source);
        let inbox = Inbox::new(queues.clone(), no, commands, source, clock.clone(), &common.limits);
        lanes.push((Lane::new(no as i16, Arc::clone(common), sets.clone(), share.into_iter()), inbox));
    }
    (lanes, Dispatch::new(common.store.pools.jobs.clone(), senders))
}

fn store_away(readiness: &Arc<Readiness>) -> Arc<dyn Fn(bool) + Send + Sync> {
    let readiness = Arc::clone(readiness);
    Arc::new(move |away| {
        if away {
            readiness.unmet(STORE, "the database cannot be reached; batches wait");
        } else {
            readiness.met(STORE);
        }
    })
}

/// Keeps readiness true to the lanes: a batch that takes too long is a reason not to be ready.
fn at_work(readiness: &Arc<Readiness>) -> Arc<dyn Fn(i16, bool) + Send + Sync> {
    let readiness = Arc::clone(readiness);
    Arc::new(move |lane, works| if works { readiness.begin_batch(lane) } else { readiness.end_batch(lane) })
}

/// How long messages may wait, as configured.
pub fn bounds(config: &Config) -> Bounds {
    Bounds {
        lateness: config.lanes.lateness_bound,
        unsequenced: config.lanes.unsequenced_bound,
        waiting_max: config.lanes.waiting_messages,
        skew: config.ingest.max_ahead,
    }
}

/// What is assumed of a vehicle that registers itself: as little as possible.
fn stranger(config: &Config, set: &RuleSet) -> Profile {
    let ingest = &config.ingest;
    let model = ingest.default_model.as_deref().and_then(|key| set.catalogue.model(key));
    Profile::new(Particulars {
        model: ingest.default_model.clone().unwrap_or_else(|| "unknown".to_owned()),
        model_year: 0,
        powertrain: model.map_or(Powertrain::Ice, |model| model.powertrain),
        region: String::new(),
        software: String::new(),
        tier: String::new(),
        dealer: ingest.default_dealer.unwrap_or_default(),
        owner: None,
        consents: ingest.default_consents.iter().copied().collect::<std::collections::BTreeSet<Purpose>>(),
        allowed: None,
        delivered_at: rules::unit::Time::from_micros(0),
        attributes: rules::vehicle::Attributes::default(),
    })
}
