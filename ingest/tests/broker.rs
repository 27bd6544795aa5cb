//! The embedded broker as vehicles meet it: over TCP, with a client of someone else's making.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use ingest::broker::{Broker, BrokerConfig, Credentials, token};
use ingest::queue::{Limits, MAX_BATCH};
use ingest::secret::Secret;
use ingest::source::{Delivery, Source, Status};
use ingest::topic;
use rules::vehicle::Reason;
use rules::vehicle::VehicleId;
use rumqttc::mqttbytes::v4::Publish;
use rumqttc::{MqttOptions, Packet, QoS, SubscribeReasonCode};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use crate::support::{Client, PATIENCE, Wire, config, until, world};

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
            let ready = timeout(Duration::from_millis(1), queue.ready()).await;
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
async fn a_vehicle_speaks_only_for_itself_and_is_heard_on() {
    let world = world(&config(), 1, Limits::default());
    let mut client = Client::connect(world.broker.address().port(), "car-1", None);
    let mut pending = Vec::new();
    assert!(matches!(world.next(&mut pending).await, Delivery::Connected(_)));
    for foreign in ["premend/v1/car-2/telemetry", "premend/v1/car-1/down", "premend/v1/car-1/telemetry/x", "anything"] {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            client.mqtt.publish(foreign, qos, true, "x").await.unwrap();
            let Delivery::Refused(refused, _) = world.next(&mut pending).await else { panic!("{foreign} passed") };
            assert_eq!((refused.vehicle.as_str(), refused.refusal.reason), ("car-1", Reason::TopicMismatch));
            match qos {
                QoS::AtMostOnce => {}
                QoS::AtLeastOnce => drop(client.until(|packet| matches!(packet, Packet::PubAck(_))).await),
                QoS::ExactlyOnce => drop(client.until(|packet| matches!(packet, Packet::PubComp(_))).await),
            }
        }
    }
    let foreign = ["premend/v1/car-2/down", "premend/v1/+/down", "#", "premend/v1/car-1/telemetry", "$SYS/#"];
    for foreign in foreign {
        client.mqtt.subscribe(foreign, QoS::AtLeastOnce).await.unwrap();
        let ack = client.until(|packet| matches!(packet, Packet::SubAck(_))).await;
        assert!(matches!(ack, Packet::SubAck(ack) if ack.return_codes == [SubscribeReasonCode::Failure]), "{foreign}");
        assert!(matches!(world.next(&mut pending).await, Delivery::Refused(refused, _) if !refused.answered));
    }
    client.mqtt.unsubscribe("#").await.unwrap();
    client.until(|packet| matches!(packet, Packet::UnsubAck(_))).await;
    client.say("premend/v1/car-1/telemetry", "heard").await;
    assert!(matches!(world.next(&mut pending).await, Delivery::Message(arrival) if &arrival.payload[..] == b"heard"));
    until("it is counted", || world.metrics.received.get() == 1).await;
    assert_eq!(world.metrics.refused.with_label_values(&["topic"]).get(), 12);
    assert_eq!(world.metrics.refused.with_label_values(&["filter"]).get(), 5);
    assert_eq!(world.closed(), 0);
}

#[tokio::test]
async fn qos_2_is_served_and_delivers_once() {
    let world = world(&config(), 1, Limits::default());
    let mut client = Client::connect(world.broker.address().port(), "car-1", None);
    let mut pending = Vec::new();
    let mqtt = client.mqtt.clone();
    let publisher = tokio::spawn(async move {
        for n in 0..500 {
            mqtt.publish("premend/v1/car-1/telemetry", QoS::ExactlyOnce, false, n.to_string()).await.expect("taken");
        }
    });
    for _ in 0..500 {
        client.until(|packet| matches!(packet, Packet::PubComp(_))).await;
    }
    publisher.await.unwrap();
    let mut said = Vec::new();
    while said.len() < 500 {
        if let Delivery::Message(arrival) = world.next(&mut pending).await {
            said.push(String::from_utf8_lossy(&arrival.payload).into_owned());
        }
    }
    assert_eq!(said, (0..500).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(pending.is_empty());
}

/// A publish as it is on the wire.
fn frame(qos: QoS, dup: bool, id: u16, payload: &str) -> BytesMut {
    let mut publish = Publish::new("premend/v1/car-1/telemetry", qos, payload);
    (publish.pkid, publish.dup) = (id, dup);
    let mut bytes = BytesMut::new();
    publish.write(&mut bytes).expect("it is short");
    bytes
}

#[tokio::test]
async fn a_publish_of_qos_2_that_is_sent_again_on_the_next_connection_is_delivered_once() {
    let world = world(&config(), 1, Limits::default());
    let mut pending = Vec::new();
    for (round, clean) in [(0, false), (1, false), (2, true)] {
        let mut wire = Wire::connect(world.broker.address(), "car-1", clean).await;
        assert_eq!(wire.session_present, round == 1, "a session that was kept, and one that was not");
        wire.send(&frame(QoS::ExactlyOnce, round > 0, 9, "once")).await;
        assert_eq!(wire.read(4).await, [0x50, 2, 0, 9], "PUBREC");
        // The connection is lost before the PUBREL.
    }
    let mut wire = Wire::connect(world.broker.address(), "car-1", true).await;
    wire.send(&[0x62, 2, 0, 9]).await;
    assert_eq!(wire.read(4).await, [0x70, 2, 0, 9], "PUBCOMP, also for what is not known any more");
    wire.send(&frame(QoS::AtLeastOnce, false, 10, "last")).await;
    let mut said = Vec::new();
    while said.last().is_none_or(|last| last != "last") {
        if let Delivery::Message(arrival) = world.next(&mut pending).await {
            said.push(String::from_utf8_lossy(&arrival.payload).into_owned());
        }
    }
    assert_eq!(said, ["once", "once", "last"], "again only for the client that began a new session");
}

#[tokio::test]
async fn who_breaks_the_protocol_is_answered_later_each_time_and_nobody_else_is() {
    let world = world(&config(), 1, Limits::default());
    let address = world.broker.address();
    let malformed: [&[u8]; 5] = [
        &[0x36, 5, 0, 1, b'a', 0, 1], // QoS 3
        &[0x32, 5, 0, 1, b'a', 0, 0], // packet id 0
        &[0x10, 2, 0, 0],             // a second CONNECT
        &[0x30, 0xff, 0xff, 0xff, 0xff, 1],
        &[0xf0, 0],
    ];
    let mut waits = Vec::new();
    for bad in malformed {
        let started = Instant::now();
        let mut wire = Wire::connect(address, "car-1", true).await;
        waits.push(started.elapsed());
        wire.send(&frame(QoS::AtLeastOnce, false, 1, "before")).await;
        assert_eq!(wire.read(4).await, [0x40, 2, 0, 1]);
        wire.send(bad).await;
        wire.until_closed().await;
        let started = Instant::now();
        drop(Wire::connect(address, "car-2", true).await);
        assert!(started.elapsed() < Duration::from_millis(400), "another client waits {:?}", started.elapsed());
    }
    world.until_closed("packet", 5).await;
    for (before, wait) in waits.iter().skip(1).enumerate() {
        let asked = Duration::from_millis(500) * (1 << before);
        assert!(*wait > asked / 2 && *wait < asked + Duration::from_secs(2), "{waits:?}");
    }
    assert_eq!(world.metrics.delayed.get(), 4);
    let (mut pending, mut named, mut said) = (Vec::new(), 0, 0);
    while named < 5 || said < 5 {
        match world.next(&mut pending).await {
            Delivery::Refused(refused, _) => {
                assert_eq!((refused.vehicle.as_str(), refused.refusal.reason), ("car-1", Reason::Unreadable));
                named += 1;
            }
            Delivery::Message(_) => said += 1,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_flood_of_what_is_refused_delays_nobody_else() {
    let world = world(&config(), 1, Limits::default());
    let address = world.broker.address();
    let flood = tokio::spawn(async move {
        let mut wire = Wire::connect(address, "flood", true).await;
        // 8 MB at QoS 0, of which the broker keeps nothing.
        let topic = b"premend/v1/flood/telemetry";
        let mut head = vec![0x30];
        let mut length = 2 + topic.len() + (8 << 20);
        while length > 0 {
            head.push((length % 128) as u8 | if length >= 128 { 0x80 } else { 0 });
            length /= 128;
        }
        head.extend((topic.len() as u16).to_be_bytes());
        head.extend(topic);
        let payload = vec![b'x'; 8 << 20];
        loop {
            wire.send(&head).await;
            wire.send(&payload).await;
        }
    });
    until("the flood is on", || world.metrics.refused.with_label_values(&["size"]).get() > 2).await;
    let mut client = Client::connect(address.port(), "car-1", None);
    let mut longest = Duration::ZERO;
    for _ in 0..50 {
        let started = Instant::now();
        client.say("premend/v1/car-1/telemetry", "x").await;
        client.until(|packet| matches!(packet, Packet::PubAck(_))).await;
        longest = longest.max(started.elapsed());
    }
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    assert_eq!(world.closed(), 0);
    flood.abort();
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
async fn a_will_in_another_name_is_refused_and_its_vehicle_is_not_but_strange_client_ids_are() {
    let world = world(&config(), 1, Limits::default());
    let port = world.broker.address().port();
    let mut options = MqttOptions::new("car-1", "127.0.0.1", port);
    options.set_last_will(rumqttc::LastWill::new("status/car-1", "gone", QoS::AtLeastOnce, true));
    let mut client = Client::with(options);
    client.say("premend/v1/car-1/telemetry", "x").await;
    client.until(|packet| matches!(packet, Packet::PubAck(_))).await;
    let mut pending = Vec::new();
    assert!(matches!(world.next(&mut pending).await, Delivery::Connected(_)));
    let Delivery::Refused(refused, _) = world.next(&mut pending).await else { panic!("the will passed") };
    assert_eq!((refused.vehicle.as_str(), refused.refusal.size, refused.answered), ("car-1", 4, false));
    assert!(refused.refusal.detail.contains("status/car-1"), "{}", refused.refusal.detail);
    assert!(matches!(world.next(&mut pending).await, Delivery::Message(_)));
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
        let outcome = timeout(Duration::from_millis(300), client.until_closed()).await;
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
async fn too_large_messages_reach_admission_and_too_large_packets_are_told_without_their_payload() {
    let world = world(&config(), 1, Limits::default());
    let mut client = Client::connect(world.broker.address().port(), "car-1", None);
    let mut pending = Vec::new();
    let acknowledged = |packet: &Packet| matches!(packet, Packet::PubAck(_) | Packet::PubComp(_));
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        for size in [100_000, 300_000, 1_000_000] {
            let payload = format!(r#"{{"x":"{}","stream":1,"seq":8}}"#, "x".repeat(size));
            client.mqtt.publish("premend/v1/car-1/telemetry", qos, false, payload.clone()).await.unwrap();
            client.until(acknowledged).await;
            let delivery = loop {
                match world.next(&mut pending).await {
                    Delivery::Connected(_) => {}
                    delivery => break delivery,
                }
            };
            if size == 100_000 {
                assert!(matches!(delivery, Delivery::Message(arrival) if arrival.payload == payload));
                continue;
            }
            let Delivery::Refused(refused, _) = delivery else { panic!("{size} bytes passed") };
            assert_eq!((refused.refusal.reason, refused.refusal.size), (Reason::TooLarge, payload.len()));
            assert_eq!(refused.refusal.sha256, *Sha256::digest(&payload));
            assert_eq!(refused.refusal.sequence.map(|sequence| sequence.seq), Some(8));
            assert!(refused.answered);
        }
    }
    assert_eq!(world.closed(), 0);
}

#[tokio::test]
async fn a_will_is_published_for_who_is_lost_and_not_for_who_says_good_bye() {
    let world = world(&config(), 1, Limits::default());
    let will = |vehicle: &str| rumqttc::LastWill::new(topic::telemetry(vehicle), "last", QoS::AtLeastOnce, false);
    let mut options = MqttOptions::new("car-1", "127.0.0.1", world.broker.address().port());
    options.set_last_will(will("car-1"));
    let mut polite = Client::with(options);
    polite.until(|packet| matches!(packet, Packet::ConnAck(_))).await;
    polite.mqtt.disconnect().await.unwrap();
    polite.until_closed().await;
    drop(Wire::connect_with(world.broker.address(), "car-2", true, Some(will("car-2"))).await);
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
