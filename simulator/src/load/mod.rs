//! The load generator: many vehicles that publish as fast as they may, cheaply enough that it is
//! the engine that is measured.
//!
//! Packets are encoded once; before each write only packet id, number, times and one digit per
//! value change. One publish per write and QoS 1, as real telematics units do; at most `inflight`
//! publishes wait for their PUBACK, and at most `window` messages for their commit. Times are taken
//! from when a message was due, so that a stall counts for every message that it held up.

mod connection;
mod packet;
mod template;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ingest::secret::Secret;
use rules::unit::Time;
use tokio::task::LocalSet;

pub use connection::ConnectionError;
pub use template::{Activity, Template};

/// What to send, and to whom.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    pub host: String,
    pub port: u16,
    /// One vehicle each; ids are the prefix and a number, as in `load-00042`.
    pub connections: u32,
    pub prefix: String,
    /// Vehicles prove who they are with a token under this secret; `None`: the broker is open.
    pub secret: Option<Secret>,
    /// The time it is, on the clock of the engine, and when that was.
    pub now: Time,
    pub now_at: Instant,
    /// Must be new for these vehicles, or the engine knows their numbers already.
    pub stream: u64,
    pub readings_per_sample: usize,
    pub samples_per_publish: usize,
    /// Share of vehicles that drive; the others send parked frames.
    pub active: f64,
    /// Messages per second over all connections; `None`: as fast as it goes.
    pub rate: Option<f64>,
    pub inflight: usize,
    /// Messages without a commit, per vehicle; `None`: commits are not waited for.
    pub window: Option<usize>,
    pub duration: Duration,
    /// At most so many messages per vehicle.
    pub messages: Option<u64>,
    /// How long to wait for the last commits.
    pub drain: Duration,
    pub threads: usize,
}

impl LoadPlan {
    /// A hundred vehicles at full speed for a minute, from `now` on.
    pub fn new(host: &str, port: u16, now: Time) -> Self {
        Self {
            host: host.to_owned(),
            port,
            connections: 100,
            prefix: "load-".to_owned(),
            secret: None,
            now,
            now_at: Instant::now(),
            stream: now.micros().unsigned_abs() / 1_000_000,
            readings_per_sample: 3,
            samples_per_publish: 1,
            active: 0.6,
            rate: None,
            inflight: 1,
            window: Some(512),
            duration: Duration::from_mins(1),
            messages: None,
            drain: Duration::from_secs(30),
            threads: 1,
        }
    }

    /// The id of a vehicle.
    pub fn vehicle(&self, number: u32) -> String {
        format!("{}{number:05}", self.prefix)
    }

    fn activity(&self, number: u32) -> Activity {
        let share = f64::from(number % 100) / 100.0;
        if share < self.active { Activity::Driving } else { Activity::Parked }
    }
}

/// What was sent and answered.
#[derive(Clone, Debug)]
pub struct LoadReport {
    pub sent: u64,
    pub acknowledged: u64,
    pub committed: u64,
    pub readings: u64,
    /// Bytes of one payload.
    pub payload_bytes: usize,
    pub first_publish: Instant,
    pub last_acknowledged: Instant,
    pub last_committed: Option<Instant>,
    /// Microseconds from due to PUBACK, and from due to commit.
    pub to_acknowledged: Histogram<u64>,
    pub to_committed: Histogram<u64>,
}

impl LoadReport {
    /// Messages per second from the first publish to the last commit, or to the last PUBACK where
    /// commits are not waited for.
    pub fn messages_per_sec(&self) -> f64 {
        let (count, last) = match self.last_committed {
            Some(last) => (self.committed, last),
            None => (self.acknowledged, self.last_acknowledged),
        };
        count as f64 / last.duration_since(self.first_publish).as_secs_f64().max(1e-9)
    }

    fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.committed += other.committed;
        self.readings += other.readings;
        self.first_publish = self.first_publish.min(other.first_publish);
        self.last_acknowledged = self.last_acknowledged.max(other.last_acknowledged);
        self.last_committed = self.last_committed.max(other.last_committed);
        self.to_acknowledged += &other.to_acknowledged;
        self.to_committed += &other.to_committed;
    }
}

/// Why load could not be put on.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("start a load thread")]
    Thread(#[source] std::io::Error),
    #[error("a load thread panicked")]
    Panicked,
    #[error("there is nothing to send: no connections")]
    NoConnections,
    #[error("vehicle {0}")]
    Connection(String, #[source] ConnectionError),
}

/// Connects all vehicles, then lets them publish; blocks until all is answered.
pub fn run(plan: &LoadPlan) -> Result<LoadReport, LoadError> {
    let threads = plan.threads.clamp(1, plan.connections.max(1) as usize) as u32;
    let barrier = Arc::new(std::sync::Barrier::new(threads as usize));
    let mut workers = Vec::new();
    for thread in 0..threads {
        let (plan, barrier) = (plan.clone(), Arc::clone(&barrier));
        let work = move || run_thread(&plan, thread, threads, &barrier);
        let worker = std::thread::Builder::new().name(format!("load-{thread}")).spawn(work);
        workers.push(worker.map_err(LoadError::Thread)?);
    }
    let mut whole: Option<LoadReport> = None;
    for worker in workers {
        let part = worker.join().map_err(|_| LoadError::Panicked)??;
        match (&mut whole, part) {
            (Some(whole), Some(part)) => whole.merge(&part),
            (None, part) => whole = part,
            (Some(_), None) => {}
        }
    }
    whole.ok_or(LoadError::NoConnections)
}

/// The share of one thread: every `threads`th vehicle.
fn run_thread(
    plan: &LoadPlan,
    thread: u32,
    threads: u32,
    barrier: &std::sync::Barrier,
) -> Result<Option<LoadReport>, LoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LoadError::Thread)?;
    let connected = runtime.block_on(async {
        let mut connected = Vec::new();
        for number in (thread..plan.connections).step_by(threads as usize) {
            let named = |error| LoadError::Connection(plan.vehicle(number), error);
            connected.push(connection::Connection::open(plan, number).await.map_err(named)?);
        }
        Ok(connected)
    });
    // Wait even after an error, or the other threads would wait for ever.
    barrier.wait();
    let connected = connected?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let begin = Instant::now();
        let tasks: Vec<_> = connected
            .into_iter()
            .map(|connection| {
                let vehicle = connection.vehicle.clone();
                (vehicle, tokio::task::spawn_local(connection.run(begin)))
            })
            .collect();
        let mut whole: Option<LoadReport> = None;
        for (vehicle, task) in tasks {
            let part = task.await.map_err(|_| LoadError::Panicked)?;
            let part = part.map_err(|error| LoadError::Connection(vehicle, error))?;
            match &mut whole {
                Some(whole) => whole.merge(&part),
                None => whole = Some(part),
            }
        }
        Ok(whole)
    })
}
