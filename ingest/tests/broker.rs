//! The embedded broker as vehicles meet it: over TCP, with a client of someone else's making.

use std::collections::HashMap;

use bytes::Bytes;
use ingest::broker::{Broker, BrokerConfig, Credentials, token};
use ingest::queue::{Limits, MAX_BATCH};
use ingest::secret::Secret;
use ingest::source::{Delivery, Source, Status};
use ingest::topic;
use rules::vehicle::VehicleId;
use rumqttc::{MqttOptions, Packet, QoS};
use tokio::time::timeout;

use crate::support::{Client, PATIENCE, config, until, world};

fn id(vehicle: &str) -> VehicleId {
    VehicleId::try_new(vehicle).expect("a vehicle id")
}

/// Publishes `count` numbered messages as each of `vehicles`, from tasks of their own.
fn publish_all(port: u16, vehicles: usize, count: usize) -> Vec<tokio::task::JoinHandle<Client>> {
    (0..vehicles)
        .map(|n| {
            tokio::spawn(async move {
                let vehicle = format!("car-{n}");
                let mut client = Client::connect(port, &vehicle, None);
                let mqtt = client.mqtt.clone();
                let publisher = tokio::spawn(async move {
                    for n in 0..count {
                        let payload = format!("{n:0>230}");
                        mqtt.publish(topic::telemetry(&vehicle), QoS::AtLeastOnce, false, payload)
                            .await
                            .expect("taken");
                    }
                });
                for _ in 0..count {
                    client.until(|packet| matches!(packet, Packet::PubAck(_))).await;
                }
                publisher.await.expect("published");
                client
            })
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_messages_pass_a_small_queue_without_loss_and_in_order() {
    let small = BrokerConfig { high_water_bytes: 256 * 1024, log_bytes: 4 * 1024 * 1024, ..config() };
    let world = world(&small, 2, Limits { bytes: 64 * 1024, deliveries: 200 });
    let publishers = publish_all(world.broker.address().port(), 20, 1_000);
    let mut next: HashMap<String, usize> = HashMap::new();
    let mut count = 0;
    while count < 20_000 {
        for queue in world.lanes.iter() {
            let ready = timeout(std::time::Duration::from_millis(1), queue.ready()).await;
            if ready.is_err() {
                continue;
            }
            let mut taken = Vec::new();
            queue.take(&mut taken, 50);
            for delivery in taken {
                let Delivery::Message(arrival) = delivery else {
                    continue;
                };
                let n: usize =
                    std::str::from_utf8(&arrival.payload).unwrap().trim_start_matches('0').parse().unwrap_or(0);
                let expected = next.entry(arrival.vehicle().to_owned()).or_default();
                assert_eq!(n, *expected, "{}", arrival.vehicle());
                *expected += 1;
                count += 1;
            }
        }
    }
    for publisher in publishers {
        publisher.await.unwrap();
    }
    until("all are counted", || world.metrics.received.get() == 20_000).await;
    assert_eq!(world.metrics.lost.get(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishers_wait_while_nobody_takes_and_nothing_is_lost() {
    let small = BrokerConfig { high_water_bytes: 128 * 1024, log_bytes: 2 * 1024 * 1024, ..config() };
    let world = world(&small, 1, Limits { bytes: 64 * 1024, deliveries: 100 });
    let publishers = publish_all(world.broker.address().port(), 10, 2_000);
    // 5 MB are on their way; a fraction of it may be taken in.
    until("the gate closes", || world.broker.lag_bytes() >= small.high_water_bytes).await;
    assert!(world.broker.lag_bytes() < 2 * 1024 * 1024, "{}", world.broker.lag_bytes());
    let queue = world.lanes.lane(0).unwrap();
    let mut taken = Vec::new();
    let mut messages = 0;
    while messages < 20_000 {
        assert!(timeout(PATIENCE, queue.ready()).await.expect("the gate opens again"));
        queue.take(&mut taken, MAX_BATCH);
        messages += taken.drain(..).filter(|delivery| matches!(delivery, Delivery::Message(_))).count();
    }
    for publisher in publishers {
        publisher.await.unwrap();
    }
    assert_eq!(world.metrics.lost.get(), 0);
}

#[tokio::test]
async fn a_vehicle_speaks_only_for_itself() {
    let world = world(&config(), 1, Limits::default());
    let port = world.broker.address().port();
    for foreign in ["premend/v1/car-2/telemetry", "premend/v1/car-1/down", "premend/v1/car-1/telemetry/x", "anything"] {
        let mut client = Client::connect(port, "car-1", None);
        client.until(|packet| matches!(packet, Packet::ConnAck(_))).await;
        client.say(foreign, "x").await;
        client.until_closed().await;
    }
    for foreign in [
        "premend/v1/car-2/down",
        "premend/v1/+/down",
        "#",
        "premend/v1/car-1/telemetry",
        "$share/a/premend/v1/car-1/down",
    ] {
        let mut client = Client::connect(port, "car-1", None);
        client.mqtt.subscribe(foreign, QoS::AtLeastOnce).await.unwrap();
        client.until_closed().await;
    }
    world.until_closed("publish", 4).await;
    world.until_closed("subscribe", 5).await;
    assert_eq!(world.metrics.received.get(), 0);
}

#[tokio::test]
async fn a_spoofed_identity_is_refused() {
    let secret = Secret::new("a secret of the fleet");
    let closed = BrokerConfig { credentials: Credentials::Token { secret: secret.clone() }, ..config() };
    let world = world(&closed, 1, Limits::default());
    let port = world.broker.address().port();
    let own = token(&secret, "car-1");
    for (client_id, user, password) in
        [("car-2", "car-1", &own[..]), ("car-2", "car-2", &own), ("car-1", "car-1", "guess")]
    {
        let mut client = Client::connect(port, client_id, Some((user, password)));
        assert!(client.until_closed().await.contains("BadUserNamePassword"));
    }
    assert!(Client::connect(port, "car-1", None).until_closed().await.contains("BadUserNamePassword"));
    world.until_closed("credentials", 4).await;
    let mut client = Client::connect(port, "car-1", Some(("car-1", &own)));
    client.until(|packet| matches!(packet, Packet::ConnAck(_))).await;
}

#[tokio::test]
async fn a_will_in_another_name_and_strange_client_ids_are_refused() {
    let world = world(&config(), 1, Limits::default());
    let port = world.broker.address().port();
    let mut options = MqttOptions::new("car-1", "127.0.0.1", port);
    options.set_last_will(rumqttc::LastWill::new("premend/v1/car-2/telemetry", "x", QoS::AtLeastOnce, false));
    assert!(Client::with(options).until_closed().await.contains("NotAuthorized"));
    for strange in ["car/1", "@engine", "LSVAA41870C123456"] {
        assert!(Client::connect(port, strange, None).until_closed().await.contains("refused"), "{strange}");
    }
}

#[tokio::test]
async fn connects_are_noticed_in_order_and_a_listener_hears_what_is_published_then() {
    let world = world(&config(), 1, Limits::default());
    let mut pending = Vec::new();
    let mut client = Client::connect(world.broker.address().port(), "car-1", None);
    client.say("premend/v1/car-1/telemetry", "1").await;
    assert!(matches!(world.next(&mut pending).await, Delivery::Connected(vehicle) if vehicle == id("car-1")));
    assert!(matches!(world.next(&mut pending).await, Delivery::Message(arrival) if &arrival.payload[..] == b"1"));
    client.mqtt.subscribe("premend/v1/car-1/down", QoS::AtLeastOnce).await.unwrap();
    assert!(matches!(world.next(&mut pending).await, Delivery::Listening(vehicle) if vehicle == id("car-1")));
    let messages: Vec<_> = (0..500).map(|n| (id("car-1"), Bytes::from(format!("{n}")))).collect();
    world.broker.publish_down(&messages);
    for n in 0..500 {
        let packet = client.until(|packet| matches!(packet, Packet::Publish(_))).await;
        let Packet::Publish(publish) = packet else { unreachable!() };
        assert_eq!(publish.payload, format!("{n}"));
    }
    assert_eq!(world.metrics.down.get(), 500);
}

#[tokio::test]
async fn a_vehicle_that_connects_again_replaces_itself_even_in_a_hurry() {
    let world = world(&config(), 1, Limits::default());
    let port = world.broker.address().port();
    let mut clients: Vec<_> = (0..20).map(|_| Client::connect(port, "car-1", None)).collect();
    let mut last = None;
    // All but one are put out; whoever was last stays.
    for mut client in clients.drain(..) {
        let outcome = timeout(std::time::Duration::from_millis(300), client.until_closed()).await;
        if outcome.is_err() {
            assert!(last.replace(client).is_none(), "two are connected");
        }
    }
    let client = last.expect("one is connected");
    client.say("premend/v1/car-1/telemetry", "still here").await;
    let mut pending = Vec::new();
    while !matches!(world.next(&mut pending).await, Delivery::Message(arrival) if &arrival.payload[..] == b"still here")
    {
    }
    world.until_closed("replaced", 19).await;
}

#[tokio::test]
async fn too_large_messages_reach_admission_and_too_large_packets_do_not() {
    let world = world(&config(), 1, Limits::default());
    let port = world.broker.address().port();
    let mut client = Client::connect(port, "car-1", None);
    client.say("premend/v1/car-1/telemetry", vec![b'x'; 100_000]).await;
    client.until(|packet| matches!(packet, Packet::PubAck(_))).await;
    client.say("premend/v1/car-1/telemetry", vec![b'x'; 300_000]).await;
    client.until_closed().await;
    world.until_closed("too_large", 1).await;
    until("the large message is delivered", || world.metrics.received_bytes.get() == 100_000).await;
}

#[tokio::test]
async fn a_will_is_published_for_who_is_lost_and_not_for_who_says_good_bye() {
    let world = world(&config(), 1, Limits::default());
    let port = world.broker.address().port();
    let with_will = |vehicle: &str| {
        let mut options = MqttOptions::new(vehicle, "127.0.0.1", port);
        options.set_last_will(rumqttc::LastWill::new(topic::telemetry(vehicle), "last", QoS::AtLeastOnce, false));
        Client::with(options)
    };
    let mut polite = with_will("car-1");
    polite.until(|packet| matches!(packet, Packet::ConnAck(_))).await;
    polite.mqtt.disconnect().await.unwrap();
    polite.until_closed().await;
    let mut lost = with_will("car-2");
    lost.until(|packet| matches!(packet, Packet::ConnAck(_))).await;
    lost.say("elsewhere", "x").await;
    let mut pending = Vec::new();
    loop {
        if let Delivery::Message(arrival) = world.next(&mut pending).await {
            assert_eq!((arrival.vehicle(), &arrival.payload[..]), ("car-2", &b"last"[..]));
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_delivers_what_was_taken_and_closing_frees_the_port() {
    let world = world(&config(), 1, Limits::default());
    let address = world.broker.address();
    for publisher in publish_all(address.port(), 4, 500) {
        publisher.await.unwrap();
    }
    world.broker.stop_reading();
    let (queue, mut taken) = (world.lanes.lane(0).unwrap(), Vec::new());
    while timeout(PATIENCE, queue.ready()).await.expect("the queue ends") {
        queue.take(&mut taken, MAX_BATCH);
    }
    let messages = taken.iter().filter(|delivery| matches!(delivery, Delivery::Message(_))).count();
    assert_eq!(messages, 2_000);
    let mut status = world.broker.status();
    timeout(PATIENCE, status.wait_for(|status| *status == Status::Ended)).await.unwrap().unwrap();
    world.broker.close();
    let again = BrokerConfig { listen: address, ..config() };
    // The runtime lets go of the socket a moment later.
    until("the port is free", || Broker::start_alone(&again, &world.metrics).is_ok()).await;
}
