//! A poisoned outbox: what a vehicle should not have sent stands before a stop-now, and the vehicle's
//! MQTT client is a standard one, which sends what nobody acknowledged first on every connection.
//!
//! Bad input is a value: it is acknowledged, written down in the vehicle's name, and nothing behind it waits.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ingest::down::Down;
use ingest::topic;
use rules::unit::Span;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use sha2::{Digest, Sha256};
use simulator::delivery::Message;
use simulator::signal::COOLANT;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::world::road::{petrol, trip, with};
use crate::world::{NewCar, Proxy, RejectionRow, Scene, eventually, morning};

/// The hole that a refused number would leave is waited for two minutes; a loaded machine takes a while.
const AT_ONCE: Duration = Duration::from_secs(10);

/// What stands in the outbox before the stop-now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Poison {
    /// A message on that topic.
    Topic(&'static str),
    /// A message with so many bytes of something unknown in it.
    Large(usize),
    /// So many bytes that are nothing, outside the numbering.
    Rubbish(usize),
    /// The same in the place of a message, whose number nobody can read.
    Broken(usize),
    /// A message at QoS 2; nothing is wrong with it.
    Qos2,
}

impl Poison {
    /// The word in `rejection`; `None` for what is taken.
    fn reason(self) -> Option<&'static str> {
        match self {
            Self::Topic(_) => Some("topic_mismatch"),
            Self::Large(_) | Self::Rubbish(_) | Self::Broken(_) => Some("too_large"),
            Self::Qos2 => None,
        }
    }

    /// Topic, quality and payload of `message`, poisoned so; rubbish takes no number.
    fn make(self, own: &str, number: impl FnOnce() -> Message) -> (String, QoS, Vec<u8>) {
        match self {
            Self::Topic(topic) => (topic.to_owned(), QoS::AtLeastOnce, number().encode()),
            Self::Qos2 => (own.to_owned(), QoS::ExactlyOnce, number().encode()),
            Self::Rubbish(bytes) => (own.to_owned(), QoS::AtLeastOnce, vec![b'x'; bytes]),
            Self::Broken(bytes) => {
                let mut payload = number().encode();
                payload.pop();
                payload.resize(bytes, b'x');
                (own.to_owned(), QoS::AtLeastOnce, payload)
            }
            Self::Large(bytes) => {
                let mut payload = number().encode();
                payload.splice(1..1, format!(r#""log":"{}","#, "x".repeat(bytes)).into_bytes());
                (own.to_owned(), QoS::AtLeastOnce, payload)
            }
        }
    }
}

/// A vehicle that leaves its outbox to a standard client with a session that is kept.
struct Vehicle {
    id: String,
    client: AsyncClient,
    polling: JoinHandle<()>,
    seen: Arc<Seen>,
    down: mpsc::UnboundedReceiver<Down>,
    said: usize,
    next_seq: u64,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    losses: AtomicUsize,
    /// PUBACKs and PUBCOMPs.
    acknowledged: AtomicUsize,
}

impl Vehicle {
    fn new(id: &str, broker: SocketAddr) -> (Self, impl FnOnce(&mut Self)) {
        let mut options = MqttOptions::new(id, broker.ip().to_string(), broker.port());
        options.set_clean_session(false).set_keep_alive(Duration::from_secs(20)).set_inflight(512);
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, eventloop) = AsyncClient::new(options, 1_024);
        let (tell, down) = mpsc::unbounded_channel();
        let seen = Arc::new(Seen::default());
        let polling = tokio::spawn(async {});
        let vehicle = Self { id: id.to_owned(), client, polling, seen: Arc::clone(&seen), down, said: 0, next_seq: 1 };
        (vehicle, move |vehicle: &mut Self| vehicle.polling = tokio::spawn(poll(eventloop, tell, seen)))
    }

    async fn say(&mut self, topic: String, qos: QoS, payload: Vec<u8>) -> anyhow::Result<()> {
        self.client.publish(topic, qos, false, payload).await?;
        self.said += 1;
        Ok(())
    }

    fn message(&mut self, frame: simulator::frame::Frame) -> Message {
        let seq = self.next_seq;
        self.next_seq += 1;
        Message { stream: 1, seq, oldest: 1, frames: vec![frame], seen: Vec::new() }
    }

    /// Sound driving, the poison, and behind it an engine that overheats. Gives the SHA-256 of what is refused.
    async fn fill(&mut self, poisons: &[Poison]) -> anyhow::Result<BTreeSet<[u8; 32]>> {
        let (now, step) = (morning(), Span::from_secs(10));
        let own = topic::telemetry(&self.id);
        self.client.subscribe(topic::down(&self.id), QoS::AtLeastOnce).await?;
        for frame in trip(now - Span::from_mins(4), now - Span::from_mins(2), step) {
            let payload = self.message(frame).encode();
            self.say(own.clone(), QoS::AtLeastOnce, payload).await?;
        }
        let mut refused = BTreeSet::new();
        for poison in poisons {
            let (topic, qos, payload) = poison.make(&own, || self.message(petrol(now - Span::from_mins(2), 0)));
            if poison.reason().is_some() {
                refused.insert(Sha256::digest(&payload).into());
            }
            self.say(topic, qos, payload).await?;
        }
        for frame in trip(now - Span::from_mins(2), now, step).map(|frame| with(frame, COOLANT, 126.0)) {
            let payload = self.message(frame).encode();
            self.say(own.clone(), QoS::AtLeastOnce, payload).await?;
        }
        Ok(refused)
    }

    /// Waits until it has been told of everything: its last number, and each hash.
    async fn told(&mut self, mut hashes: BTreeSet<[u8; 32]>) -> anyhow::Result<()> {
        let (last, mut covered) = (self.next_seq - 1, 0);
        while covered < last || !hashes.is_empty() {
            match timeout(Duration::from_secs(30), self.down.recv()).await {
                Ok(Some(Down::Committed { seq, .. })) => covered = covered.max(seq),
                Ok(Some(Down::Unreadable { sha256 })) => drop(hashes.remove(&sha256)),
                Ok(Some(_)) => {}
                _ => anyhow::bail!("{} was told up to {covered} of {last}, {} hashes missing", self.id, hashes.len()),
            }
        }
        Ok(())
    }

    async fn acknowledged(&self) -> anyhow::Result<()> {
        let (id, said) = (&self.id, self.said);
        eventually(format!("{said} acknowledgements of {id}"), Duration::from_secs(30), || async {
            Ok((self.seen.acknowledged.load(Ordering::Relaxed) >= said).then_some(()))
        })
        .await
    }
}

impl Drop for Vehicle {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

async fn poll(mut eventloop: EventLoop, tell: mpsc::UnboundedSender<Down>, seen: Arc<Seen>) {
    loop {
        match eventloop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => drop(seen.connections.fetch_add(1, Ordering::Relaxed)),
            Ok(Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_))) => {
                seen.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                if let Ok(down) = Down::decode(&publish.payload) {
                    let _ = tell.send(down);
                }
            }
            Ok(_) => {}
            Err(_) => {
                seen.losses.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

const POISONS: [(&str, &[Poison]); 10] = [
    ("own-topic-misspelt", &[Poison::Topic("premend/v1/own-topic-misspelt/telemetri")]),
    ("of-another-vehicle", &[Poison::Topic("premend/v1/car-2/telemetry")]),
    ("down-of-its-own", &[Poison::Topic("premend/v1/down-of-its-own/down")]),
    ("topic-of-the-broker", &[Poison::Topic("$SYS/broker/clients")]),
    ("above-admission", &[Poison::Large(100_000)]),
    ("above-the-broker", &[Poison::Large(300_000)]),
    ("rubbish", &[Poison::Rubbish(300_000)]),
    ("broken", &[Poison::Broken(300_000), Poison::Broken(80_000)]),
    ("qos-2", &[Poison::Qos2, Poison::Qos2]),
    (
        "all-at-once",
        &[
            Poison::Rubbish(600_000),
            Poison::Topic("status/all-at-once"),
            Poison::Qos2,
            Poison::Large(300_000),
            Poison::Topic("premend/v1/car-2/telemetry"),
            Poison::Large(70_000),
            Poison::Qos2,
        ],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_now_behind_a_poisoned_message_is_on_the_board_at_once() -> anyhow::Result<()> {
    let cars: Vec<NewCar> = POISONS.iter().map(|(id, _)| NewCar::petrol(id, morning())).collect();
    let scene = Scene::open(&cars).await?;
    let mqtt = scene.premend.mqtt()?;
    let mut expected = Vec::new();
    for (id, poisons) in POISONS {
        let (mut vehicle, connect) = Vehicle::new(id, mqtt);
        let hashes = vehicle.fill(poisons).await?;
        let started = Instant::now();
        connect(&mut vehicle);
        let order = scene.ledger.order_on(id, "engine.cooling").await?;
        let took = started.elapsed();
        println!("{id}: on the board after {took:?}");
        assert_eq!(order.severity, 1, "{id}");
        assert!(took < AT_ONCE, "{id}: {took:?}");
        vehicle.acknowledged().await?;
        vehicle.told(hashes.clone()).await?;
        assert_eq!(vehicle.seen.connections.load(Ordering::Relaxed), 1, "{id} was closed");
        expected.extend(hashes.into_iter().map(|hash| (id, hash)));
    }
    let rows = scene.ledger.rejections().await?;
    for (id, hash) in &expected {
        let named = |row: &&RejectionRow| {
            row.vehicle_id.as_deref() == Some(*id) && row.sha256.as_deref() == Some(&hash[..]) && row.size > 0
        };
        assert_eq!(rows.iter().filter(named).count(), 1, "{id}: one row names it");
    }
    assert_eq!(rows.len(), expected.len(), "{rows:?}");
    for (id, poisons) in POISONS {
        let mut reasons: Vec<&str> = poisons.iter().filter_map(|poison| poison.reason()).collect();
        let mut found: Vec<&str> =
            rows.iter().filter(|row| row.vehicle_id.as_deref() == Some(id)).map(|row| &row.reason[..]).collect();
        reasons.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, reasons, "{id}");
    }
    assert_eq!(scene.premend.metric("premend_ingest_broker_closed_connections_total").await?, 0.0);
    assert_eq!(scene.ledger.journalled().await?.doubled(), []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_outbox_survives_a_network_that_breaks() -> anyhow::Result<()> {
    let scene = Scene::open(&[NewCar::petrol("a", morning())]).await?;
    let mqtt = scene.premend.mqtt()?;
    let proxy = Proxy::start(&mqtt.ip().to_string(), mqtt.port()).await?;
    let (mut vehicle, connect) = Vehicle::new("a", proxy.address());
    let poisons: Vec<Poison> = POISONS.iter().flat_map(|(_, poisons)| poisons.iter().copied()).collect();
    let hashes = vehicle.fill(&poisons).await?;
    connect(&mut vehicle);
    for round in 1..=5 {
        // Somewhere in the middle, and each time somewhere else.
        let some = vehicle.said * round / 6;
        eventually(format!("{some} acknowledgements"), Duration::from_secs(30), || async {
            Ok((vehicle.seen.acknowledged.load(Ordering::Relaxed) >= some).then_some(()))
        })
        .await?;
        let losses = vehicle.seen.losses.load(Ordering::Relaxed);
        proxy.cut();
        eventually("the loss of the connection", Duration::from_secs(30), || async {
            Ok((vehicle.seen.losses.load(Ordering::Relaxed) > losses).then_some(()))
        })
        .await?;
        proxy.mend();
    }
    scene.ledger.order_on("a", "engine.cooling").await?;
    vehicle.acknowledged().await?;
    vehicle.told(hashes).await?;
    let journal = scene.ledger.journalled().await?;
    assert_eq!(journal.doubled(), []);
    let dealt_with: BTreeSet<u64> =
        journal.numbers("a", 1).into_iter().chain(journal.refused.values().flatten().copied()).collect();
    assert_eq!(dealt_with, (1..vehicle.next_seq).collect(), "every number is in the journal, or refused there");
    assert_eq!(scene.premend.metric("premend_ingest_broker_closed_connections_total").await?, 0.0);
    Ok(())
}

/// A gateway speaks for another vehicle on its own connection, with numbers that are not its own.
#[tokio::test]
async fn numbers_read_on_a_foreign_topic_take_nothing_from_the_vehicle_that_is_connected() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("gateway", now)]).await?;
    let (mut vehicle, connect) = Vehicle::new("gateway", scene.premend.mqtt()?);
    connect(&mut vehicle);
    vehicle.client.subscribe(topic::down("gateway"), QoS::AtLeastOnce).await?;
    for frame in trip(now - Span::from_mins(3), now, Span::from_secs(10)) {
        let message = vehicle.message(frame);
        let others = Message { frames: vec![petrol(now, 3)], ..message.clone() };
        vehicle.say(topic::telemetry("car-2"), QoS::AtLeastOnce, others.encode()).await?;
        vehicle.say(topic::telemetry("gateway"), QoS::AtLeastOnce, message.encode()).await?;
    }
    vehicle.told(BTreeSet::new()).await?;
    let journal = scene.ledger.journalled().await?;
    assert_eq!(journal.numbers("gateway", 1), (1..vehicle.next_seq).collect());
    assert!(journal.refused.is_empty(), "{:?}", journal.refused);
    Ok(())
}

/// Another implementation of MQTT: Debian's `mosquitto_pub`, which ends well only if its exchange was completed.
#[tokio::test]
async fn a_client_of_another_make_gets_rid_of_everything_too() -> anyhow::Result<()> {
    let scene = Scene::open(&[NewCar::petrol("a", morning())]).await?;
    let mqtt = scene.premend.mqtt()?;
    let own = topic::telemetry("a");
    let directory = tempfile::tempdir()?;
    let large = directory.path().join("large");
    std::fs::write(&large, vec![b'x'; 300_000])?;
    let good = |seq| Message { stream: 1, seq, oldest: 1, frames: vec![petrol(morning(), seq)], seen: Vec::new() };
    for qos in ["1", "2"] {
        for (topic, file) in [("elsewhere/a", None), (&own[..], Some(&large)), (&own, None)] {
            let mut command = tokio::process::Command::new("mosquitto_pub");
            command.args(["-h", "127.0.0.1", "-p", &mqtt.port().to_string(), "-i", "a", "-q", qos, "-t", topic]);
            match file {
                Some(file) => command.arg("-f").arg(file),
                None => command.arg("-m").arg(String::from_utf8(good(qos.parse()?).encode())?),
            };
            let status = timeout(Duration::from_secs(20), command.kill_on_drop(true).status()).await??;
            assert!(status.success(), "QoS {qos} on {topic}: {status}");
        }
    }
    let rejected = |reason| format!("select count(*) from rejection where vehicle_id = 'a' and reason = '{reason}'");
    scene.ledger.becomes(&rejected("topic_mismatch"), 2).await?;
    scene.ledger.becomes(&rejected("too_large"), 2).await?;
    eventually("both good messages in the journal", Duration::from_secs(20), || async {
        Ok((scene.ledger.journalled().await?.numbers("a", 1) == [1, 2].into()).then_some(()))
    })
    .await
}
