//! Everything a client may send, right and wrong: what goes on, what it is answered, what is told.

use rules::vehicle::VehicleId;
use rumqttd::protocol::{PubRel, PubRelReason, RetainForwardRule};

use super::*;

fn screen(role: Role) -> Screen {
    Screen::new(role, Topics::default(), Received::default(), Metrics::new(&prometheus::Registry::new()).unwrap())
}

fn vehicle() -> Screen {
    screen(Role::Vehicle(VehicleId::try_new("car-1").unwrap()))
}

fn publish(topic: &[u8], qos: QoS, id: u16, payload: &[u8]) -> Incoming {
    Incoming::Publish(Head { topic: Bytes::copy_from_slice(topic), qos, id }, Bytes::copy_from_slice(payload))
}

fn oversize(topic: &str, qos: QoS, id: u16) -> Incoming {
    Incoming::Oversize(Head { topic: topic.to_owned().into(), qos, id }, Skim::of(&vec![b'x'; 300_000]))
}

fn packet(packet: Packet) -> Incoming {
    Incoming::Packet(packet)
}

fn filters(paths: &[&str]) -> Incoming {
    let filter = |path: &&str| Filter {
        path: (*path).to_owned(),
        qos: QoS::ExactlyOnce,
        nolocal: false,
        preserve_retain: false,
        retain_forward_rule: RetainForwardRule::OnEverySubscribe,
    };
    packet(Packet::Subscribe(Subscribe { pkid: 5, filters: paths.iter().map(filter).collect() }, None))
}

fn release(id: u16) -> Incoming {
    packet(Packet::PubRel(PubRel { pkid: id, reason: PubRelReason::Success }, None))
}

fn take(screen: &mut Screen, incoming: Incoming) -> Turn {
    let mut turn = Turn::default();
    assert!(!screen.take(incoming, &mut turn).unwrap());
    turn
}

/// What goes on as the vehicle's message.
fn messages(turn: &Turn) -> usize {
    let own = |packet: &&Packet| matches!(packet, Packet::Publish(publish, _) if publish.topic == "premend/v1/car-1/telemetry");
    turn.onward.iter().filter(own).count()
}

/// The summary of what does not pass.
fn told(turn: &Turn) -> Vec<Refused> {
    let read = |packet: &Packet| match packet {
        Packet::Publish(publish, _) => {
            let vehicle = topic::refused_of(std::str::from_utf8(&publish.topic).ok()?)?;
            Refused::decode(vehicle, &publish.payload)
        }
        _ => None,
    };
    turn.onward.iter().filter_map(read).collect()
}

/// The reply to a publish.
fn answer(turn: &Turn) -> Option<(&'static str, u16)> {
    assert!(turn.replies.len() <= 1);
    turn.replies.first().map(|packet| match packet {
        Packet::PubAck(ack, _) => ("PUBACK", ack.pkid),
        Packet::PubRec(ack, _) => ("PUBREC", ack.pkid),
        Packet::PubComp(ack, _) => ("PUBCOMP", ack.pkid),
        other => panic!("{other:?}"),
    })
}

const QUALITIES: [(QoS, u16, Option<&str>); 3] =
    [(QoS::AtMostOnce, 0, None), (QoS::AtLeastOnce, 7, Some("PUBACK")), (QoS::ExactlyOnce, 8, Some("PUBREC"))];

#[test]
fn the_own_topic_goes_on_and_every_other_is_acknowledged_and_told() {
    let payload = br#"{"stream":1,"seq":18,"ts":"2026-01-01T00:00:00Z","signals":{}}"#;
    for (qos, id, reply) in QUALITIES {
        let mut screen = vehicle();
        let turn = take(&mut screen, publish(b"premend/v1/car-1/telemetry", qos, id, payload));
        assert_eq!((messages(&turn), told(&turn).len(), turn.refused_bytes), (1, 0, 0));
        assert_eq!(answer(&turn), reply.map(|reply| (reply, id)));
        let foreign: [&[u8]; 13] = [
            b"",
            b"/",
            b"$SYS/broker/clients",
            b"premend/v1/+/telemetry",
            b"premend/v1/#",
            b"premend/v1/car-2/telemetry",
            b"premend/v1/@car-1/telemetry",
            b"premend/v1/@car-2/telemetry",
            b"premend/v1/car-1/down",
            b"premend/v1/car-1/telemetry/",
            b"premend/v1/car-1/telemetry\0",
            b"\xff\xfe/\xc0",
            b"status/car-1",
        ];
        for topic in foreign {
            let mut screen = vehicle();
            let turn = take(&mut screen, publish(topic, qos, id, payload));
            assert_eq!(messages(&turn), 0, "{topic:?}");
            assert_eq!(answer(&turn), reply.map(|reply| (reply, id)));
            let told = told(&turn);
            let [refused] = &told[..] else { panic!("{topic:?}") };
            assert_eq!(refused.refusal.reason, Reason::TopicMismatch);
            assert_eq!(
                (refused.vehicle.as_str(), refused.refusal.size, refused.answered),
                ("car-1", payload.len(), true)
            );
            assert_eq!(refused.refusal.sequence.map(|sequence| sequence.seq), Some(18));
            assert_eq!(screen.metrics.refused.with_label_values(&["topic"]).get(), 1);
            assert!(turn.refused_bytes as usize > payload.len());
        }
    }
}

#[test]
fn what_is_too_large_is_acknowledged_and_told_without_its_payload() {
    for (qos, id, reply) in QUALITIES {
        for (topic, reason) in
            [("premend/v1/car-1/telemetry", Reason::TooLarge), ("premend/v1/car-2/telemetry", Reason::TopicMismatch)]
        {
            let turn = take(&mut vehicle(), oversize(topic, qos, id));
            assert_eq!(answer(&turn), reply.map(|reply| (reply, id)));
            let told = told(&turn);
            assert_eq!((told[0].refusal.reason, told[0].refusal.size), (reason, 300_000));
            assert!(turn.accepted < 2_000);
        }
    }
}

#[test]
fn qos_2_is_delivered_once_until_it_is_released() {
    let mut screen = vehicle();
    let own = b"premend/v1/car-1/telemetry";
    let mut delivered = 0;
    for _ in 0..3 {
        let turn = take(&mut screen, publish(own, QoS::ExactlyOnce, 8, b"x"));
        assert_eq!(answer(&turn), Some(("PUBREC", 8)));
        delivered += messages(&turn);
    }
    assert_eq!(delivered, 1);
    // Also released twice, and one that nobody knows.
    for id in [8, 8, 9] {
        assert_eq!(answer(&take(&mut screen, release(id))), Some(("PUBCOMP", id)));
    }
    assert_eq!(messages(&take(&mut screen, publish(own, QoS::ExactlyOnce, 8, b"y"))), 1);
    // What is refused is refused once as well.
    let refused: usize =
        (0..3).map(|_| told(&take(&mut screen, publish(b"other", QoS::ExactlyOnce, 10, b"z"))).len()).sum();
    assert_eq!(refused, 1);
    let mut next = Screen::new(
        screen.role.clone(),
        Topics::default(),
        screen.into_received(),
        Metrics::new(&prometheus::Registry::new()).unwrap(),
    );
    assert_eq!(messages(&take(&mut next, publish(own, QoS::ExactlyOnce, 8, b"y"))), 0, "on the next connection too");
}

#[test]
fn acknowledgements_reach_the_router_in_order_and_strange_ones_do_not() {
    let mut screen = screen(Role::Engine);
    for id in 1..=4 {
        screen.sent(id, 10);
    }
    let mut acknowledge = |id| {
        let turn = take(&mut screen, packet(Packet::PubAck(PubAck { pkid: id, reason: PubAckReason::Success }, None)));
        let ids: Vec<u16> =
            turn.onward.iter().map(|packet| if let Packet::PubAck(ack, _) = packet { ack.pkid } else { 0 }).collect();
        (ids, turn.drained)
    };
    assert_eq!(acknowledge(2), (vec![], 0));
    assert_eq!(acknowledge(99), (vec![], 0));
    assert_eq!(acknowledge(1), (vec![1, 2], 20));
    assert_eq!(acknowledge(1), (vec![], 0));
    assert_eq!(acknowledge(3), (vec![3], 10));
    assert_eq!(acknowledge(4), (vec![4], 10));
    assert_eq!(screen.metrics.refused.with_label_values(&["acknowledgement"]).get(), 2);
}

#[test]
fn a_foreign_filter_fails_alone() {
    let codes = |packet: &Packet| match packet {
        Packet::SubAck(ack, _) => ack.return_codes.clone(),
        other => panic!("{other:?}"),
    };
    let mut screen = vehicle();
    let turn = take(&mut screen, filters(&["#", "premend/v1/car-2/down"]));
    assert_eq!(codes(&turn.replies[0]), [SubscribeReasonCode::Failure, SubscribeReasonCode::Failure]);
    assert_eq!((told(&turn).len(), told(&turn)[0].answered), (1, false));

    let turn = take(&mut screen, filters(&["#", "premend/v1/car-1/down", "$SYS/#"]));
    assert!(turn.replies.is_empty());
    let Some(Packet::Subscribe(onward, _)) = turn.onward.last() else { panic!("{:?}", turn.onward) };
    assert_eq!((onward.filters.len(), onward.filters[0].qos), (1, QoS::AtLeastOnce));
    let ack = SubAck { pkid: 5, return_codes: vec![SubscribeReasonCode::QoS1] };
    let sent = screen.outgoing(Packet::SubAck(ack.clone(), None)).unwrap();
    let failure = SubscribeReasonCode::Failure;
    assert_eq!(codes(&sent), [failure, SubscribeReasonCode::QoS1, failure]);
    let next = screen.outgoing(Packet::SubAck(ack.clone(), None)).unwrap();
    assert_eq!(codes(&next), ack.return_codes, "the next one is as it is");
}

#[test]
fn every_unsubscribe_is_answered_once() {
    let mut screen = vehicle();
    for filters in [vec!["#"], vec!["premend/v1/car-1/down"], vec!["premend/v1/car-1/down", "x"]] {
        let filters = filters.into_iter().map(str::to_owned).collect();
        let turn = take(&mut screen, packet(Packet::Unsubscribe(Unsubscribe { pkid: 3, filters }, None)));
        assert!(matches!(&turn.replies[..], [Packet::UnsubAck(ack, _)] if ack.pkid == 3));
        assert!(turn.onward.len() <= 1);
    }
    let second = Packet::UnsubAck(UnsubAck { pkid: 3, reasons: Vec::new() }, None);
    assert!(screen.outgoing(second).is_none());
}

#[test]
fn a_packet_that_no_client_sends_closes_the_connection() {
    let ack = SubAck { pkid: 1, return_codes: Vec::new() };
    let mut turn = Turn::default();
    assert_eq!(vehicle().take(packet(Packet::SubAck(ack, None)), &mut turn), Err(Cause::Packet));
}
