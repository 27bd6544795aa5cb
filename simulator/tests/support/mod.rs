//! An engine that only commits: an embedded broker, and the acknowledgement contract in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ingest::broker::{Broker, BrokerConfig};
use ingest::down::Down;
use ingest::metrics::Metrics;
use ingest::queue::{LaneQueues, Limits, MAX_BATCH};
use ingest::source::{Delivery, Source};
use prometheus::Registry;
use rules::vehicle::VehicleId;
use sha2::{Digest, Sha256};

/// What the engine has in its store; outlives broker and engine.
#[derive(Default)]
pub struct Store {
    pub streams: BTreeMap<(String, u64), Stream>,
    pub unreadable: u64,
    pub duplicates: u64,
    /// Acknowledgements to swallow before the first is sent.
    pub swallow: u64,
}

/// One vehicle's numbering.
#[derive(Default)]
pub struct Stream {
    pub committed: u64,
    pub payloads: BTreeMap<u64, serde_json::Value>,
    ahead: BTreeSet<u64>,
}

/// A running broker and the task that commits what it delivers.
pub struct Engine {
    pub address: SocketAddr,
    broker: Arc<Broker>,
    lanes: LaneQueues,
    task: tokio::task::JoinHandle<()>,
}

impl Engine {
    /// Starts on a free port, or on the port it had before.
    pub fn start(store: &Arc<Mutex<Store>>, address: Option<SocketAddr>) -> Self {
        let listen = address.unwrap_or_else(|| ([127, 0, 0, 1], free_port()).into());
        let config = BrokerConfig { listen, ..BrokerConfig::default() };
        let metrics = Metrics::new(&Registry::new()).unwrap();
        let lanes = LaneQueues::new(1, Limits::default(), &metrics);
        let broker = Arc::new(Broker::start(&config, lanes.clone(), &metrics).unwrap());
        let task = tokio::spawn(commit(Arc::clone(&broker), lanes.clone(), Arc::clone(store)));
        Self { address: broker.address(), broker, lanes, task }
    }

    /// Dies: whatever was not committed is gone.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
        self.broker.close();
        self.lanes.close();
    }
}

/// Below the range from which the kernel takes ports for others while the broker is down.
fn free_port() -> u16 {
    let first = std::process::id() as u16 % 4_000;
    let free = (0..4_000)
        .map(|step| 14_000 + (first + step) % 4_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.unwrap()
}

async fn commit(broker: Arc<Broker>, lanes: LaneQueues, store: Arc<Mutex<Store>>) {
    let queue = lanes.lane(0).unwrap();
    let mut batch = Vec::new();
    while queue.ready().await {
        queue.take(&mut batch, MAX_BATCH);
        let answers = store.lock().unwrap().take(batch.drain(..));
        broker.publish_down(&answers);
    }
}

impl Store {
    fn take(&mut self, batch: impl Iterator<Item = Delivery>) -> Vec<(VehicleId, Bytes)> {
        let mut answers = Vec::new();
        let mut touched = BTreeSet::new();
        for delivery in batch {
            let Delivery::Message(arrival) = delivery else { continue };
            let vehicle = arrival.vehicle().to_owned();
            if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&arrival.payload) {
                let stream = value["stream"].as_u64().unwrap();
                self.keep(&vehicle, stream, value);
                touched.insert((vehicle, stream));
            } else {
                self.unreadable += 1;
                let sha256 = Sha256::digest(&arrival.payload).into();
                answers.push((VehicleId::try_new(&vehicle).unwrap(), Down::Unreadable { sha256 }));
            }
        }
        for (vehicle, stream) in touched {
            let seq = self.streams[&(vehicle.clone(), stream)].committed;
            answers.push((VehicleId::try_new(&vehicle).unwrap(), Down::Committed { stream, seq }));
        }
        let swallowed = self.swallow.min(answers.len() as u64);
        self.swallow -= swallowed;
        answers.drain(..swallowed as usize);
        answers.into_iter().map(|(vehicle, down)| (vehicle, down.encode().into())).collect()
    }

    fn keep(&mut self, vehicle: &str, stream: u64, value: serde_json::Value) {
        let (seq, oldest) = (value["seq"].as_u64().unwrap(), value["oldest"].as_u64().unwrap());
        let stream = self.streams.entry((vehicle.to_owned(), stream)).or_default();
        stream.committed = stream.committed.max(oldest - 1);
        match stream.payloads.get(&seq) {
            Some(known) => {
                self.duplicates += 1;
                assert_eq!(known["signals"], value["signals"], "the same number with other content");
            }
            None => {
                stream.payloads.insert(seq, value);
            }
        }
        stream.ahead.insert(seq);
        stream.ahead = stream.ahead.split_off(&(stream.committed + 1));
        while stream.ahead.remove(&(stream.committed + 1)) {
            stream.committed += 1;
        }
    }

    pub fn messages(&self) -> u64 {
        self.streams.values().map(|stream| stream.payloads.len() as u64).sum()
    }
}
