//! The subscriber against a broker in another place, here `premend broker` in this process.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use bytes::Bytes;
use ingest::broker::{Broker, BrokerConfig};
use ingest::metrics::Metrics;
use ingest::queue::{LaneQueues, Limits, MAX_BATCH};
use ingest::secret::Secret;
use ingest::source::{Delivery, Source, Status, Token};
use ingest::subscriber::{Subscriber, SubscriberConfig};
use ingest::topic;
use prometheus::Registry;
use rules::unit::Span;
use rules::vehicle::VehicleId;
use rumqttc::{Packet, QoS};
use tokio::time::timeout;

use crate::support::{Client, PATIENCE, config};

struct Engine {
    subscriber: Subscriber,
    lanes: LaneQueues,
    metrics: Metrics,
}

fn metrics() -> Metrics {
    Metrics::new(&Registry::new()).expect("a fresh registry")
}

fn engine(address: SocketAddr, password: Option<&str>) -> Engine {
    let metrics = metrics();
    let lanes = LaneQueues::new(1, Limits::default(), &metrics);
    let config = SubscriberConfig {
        port: address.port(),
        username: password.map(|_| "@engine".to_owned()),
        password: password.map(Secret::new),
        backoff: Span::from_millis(10),
        max_backoff: Span::from_millis(100),
        ..SubscriberConfig::default()
    };
    let subscriber = Subscriber::start(&config, lanes.clone(), &metrics).expect("it starts");
    Engine { subscriber, lanes, metrics }
}

impl Engine {
    async fn until(&self, status: Status) {
        let mut watched = self.subscriber.status();
        timeout(PATIENCE, watched.wait_for(|now| *now == status)).await.expect("it gets there").expect("it lives");
    }

    /// Takes `count` messages: what they say, and their tokens.
    async fn take(&self, count: usize) -> Vec<(String, Token)> {
        let (queue, mut taken, mut messages) = (self.lanes.lane(0).expect("a lane"), Vec::new(), Vec::new());
        while messages.len() < count {
            assert!(timeout(PATIENCE, queue.ready()).await.expect("something comes"));
            queue.take(&mut taken, (count - messages.len()).min(MAX_BATCH));
            for delivery in taken.drain(..) {
                if let Delivery::Message(arrival) = delivery {
                    messages.push((String::from_utf8_lossy(&arrival.payload).into_owned(), arrival.token));
                }
            }
        }
        messages
    }
}

/// Publishes `range` as one vehicle and waits until the broker has it all.
async fn publish(address: SocketAddr, vehicle: &str, range: std::ops::Range<usize>) -> Client {
    let mut client = Client::connect(address.port(), vehicle, None);
    let (mqtt, name, count) = (client.mqtt.clone(), vehicle.to_owned(), range.len());
    let publisher = tokio::spawn(async move {
        for n in range {
            mqtt.publish(topic::telemetry(&name), QoS::AtLeastOnce, false, format!("{name}/{n}")).await.expect("taken");
        }
    });
    for _ in 0..count {
        client.until(|packet| matches!(packet, Packet::PubAck(_))).await;
    }
    publisher.await.expect("published");
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivers_everything_and_a_slow_engine_makes_publishers_wait() {
    let small = BrokerConfig { high_water_bytes: 64 * 1024, log_bytes: 1024 * 1024, ..config() };
    let broker = Broker::start_alone(&small, &metrics()).unwrap();
    let engine = engine(broker.address(), None);
    engine.until(Status::Ready).await;
    let publishers: Vec<_> = (0..5)
        .map(|n| {
            let address = broker.address();
            tokio::spawn(async move { publish(address, &format!("car-{n}"), 0..4_000).await })
        })
        .collect();
    let mut said = BTreeSet::new();
    while said.len() < 20_000 {
        let messages = engine.take(1).await;
        let tokens: Vec<Token> = messages.iter().map(|(_, token)| *token).collect();
        engine.subscriber.acknowledge(&tokens);
        said.extend(messages.into_iter().map(|(payload, _)| payload));
    }
    for publisher in publishers {
        publisher.await.unwrap();
    }
}

#[tokio::test]
async fn what_was_not_committed_comes_again_to_the_next_engine() {
    let broker = Broker::start_alone(&config(), &metrics()).unwrap();
    let first = engine(broker.address(), None);
    first.until(Status::Ready).await;
    let _vehicle = publish(broker.address(), "car-1", 0..50).await;
    let messages = first.take(50).await;
    // Committed out of order: only what has no hole before it is acknowledged.
    let tokens: Vec<Token> =
        messages.iter().enumerate().filter(|(n, _)| *n < 20 || *n == 30).map(|(_, m)| m.1).collect();
    first.subscriber.acknowledge(&tokens);
    first.subscriber.close();
    first.until(Status::Ended).await;
    let second = engine(broker.address(), None);
    let again: Vec<String> = second.take(30).await.into_iter().map(|(payload, _)| payload).collect();
    assert_eq!(again, (20..50).map(|n| format!("car-1/{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn waits_for_a_broker_and_comes_back_to_a_restarted_one() {
    let early = Broker::start_alone(&config(), &metrics()).unwrap();
    let address = early.address();
    drop(early);
    let engine = engine(address, None);
    let again = BrokerConfig { listen: address, ..config() };
    for round in 0..3 {
        let broker = loop {
            match Broker::start_alone(&again, &metrics()) {
                Ok(broker) => break broker,
                // The former one lets go of the port a moment later.
                Err(_) => tokio::task::yield_now().await,
            }
        };
        engine.until(Status::Ready).await;
        let _vehicle = publish(address, "car-1", round..round + 1).await;
        let messages = engine.take(1).await;
        assert_eq!(messages[0].0, format!("car-1/{round}"));
        engine.subscriber.acknowledge(&[messages[0].1]);
        drop(broker);
        engine.until(Status::Connecting).await;
    }
    assert!(engine.metrics.source_disconnects.get() >= 3);
}

#[tokio::test]
async fn publishes_to_vehicles_and_needs_its_password() {
    let closed = BrokerConfig { engine_password: Some(Secret::new("pass")), ..config() };
    let broker = Broker::start_alone(&closed, &metrics()).unwrap();
    let stranger = engine(broker.address(), Some("guess"));
    let engine = engine(broker.address(), Some("pass"));
    engine.until(Status::Ready).await;
    let mut client = Client::connect(broker.address().port(), "car-1", None);
    client.mqtt.subscribe("premend/v1/car-1/down", QoS::AtLeastOnce).await.unwrap();
    client.until(|packet| matches!(packet, Packet::SubAck(_))).await;
    let vehicle = VehicleId::try_new("car-1").unwrap();
    let messages: Vec<_> = (0..1_000).map(|n| (vehicle.clone(), Bytes::from(n.to_string()))).collect();
    engine.subscriber.publish_down(&messages);
    for n in 0..1_000 {
        let Packet::Publish(publish) = client.until(|packet| matches!(packet, Packet::Publish(_))).await else {
            unreachable!()
        };
        assert_eq!(publish.payload, n.to_string());
    }
    assert_eq!(*stranger.subscriber.status().borrow(), Status::Connecting);
}

#[tokio::test]
async fn what_is_too_large_or_refused_reaches_the_engine_without_its_payload_and_stops_nothing() {
    // As an external broker would pass it on: larger than the engine keeps.
    let large = BrokerConfig { max_packet_bytes: 8 << 20, ..config() };
    let broker = Broker::start_alone(&large, &metrics()).unwrap();
    let engine = engine(broker.address(), None);
    engine.until(Status::Ready).await;
    let client = Client::connect(broker.address().port(), "car-1", None);
    let telemetry = topic::telemetry("car-1");
    client.say(&telemetry, "first").await;
    for size in [200_000, 300_000, 900_000] {
        client.say(&telemetry, vec![b'x'; size]).await;
    }
    client.say("status/car-1", "elsewhere").await;
    client.mqtt.publish(&telemetry, QoS::ExactlyOnce, false, "last").await.unwrap();
    let (queue, mut taken) = (engine.lanes.lane(0).unwrap(), Vec::new());
    while taken.len() < 6 {
        assert!(timeout(PATIENCE, queue.ready()).await.expect("something comes"));
        queue.take(&mut taken, MAX_BATCH);
    }
    let mut tokens = Vec::new();
    let came = taken.into_iter().map(|delivery| match delivery {
        Delivery::Message(arrival) => {
            tokens.push(arrival.token);
            format!("message of {}", arrival.payload.len())
        }
        Delivery::Refused(refused, token) => {
            tokens.push(token);
            format!("{} of {} by {}", refused.refusal.reason.label(), refused.refusal.size, refused.vehicle)
        }
        other => format!("{other:?}"),
    });
    let expected = [
        "message of 5",
        "message of 200000",
        "too_large of 300000 by car-1",
        "too_large of 900000 by car-1",
        "topic_mismatch of 9 by car-1",
        "message of 4",
    ];
    assert_eq!(came.collect::<Vec<_>>(), expected);
    // Acknowledged like messages, each once.
    assert!(tokens.iter().all(|token| *token != Token::default()));
    assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), 6);
    engine.subscriber.acknowledge(&tokens);
    assert_eq!(engine.metrics.source_disconnects.get(), 0);
    engine.subscriber.close();
    engine.until(Status::Ended).await;
    let next = self::engine(broker.address(), None);
    next.until(Status::Ready).await;
    client.say(&telemetry, "afterwards").await;
    assert_eq!(next.take(1).await[0].0, "afterwards", "nothing comes again");
}
