//! A car driven by hand: a test says each message, and hears everything on the `down` topic.
//!
//! It stores and forwards nothing by itself; that is what `simulator::publisher` is for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use ingest::down::Down;
use ingest::topic;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use simulator::delivery::Message;
use simulator::frame::Frame;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::eventually;

const HEARD_WITHIN: Duration = Duration::from_secs(30);
const DELIVERED_WITHIN: Duration = Duration::from_secs(120);

/// A car on the air; it reconnects by itself and goes off the air with this value.
#[derive(Debug)]
pub struct Car {
    pub id: String,
    pub stream: u64,
    /// The number of its next message.
    pub next_seq: u64,
    client: AsyncClient,
    said: AtomicU64,
    acked: Arc<AtomicU64>,
    heard: mpsc::UnboundedReceiver<Heard>,
    /// Heard, and not what a test waited for then.
    unused: Vec<Down>,
    polling: JoinHandle<()>,
}

#[derive(Debug)]
enum Heard {
    Online,
    Down(Down),
}

impl Car {
    /// Connects and waits until it hears its `down` topic.
    pub async fn connect(id: &str, broker: SocketAddr) -> anyhow::Result<Self> {
        let mut options = MqttOptions::new(id, broker.ip().to_string(), broker.port());
        options.set_keep_alive(Duration::from_secs(20)).set_clean_session(true).set_inflight(512);
        options.set_max_packet_size(256 * 1024, 256 * 1024);
        let (client, eventloop) = AsyncClient::new(options, 1_024);
        let (tell, heard) = mpsc::unbounded_channel();
        let acked = Arc::new(AtomicU64::new(0));
        let polling = tokio::spawn(poll(eventloop, client.clone(), topic::down(id), tell, Arc::clone(&acked)));
        let said = AtomicU64::new(0);
        let mut car =
            Self { id: id.to_owned(), stream: 1, next_seq: 1, client, said, acked, heard, unused: Vec::new(), polling };
        car.online().await?;
        Ok(car)
    }

    /// Waits until it is online (again).
    pub async fn online(&mut self) -> anyhow::Result<()> {
        let waiting = async {
            while let Some(heard) = self.heard.recv().await {
                if matches!(heard, Heard::Online) {
                    return Ok(());
                }
            }
            anyhow::bail!("its connection ended")
        };
        timeout(HEARD_WITHIN, waiting).await.with_context(|| format!("car {} did not get online", self.id))?
    }

    /// Publishes these bytes as they are.
    pub async fn say(&self, payload: Vec<u8>) -> anyhow::Result<()> {
        self.client.publish(topic::telemetry(&self.id), QoS::AtLeastOnce, false, payload).await?;
        self.said.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// One message per frame, numbered on; returns the last number.
    pub async fn drive(&mut self, frames: impl IntoIterator<Item = Frame>) -> anyhow::Result<u64> {
        for frame in frames {
            let message = self.message(vec![frame]);
            self.say(message.encode()).await?;
        }
        Ok(self.next_seq - 1)
    }

    /// The next message, not yet said.
    pub fn message(&mut self, frames: Vec<Frame>) -> Message {
        let seq = self.next_seq;
        self.next_seq += 1;
        Message { stream: self.stream, seq, oldest: 1, frames, seen: Vec::new() }
    }

    /// Waits for something it hears, or heard while it waited for something else.
    pub async fn hears<T>(&mut self, what: &str, mut wanted: impl FnMut(&Down) -> Option<T>) -> anyhow::Result<T> {
        let known = self.unused.iter().enumerate().find_map(|(place, down)| wanted(down).map(|found| (place, found)));
        if let Some((place, found)) = known {
            self.unused.remove(place);
            return Ok(found);
        }
        let listening = async {
            while let Some(heard) = self.heard.recv().await {
                let Heard::Down(down) = heard else { continue };
                match wanted(&down) {
                    Some(found) => return Ok(found),
                    None => self.unused.push(down),
                }
            }
            anyhow::bail!("its connection ended")
        };
        timeout(HEARD_WITHIN, listening).await.with_context(|| format!("car {} did not hear {what}", self.id))?
    }

    /// Waits until everything up to `seq` is committed; returns the position it was told.
    pub async fn committed(&mut self, seq: u64) -> anyhow::Result<u64> {
        let stream = self.stream;
        let what = format!("that {seq} is committed");
        self.hears(&what, |down| match down {
            Down::Committed { stream: told, seq: position } if *told == stream && *position >= seq => Some(*position),
            _ => None,
        })
        .await
    }

    /// Waits until the broker has taken everything that was said since it came on the air.
    pub async fn delivered(&self) -> anyhow::Result<()> {
        let said = self.said.load(Ordering::Relaxed);
        eventually(format!("PUBACKs for {said} messages of {}", self.id), DELIVERED_WITHIN, || async {
            Ok((self.acked.load(Ordering::Relaxed) >= said).then_some(()))
        })
        .await
    }

    /// Everything it has heard and nobody has looked at.
    pub fn heard_so_far(&mut self) -> Vec<Down> {
        let mut all = std::mem::take(&mut self.unused);
        while let Ok(heard) = self.heard.try_recv() {
            if let Heard::Down(down) = heard {
                all.push(down);
            }
        }
        all
    }
}

impl Drop for Car {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

async fn poll(
    mut eventloop: EventLoop,
    client: AsyncClient,
    down: String,
    tell: mpsc::UnboundedSender<Heard>,
    acked: Arc<AtomicU64>,
) {
    loop {
        let heard = match eventloop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                // The queue of requests may be full of messages; the loop must go on meanwhile.
                let (client, down) = (client.clone(), down.clone());
                tokio::spawn(async move { client.subscribe(down, QoS::AtLeastOnce).await });
                continue;
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => Heard::Online,
            Ok(Event::Incoming(Packet::Publish(publish))) => match Down::decode(&publish.payload) {
                Ok(down) => Heard::Down(down),
                Err(_) => continue,
            },
            Ok(Event::Incoming(Packet::PubAck(_))) => {
                acked.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            Ok(_) => continue,
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if tell.send(heard).is_err() {
            return;
        }
    }
}
