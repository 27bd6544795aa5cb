//! The embedded MQTT broker: rumqttd's router behind listeners of our own.
//!
//! rumqttd's router, log and codec are used as they are. Its listener is not: it has no access
//! control, no back-pressure, cannot be stopped and does not say which port it got. Publishes are
//! acknowledged here as soon as the router has them, in memory; only the committed acknowledgement
//! means something. What is refused is acknowledged too, and passed on as a refusal in the vehicle's
//! name. Without TLS and without `$share`, both of which break the router.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

use bytes::Bytes;
use rules::vehicle::VehicleId;
use rumqttd::local::{LinkBuilder, LinkError, LinkRx, LinkTx};
use rumqttd::protocol::{Packet, Publish};
use rumqttd::{Notification, Router, RouterConfig, SegmentConfig};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::queue::LaneQueues;
use crate::source::{Source, Status, Token};
use crate::topic;
use crate::topics::Topics;

mod access;
mod conduct;
mod config;
mod connection;
mod drain;
mod gate;
mod packets;
mod publish;
mod screen;
mod seats;
mod sessions;

pub use access::{AccessError, Cause, ENGINE_PREFIX, token};
pub use config::{BrokerConfig, BrokerConfigError, Credentials};
pub use screen::Fault;

use access::Access;
use conduct::Conduct;
use gate::Gate;
use seats::Seats;
use sessions::Sessions;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;
/// Messages that the router hands over at once.
const HANDOVER: u64 = 1_000;
/// Bytes of the log of one vehicle's down topic.
const DOWN_LOG: usize = 64 * 1024;
/// Segments that a log is made of; the oldest is dropped whole.
const SEGMENTS: usize = 16;
/// How long connections may take to notice that the broker is closed.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// Why the broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("bad broker settings")]
    Config(#[from] BrokerConfigError),
    #[error("cannot load the broker's credentials")]
    Access(#[from] AccessError),
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("cannot start a thread of the broker")]
    Thread(#[source] io::Error),
    #[error("cannot link to the broker's router")]
    Link(#[source] Box<LinkError>),
}

type Link = Result<(LinkTx, LinkRx, Notification), Box<LinkError>>;
type Linker = dyn Fn(&str, bool) -> Link + Send + Sync;

/// What all connections share.
struct Shared {
    /// Registers a client at the router; rumqttd does not let its channel be named.
    link: Box<Linker>,
    access: Access,
    seats: Arc<Seats>,
    sessions: Sessions,
    conduct: Conduct,
    gate: Gate,
    lanes: Option<LaneQueues>,
    metrics: Metrics,
    topics: Topics,
    max_packet: usize,
    connect_timeout: Duration,
    write_timeout: Duration,
    /// Reads no more from clients.
    stop: CancellationToken,
    /// Ends everything.
    close: CancellationToken,
}

/// A running broker; dropping it closes it.
pub struct Broker {
    shared: Arc<Shared>,
    address: SocketAddr,
    down: Mutex<LinkTx>,
    status: watch::Receiver<Status>,
    runtime: Mutex<Option<Runtime>>,
}

impl Broker {
    /// Starts it with its messages going to the lanes. Nothing that a client sends is missed: the
    /// link is there before the listener.
    pub fn start(config: &BrokerConfig, lanes: LaneQueues, metrics: &Metrics) -> Result<Self, BrokerError> {
        Self::launch(config, Some(lanes), metrics)
    }

    /// Starts it for engines that connect from outside, as `premend broker` does.
    pub fn start_alone(config: &BrokerConfig, metrics: &Metrics) -> Result<Self, BrokerError> {
        Self::launch(config, None, metrics)
    }

    /// Where it listens, with the port that it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes accepted from vehicles that have not reached a lane's queue.
    pub fn lag_bytes(&self) -> u64 {
        self.shared.gate.lag()
    }

    fn launch(config: &BrokerConfig, lanes: Option<LaneQueues>, metrics: &Metrics) -> Result<Self, BrokerError> {
        config.validate()?;
        let shared = Arc::new(share(config, lanes.clone(), metrics)?);
        let (status, watched) = watch::channel(Status::Ready);
        let status = match lanes {
            Some(lanes) => {
                read_router(&shared, lanes, status)?;
                None
            }
            None => Some(status),
        };
        let (down, down_rx, _) = (shared.link)("@down", true).map_err(BrokerError::Link)?;
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(config.threads)
            .thread_name("broker")
            .enable_all()
            .build()
            .map_err(BrokerError::Thread)?;
        let address = match serve(&runtime, config.listen, Arc::clone(&shared), down_rx, status) {
            Ok(address) => address,
            Err(error) => {
                shared.close.cancel();
                // This may be a thread that must not block, as dropping the runtime would.
                runtime.shutdown_background();
                return Err(BrokerError::Listen(config.listen, error));
            }
        };
        tracing::info!(address = %address, "broker listens");
        Ok(Self { shared, address, down: Mutex::new(down), status: watched, runtime: Mutex::new(Some(runtime)) })
    }
}

impl Source for Broker {
    /// They were acknowledged when they came; only what is published down counts.
    fn acknowledge(&self, _: &[Token]) {}

    fn publish_down(&self, messages: &[(VehicleId, Bytes)]) {
        let Some(((vehicle, payload), earlier)) = messages.split_last() else {
            return;
        };
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        // All but the last without waking the router.
        down.buffer().extend(earlier.iter().map(|(vehicle, payload)| {
            let topic = Bytes::from(topic::down(vehicle.as_str()));
            Packet::Publish(Publish::new(topic, payload.clone(), false), None)
        }));
        if let Err(error) = down.publish(topic::down(vehicle.as_str()), payload.clone()) {
            tracing::warn!(error = %error, "cannot publish to vehicles");
            return;
        }
        self.shared.metrics.down.inc_by(messages.len() as u64);
    }

    fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    fn stop_reading(&self) {
        self.shared.stop.cancel();
    }

    fn close(&self) {
        self.shared.stop.cancel();
        self.shared.close.cancel();
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            // The listener and all sockets go with it, and are gone when this returns: who starts
            // again takes the same port. On a thread of its own, as an asynchronous caller may not
            // wait for a runtime.
            let ending = thread::spawn(move || runtime.shutdown_timeout(CLOSE_PATIENCE));
            let _ = ending.join();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.close();
    }
}

/// Starts the router and gathers what connections need.
fn share(config: &BrokerConfig, lanes: Option<LaneQueues>, metrics: &Metrics) -> Result<Shared, BrokerError> {
    let standalone = lanes.is_none();
    let router = Router::new(0, router_config(config)).spawn();
    let link = move |client: &str, clean| {
        LinkBuilder::new(client, router.clone()).clean_session(clean).build().map_err(Box::new)
    };
    Ok(Shared {
        link: Box::new(link),
        access: Access::load(config, standalone)?,
        seats: Arc::default(),
        sessions: Sessions::default(),
        conduct: Conduct::default(),
        gate: Gate::new(config.high_water_bytes),
        lanes,
        metrics: metrics.clone(),
        topics: config.topics.clone(),
        max_packet: config.max_packet_bytes,
        connect_timeout: config.connect_timeout.to_std(),
        write_timeout: config.write_timeout.to_std(),
        stop: CancellationToken::new(),
        close: CancellationToken::new(),
    })
}

fn router_config(config: &BrokerConfig) -> RouterConfig {
    let down = SegmentConfig { max_segment_size: DOWN_LOG / 2, max_segment_count: 2 };
    RouterConfig {
        // The two links of our own besides.
        max_connections: config.max_connections + 2,
        max_outgoing_packet_count: HANDOVER,
        max_segment_size: config.log_bytes / SEGMENTS,
        max_segment_count: SEGMENTS,
        custom_segment: Some(HashMap::from([(topic::DOWN_FILTER.to_owned(), down)])),
        initialized_filters: None,
        shared_subscriptions_strategy: rumqttd::Strategy::default(),
    }
}

/// Links to the router and reads it on a thread of its own.
fn read_router(shared: &Arc<Shared>, lanes: LaneQueues, status: watch::Sender<Status>) -> Result<(), BrokerError> {
    let (mut tx, rx, _) = (shared.link)("@ingest", true).map_err(BrokerError::Link)?;
    for filter in shared.topics.filters() {
        tx.subscribe(filter).map_err(|error| BrokerError::Link(Box::new(error)))?;
    }
    shared.gate.start();
    let shared = Arc::clone(shared);
    let run = move || {
        // The link must live as long as it is read.
        let _tx = tx;
        drain::run(rx, &shared, &lanes);
        let _ = status.send(Status::Ended);
    };
    thread::Builder::new().name("broker-drain".to_owned()).spawn(run).map_err(BrokerError::Thread)?;
    Ok(())
}

/// Listens and accepts on the broker's own runtime.
fn serve(
    runtime: &Runtime,
    address: SocketAddr,
    shared: Arc<Shared>,
    down: LinkRx,
    status: Option<watch::Sender<Status>>,
) -> io::Result<SocketAddr> {
    let _context = runtime.enter();
    let listener = listen(address)?;
    let address = listener.local_addr()?;
    runtime.spawn(accept(listener, shared, down, status));
    Ok(address)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts connections until reading is stopped. Keeps the down link's other end, which says
/// nothing but must be there, and the status of a broker that nobody reads in this process.
async fn accept(listener: TcpListener, shared: Arc<Shared>, down: LinkRx, status: Option<watch::Sender<Status>>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(connection::serve(stream, Arc::clone(&shared)));
                }
                Err(error) => {
                    // Usually too many open files; others must end before more can begin.
                    tracing::warn!(error = %error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            () = shared.stop.cancelled() => break,
        }
    }
    drop(listener);
    shared.close.cancelled().await;
    drop(down);
    if let Some(status) = status {
        let _ = status.send(Status::Ended);
    }
}
