//! A broker on a free port and clients for it.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use ingest::broker::{Broker, BrokerConfig, Cause};
use ingest::metrics::Metrics;
use ingest::queue::{LaneQueues, Limits, MAX_BATCH};
use ingest::source::Delivery;
use prometheus::Registry;
use rumqttc::mqttbytes::v4::Connect;
use rumqttc::{AsyncClient, Event, LastWill, MqttOptions, Packet, QoS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longest that a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct World {
    pub broker: Broker,
    pub lanes: LaneQueues,
    pub metrics: Metrics,
}

pub fn config() -> BrokerConfig {
    BrokerConfig { listen: ([127, 0, 0, 1], 0).into(), ..BrokerConfig::default() }
}

pub fn world(config: &BrokerConfig, lanes: usize, limits: Limits) -> World {
    let metrics = Metrics::new(&Registry::new()).expect("a fresh registry");
    let lanes = LaneQueues::new(lanes, limits, &metrics);
    let broker = Broker::start(config, lanes.clone(), &metrics).expect("the broker starts");
    World { broker, lanes, metrics }
}

impl World {
    /// Waits for the next delivery of lane 0.
    pub async fn next(&self, pending: &mut Vec<Delivery>) -> Delivery {
        if pending.is_empty() {
            let queue = self.lanes.lane(0).expect("there is a lane");
            assert!(timeout(PATIENCE, queue.ready()).await.expect("something is delivered"), "the queue ended");
            queue.take(pending, MAX_BATCH);
        }
        pending.remove(0)
    }

    /// Connections that the broker has closed, for any cause.
    pub fn closed(&self) -> u64 {
        Cause::ALL.iter().map(|cause| self.metrics.closed.with_label_values(&[cause.label()]).get()).sum()
    }

    /// Waits until so many connections were closed for that cause.
    pub async fn until_closed(&self, cause: &str, count: u64) {
        until(cause, || self.metrics.closed.with_label_values(&[cause]).get() == count).await;
    }
}

/// Waits until it holds.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A client and what happens to it.
pub struct Client {
    pub mqtt: AsyncClient,
    happened: mpsc::UnboundedReceiver<Result<Packet, String>>,
}

impl Client {
    pub fn connect(port: u16, id: &str, login: Option<(&str, &str)>) -> Self {
        let mut options = MqttOptions::new(id, "127.0.0.1", port);
        options.set_max_packet_size(1 << 20, 1 << 20).set_inflight(200);
        if let Some((user, password)) = login {
            options.set_credentials(user, password);
        }
        Self::with(options)
    }

    pub fn with(options: MqttOptions) -> Self {
        let (mqtt, mut events) = AsyncClient::new(options, 200);
        let (tx, happened) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let packet = match events.poll().await {
                    Ok(Event::Incoming(packet)) => Ok(packet),
                    Ok(Event::Outgoing(_)) => continue,
                    Err(error) => Err(error.to_string()),
                };
                // Ends with its client, and does not connect again.
                let last = packet.is_err();
                if tx.send(packet).is_err() || last {
                    return;
                }
            }
        });
        Self { mqtt, happened }
    }

    pub async fn next(&mut self) -> Result<Packet, String> {
        timeout(PATIENCE, self.happened.recv())
            .await
            .expect("something happens to the client")
            .unwrap_or(Err("gone".into()))
    }

    /// Waits for a packet that fits.
    pub async fn until(&mut self, fits: impl Fn(&Packet) -> bool) -> Packet {
        loop {
            let packet = self.next().await.expect("the connection holds");
            if fits(&packet) {
                return packet;
            }
        }
    }

    /// Waits for the end of the connection.
    pub async fn until_closed(&mut self) -> String {
        loop {
            if let Err(error) = self.next().await {
                return error;
            }
        }
    }

    pub async fn say(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.mqtt.publish(topic, QoS::AtLeastOnce, false, payload).await.expect("the client takes it");
    }
}

/// A client that writes its packets itself, to send what no library would.
pub struct Wire {
    stream: TcpStream,
    pub session_present: bool,
}

impl Wire {
    pub async fn connect(address: SocketAddr, id: &str, clean: bool) -> Self {
        Self::connect_with(address, id, clean, None).await
    }

    /// Connects and waits for the CONNACK.
    pub async fn connect_with(address: SocketAddr, id: &str, clean: bool, will: Option<LastWill>) -> Self {
        let mut connect = Connect::new(id);
        (connect.clean_session, connect.last_will) = (clean, will);
        let mut bytes = BytesMut::new();
        connect.write(&mut bytes).expect("it is short");
        let stream = TcpStream::connect(address).await.expect("the broker listens");
        let mut wire = Self { stream, session_present: false };
        wire.send(&bytes).await;
        let ack = wire.read(4).await;
        assert_eq!((ack[0], ack[3]), (0x20, 0), "it is let in");
        wire.session_present = ack[2] == 1;
        wire
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the connection holds");
    }

    pub async fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        timeout(PATIENCE, self.stream.read_exact(&mut bytes)).await.expect("it comes").expect("the connection holds");
        bytes
    }

    /// Waits until the broker hangs up.
    pub async fn until_closed(&mut self) {
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.expect("it hangs up");
    }
}
