//! The source that subscribes to an external MQTT broker.
//!
//! One persistent session, QoS 1, acknowledged by hand after commit and in the broker's order: what
//! was not committed when this process dies, the broker sends again. It subscribes anew on every
//! connection, and whatever the broker refuses is an error that is logged and tried again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rules::vehicle::{Reason, VehicleId};
use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, Outgoing, Packet, Publish, QoS, SubAck, SubscribeFilter,
    SubscribeReasonCode,
};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::queue::LaneQueues;
use crate::refused::Refused;
use crate::skim::Skim;
use crate::source::{Arrival, Delivery, Source, Status, Token};
use crate::topic;
use crate::topics::Topics;

mod backoff;
mod config;
mod ledger;

pub use config::{SubscriberConfig, SubscriberConfigError};

use backoff::Backoff;
use ledger::Ledger;

/// Acknowledgements that can be under way: MQTT has as many packet ids.
const ACKNOWLEDGEMENTS: usize = 65_536;
/// Messages to vehicles that may wait for the connection.
const MAX_DOWN: usize = 16_384;
/// Time to say good-bye.
const FAREWELL: Duration = Duration::from_secs(2);

/// A running subscription.
pub struct Subscriber {
    shared: Arc<Shared>,
    status: watch::Receiver<Status>,
}

struct Shared {
    client: AsyncClient,
    books: Mutex<Books>,
    metrics: Metrics,
    topics: Topics,
    max_packet: usize,
    stop: CancellationToken,
    close: CancellationToken,
}

struct Books {
    ledger: Ledger<Publish>,
    /// Messages to vehicles that wait in the client's channel.
    down_waiting: usize,
}

impl Subscriber {
    /// Starts it on the present runtime; it connects by itself, and again whenever it has to.
    pub fn start(
        config: &SubscriberConfig,
        lanes: LaneQueues,
        metrics: &Metrics,
    ) -> Result<Self, SubscriberConfigError> {
        config.validate()?;
        // Room for every acknowledgement besides the messages, so that none has to wait.
        let (client, mut events) = AsyncClient::new(config.options(), ACKNOWLEDGEMENTS + MAX_DOWN + 16);
        events.set_network_options(config::network());
        let shared = Arc::new(Shared {
            client,
            books: Mutex::new(Books { ledger: Ledger::new(), down_waiting: 0 }),
            metrics: metrics.clone(),
            topics: config.topics.clone(),
            max_packet: config.max_packet_bytes,
            stop: CancellationToken::new(),
            close: CancellationToken::new(),
        });
        let (status, watched) = watch::channel(Status::Connecting);
        let backoff = Backoff::new(config.backoff.to_std(), config.max_backoff.to_std());
        let session = Session { shared: Arc::clone(&shared), events, lanes, status, backoff, kept: 0 };
        tokio::spawn(session.run());
        Ok(Self { shared, status: watched })
    }
}

impl Source for Subscriber {
    fn acknowledge(&self, tokens: &[Token]) {
        let mut books = self.shared.books();
        for token in tokens {
            books.ledger.commit(*token);
        }
        while let Some(publish) = books.ledger.next() {
            // The channel has room for all; an end of the connection empties it.
            if self.shared.client.try_ack(&publish).is_err() {
                tracing::debug!("an acknowledgement found no connection");
            }
        }
    }

    fn publish_down(&self, messages: &[(VehicleId, Bytes)]) {
        let mut books = self.shared.books();
        let mut sent = 0;
        for (vehicle, payload) in messages {
            let topic = topic::down(vehicle.as_str());
            let full = books.down_waiting >= MAX_DOWN;
            if full || self.shared.client.try_publish(topic, QoS::AtLeastOnce, false, payload.to_vec()).is_err() {
                break;
            }
            books.down_waiting += 1;
            sent += 1;
        }
        if sent < messages.len() {
            tracing::warn!(dropped = messages.len() - sent, "messages to vehicles found no connection");
        }
        self.shared.metrics.down.inc_by(sent as u64);
    }

    fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    fn stop_reading(&self) {
        self.shared.stop.cancel();
    }

    fn close(&self) {
        self.shared.stop.cancel();
        // Behind the last acknowledgements.
        let _ = self.shared.client.try_disconnect();
        self.shared.close.cancel();
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drives the connection.
struct Session {
    shared: Arc<Shared>,
    events: EventLoop,
    lanes: LaneQueues,
    status: watch::Sender<Status>,
    backoff: Backoff,
    /// Messages to vehicles that were under way when the connection was lost.
    kept: usize,
}

/// What to do after an event.
enum Next {
    Poll,
    Reconnect(String),
    End,
}

impl Session {
    async fn run(mut self) {
        let (stop, lanes) = (self.shared.stop.clone(), self.lanes.clone());
        let closer = tokio::spawn(async move {
            stop.cancelled().await;
            lanes.close();
        });
        loop {
            let event = tokio::select! {
                event = self.events.poll() => event,
                // Only at the end: a poll that is dropped half-way may lose what it was sending.
                () = expire(&self.shared.close) => break,
            };
            match self.handle(event).await {
                Next::Poll => {}
                Next::Reconnect(_) if self.shared.close.is_cancelled() => break,
                Next::Reconnect(error) => {
                    if !self.wait(&error).await {
                        break;
                    }
                }
                Next::End => break,
            }
        }
        closer.abort();
        self.lanes.close();
        let _ = self.status.send(Status::Ended);
    }

    async fn handle(&mut self, event: Result<Event, ConnectionError>) -> Next {
        match event {
            Ok(Event::Incoming(Packet::ConnAck(ack))) => {
                if !ack.session_present {
                    // The client has dropped what it kept of the former session.
                    let mut books = self.shared.books();
                    books.down_waiting = books.down_waiting.saturating_sub(self.kept);
                }
                // The broker may have forgotten it even where it remembers the session.
                let filter = |filter: &str| SubscribeFilter::new(filter.to_owned(), QoS::AtLeastOnce);
                match self.shared.client.try_subscribe_many(self.shared.topics.filters().map(filter)) {
                    Ok(()) => Next::Poll,
                    Err(error) => Next::Reconnect(error.to_string()),
                }
            }
            Ok(Event::Incoming(Packet::SubAck(ack))) => self.subscribed(&ack),
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                deliver(&self.shared, &self.lanes, publish).await;
                Next::Poll
            }
            Ok(Event::Outgoing(Outgoing::Publish(_))) => {
                let mut books = self.shared.books();
                books.down_waiting = books.down_waiting.saturating_sub(1);
                Next::Poll
            }
            Ok(Event::Outgoing(Outgoing::Disconnect)) => Next::End,
            Ok(Event::Incoming(Packet::Disconnect)) => Next::Reconnect("the broker says good-bye".to_owned()),
            Ok(_) => Next::Poll,
            Err(error) => Next::Reconnect(error.to_string()),
        }
    }

    fn subscribed(&mut self, ack: &SubAck) -> Next {
        let granted =
            |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(qos) if *qos != QoS::AtMostOnce);
        if ack.return_codes.is_empty() || !ack.return_codes.iter().all(granted) {
            return Next::Reconnect(format!("the broker does not grant the subscription: {:?}", ack.return_codes));
        }
        self.backoff.reset();
        tracing::info!("subscribed to the external broker");
        let _ = self.status.send(Status::Ready);
        Next::Poll
    }

    /// Lets the connection go and waits before the next; false when there is to be none.
    async fn wait(&mut self, error: &str) -> bool {
        {
            let mut books = self.shared.books();
            books.ledger.turn_page();
            // Acknowledgements that were on their way must not reach the next connection.
            self.events.clean();
            self.kept = self.events.pending.len();
            books.down_waiting = self.kept;
        }
        self.shared.metrics.source_disconnects.inc();
        let _ = self.status.send(Status::Connecting);
        let delay = self.backoff.next();
        tracing::warn!(error, delay_ms = delay.as_millis() as u64, "no connection to the external broker");
        tokio::select! {
            () = sleep(delay) => true,
            () = self.shared.close.cancelled() => false,
        }
    }
}

/// Queues a message. While its lane has no room the connection is not served; if that lasts, the
/// broker ends it and sends again.
async fn deliver(shared: &Shared, lanes: &LaneQueues, publish: Publish) {
    if shared.stop.is_cancelled() {
        // Not acknowledged, so it comes again.
        return;
    }
    let (topic, payload) = (Bytes::from(publish.topic.clone()), publish.payload.clone());
    let token = match publish.qos {
        QoS::AtMostOnce => Token::default(),
        // Only its packet id is needed to acknowledge it.
        _ => shared.books().ledger.note(Publish { payload: Bytes::new(), topic: String::new(), ..publish }),
    };
    let delivery = Arrival::new(&shared.topics, topic, payload, Instant::now(), token).delivery();
    let delivery = shorten(delivery, shared.max_packet);
    if let Delivery::Message(arrival) = &delivery {
        shared.metrics.received.inc();
        shared.metrics.received_bytes.inc_by(arrival.payload.len() as u64);
    }
    let queue = lanes.of(delivery.vehicle());
    queue.push_async(&mut [delivery].into()).await;
}

/// What is too large to be kept waits for its lane without its payload.
fn shorten(delivery: Delivery, limit: usize) -> Delivery {
    let Delivery::Message(arrival) = delivery else { return delivery };
    let too_large = arrival.payload.len() > limit;
    let Some(vehicle) = VehicleId::try_new(arrival.vehicle()).ok().filter(|_| too_large) else {
        return Delivery::Message(arrival);
    };
    let skim = Skim::of(&arrival.payload);
    let refusal = skim.refuse(Reason::TooLarge, "larger than the engine keeps", &vehicle);
    Delivery::Refused(Box::new(Refused { vehicle, refusal, answered: true }), arrival.token)
}

/// Waits until good-bye has been said for long enough.
async fn expire(close: &CancellationToken) {
    close.cancelled().await;
    sleep(FAREWELL).await;
}
