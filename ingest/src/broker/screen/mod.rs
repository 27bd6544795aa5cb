//! What a connected client sends, made harmless: what goes on to the router, and what it is answered.
//!
//! The broker answers publishes itself, in the order in which they came. What must not go on is
//! acknowledged all the same, counted, and passed on as a refusal that names the vehicle: a standard
//! client sends a publish that nobody acknowledged first of all on every connection, for ever. Only
//! what breaks the protocol itself closes the connection.

use std::collections::VecDeque;

use bytes::Bytes;
use rules::vehicle::Reason;
use rumqttd::protocol::{
    Filter, Packet, PubAck, PubAckReason, PubComp, PubCompReason, PubRec, PubRecReason, Publish, QoS, SubAck,
    Subscribe, SubscribeReasonCode, UnsubAck, Unsubscribe,
};

use super::access::{Cause, Role};
use super::gate::Gate;
use super::packets::Incoming;
use super::publish::Head;
use super::sessions::Received;
use crate::metrics::Metrics;
use crate::refused::Refused;
use crate::skim::Skim;
use crate::topic;
use crate::topics::Topics;

/// What a refusal costs besides its bytes.
const REFUSAL: u64 = 1_024;

/// What a client is not let do, while its connection goes on. Closed, so that it can label a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A publish outside the vehicle's own topic.
    Topic,
    /// A publish beyond the size limit.
    Size,
    /// A will outside the vehicle's own topic.
    Will,
    /// A subscription outside the vehicle's own topic.
    Filter,
    /// An acknowledgement of something that was not sent.
    Acknowledgement,
}

impl Fault {
    pub const ALL: [Self; 5] = [Self::Topic, Self::Size, Self::Will, Self::Filter, Self::Acknowledgement];

    /// The word in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Size => "size",
            Self::Will => "will",
            Self::Filter => "filter",
            Self::Acknowledgement => "acknowledgement",
        }
    }
}

/// Screens one client.
pub struct Screen {
    role: Role,
    /// The topic of the wire contract that a vehicle publishes on.
    own_topic: Bytes,
    topics: Topics,
    received: Received,
    /// Publishes sent to the client and not yet acknowledged to the router, in order.
    sent: VecDeque<Sent>,
    /// SUBSCRIBEs at the router of which some filters were refused: packet id, and which were granted.
    subscribing: VecDeque<(u16, Vec<bool>)>,
    metrics: Metrics,
}

struct Sent {
    id: u16,
    /// As counted at the gate.
    size: u64,
    acknowledged: bool,
}

/// What comes of what was read at once.
#[derive(Default)]
pub struct Turn {
    /// For the router, in order.
    pub onward: Vec<Packet>,
    /// For the client, in order.
    pub replies: Vec<Packet>,
    /// Bytes of publishes for the router, as counted at the gate.
    pub accepted: u64,
    /// Bytes that an engine has acknowledged.
    pub drained: u64,
    /// What was refused, in bytes, and something for each; but not what was read past.
    pub refused_bytes: u64,
}

impl Turn {
    fn publish(&mut self, publish: Publish) {
        self.accepted += Gate::size(&publish);
        self.onward.push(Packet::Publish(publish, None));
    }
}

impl Screen {
    pub fn new(role: Role, topics: Topics, received: Received, metrics: Metrics) -> Self {
        let own_topic = match &role {
            Role::Vehicle(vehicle) => topic::telemetry(vehicle.as_str()).into(),
            Role::Engine => Bytes::new(),
        };
        Self { role, own_topic, topics, received, sent: VecDeque::new(), subscribing: VecDeque::new(), metrics }
    }

    /// Takes what the client sent; true after a DISCONNECT.
    pub fn take(&mut self, incoming: Incoming, turn: &mut Turn) -> Result<bool, Cause> {
        match incoming {
            Incoming::Publish(head, payload) => self.publish(head, payload, turn),
            Incoming::Oversize(head, skim) => self.pass_by(head, skim, turn),
            Incoming::Packet(Packet::PubRel(release, _)) => {
                self.received.release(release.pkid);
                // Also for an id that is not known: MQTT wants it, and the client would ask for ever.
                let done = PubComp { pkid: release.pkid, reason: PubCompReason::Success };
                turn.replies.push(Packet::PubComp(done, None));
            }
            Incoming::Packet(Packet::PubAck(ack, _)) => self.acknowledge(ack.pkid, turn),
            // Nothing is sent to clients at QoS 2.
            Incoming::Packet(Packet::PubRec(..) | Packet::PubComp(..)) => self.count(Fault::Acknowledgement),
            Incoming::Packet(Packet::Subscribe(subscribe, _)) => self.subscribe(subscribe, turn),
            Incoming::Packet(Packet::Unsubscribe(unsubscribe, _)) => self.unsubscribe(unsubscribe, turn),
            Incoming::Packet(ping @ Packet::PingReq(_)) => turn.onward.push(ping),
            Incoming::Packet(Packet::Disconnect(..)) => return Ok(true),
            Incoming::Packet(_) => return Err(Cause::Packet),
        }
        Ok(false)
    }

    /// What the router has for the client, as it is sent; `None` for what it was told already.
    pub fn outgoing(&mut self, packet: Packet) -> Option<Packet> {
        match packet {
            Packet::UnsubAck(..) => None,
            Packet::SubAck(mut ack, properties) => {
                let asked = self.subscribing.iter().position(|(id, _)| *id == ack.pkid);
                if let Some((_, granted)) = asked.and_then(|place| self.subscribing.remove(place)) {
                    let mut codes = ack.return_codes.into_iter();
                    let code = |granted: bool| if granted { codes.next() } else { None };
                    let codes = granted.into_iter().map(code);
                    ack.return_codes = codes.map(|code| code.unwrap_or(SubscribeReasonCode::Failure)).collect();
                }
                Some(Packet::SubAck(ack, properties))
            }
            packet => Some(packet),
        }
    }

    /// A publish of that packet id went out to the client.
    pub fn sent(&mut self, id: u16, size: u64) {
        self.sent.push_back(Sent { id, size, acknowledged: false });
    }

    /// Refuses something of the client: counted, and passed on in the vehicle's name.
    pub fn refuse(&mut self, fault: Fault, detail: &str, skim: Skim, turn: &mut Turn) {
        self.count(fault);
        turn.refused_bytes += REFUSAL;
        let (reason, answered) = match fault {
            Fault::Size => (Reason::TooLarge, true),
            Fault::Topic => (Reason::TopicMismatch, true),
            Fault::Will | Fault::Filter | Fault::Acknowledgement => (Reason::TopicMismatch, false),
        };
        self.pass_on(reason, detail, skim, answered, turn);
    }

    /// Passes on that the client broke the protocol.
    pub fn broke(&mut self, detail: &str, turn: &mut Turn) {
        self.pass_on(Reason::Unreadable, detail, Skim::default(), false, turn);
    }

    /// What the client has not released when it goes.
    pub fn into_received(self) -> Received {
        self.received
    }

    fn pass_on(&self, reason: Reason, detail: &str, skim: Skim, answered: bool, turn: &mut Turn) {
        let Role::Vehicle(vehicle) = &self.role else {
            tracing::debug!(detail, "an engine does what it may not");
            return;
        };
        let refusal = skim.refuse(reason, detail, vehicle);
        let topic = Bytes::from(topic::refused(vehicle.as_str()));
        let refused = Refused { vehicle: vehicle.clone(), refusal, answered };
        turn.publish(Publish::new(topic, refused.encode().into(), false));
    }

    fn publish(&mut self, head: Head, payload: Bytes, turn: &mut Turn) {
        let Head { topic, qos, id } = head;
        if self.is_new(qos, id) {
            if self.may_publish(&topic) {
                // Its own bytes are let go of where all messages can share some.
                let topic = if topic == self.own_topic { self.own_topic.clone() } else { topic };
                // Acknowledged here, so that the router needs not; and never retained: that would
                // outlive erasure.
                turn.publish(Publish::new(topic, payload, false));
            } else {
                turn.refused_bytes += payload.len() as u64;
                self.refuse(Fault::Topic, &foreign(&topic), Skim::of(&payload), turn);
            }
        }
        reply(qos, id, turn);
    }

    fn pass_by(&mut self, head: Head, skim: Skim, turn: &mut Turn) {
        let Head { topic, qos, id } = head;
        if self.is_new(qos, id) {
            if self.may_publish(&topic) {
                self.refuse(Fault::Size, "larger than the broker takes", skim, turn);
            } else {
                self.refuse(Fault::Topic, &foreign(&topic), skim, turn);
            }
        }
        reply(qos, id, turn);
    }

    fn is_new(&mut self, qos: QoS, id: u16) -> bool {
        qos != QoS::ExactlyOnce || self.received.is_new(id)
    }

    /// A vehicle on its own topics only, whatever the dialect.
    pub fn may_publish(&self, topic: &Bytes) -> bool {
        let topic_text = || std::str::from_utf8(topic).unwrap_or_default();
        match &self.role {
            Role::Vehicle(_) if *topic == self.own_topic => true,
            Role::Vehicle(vehicle) => self.topics.vehicle_of(topic_text()) == Some(vehicle.as_str()),
            Role::Engine => self.role.may_publish(topic_text()),
        }
    }

    fn may_subscribe(&self, filter: &str) -> bool {
        let hears = self.role == Role::Engine && self.topics.filters().any(|heard| heard == filter);
        hears || self.role.may_subscribe(filter)
    }

    /// The router wants acknowledgements in order; clients may send them as they like.
    fn acknowledge(&mut self, id: u16, turn: &mut Turn) {
        let Some(sent) = self.sent.iter_mut().find(|sent| sent.id == id && !sent.acknowledged) else {
            self.count(Fault::Acknowledgement);
            return;
        };
        sent.acknowledged = true;
        while let Some(first) = self.sent.pop_front_if(|first| first.acknowledged) {
            let ack = PubAck { pkid: first.id, reason: PubAckReason::Success };
            turn.onward.push(Packet::PubAck(ack, None));
            if self.role == Role::Engine {
                turn.drained += first.size;
            }
        }
    }

    fn subscribe(&mut self, mut subscribe: Subscribe, turn: &mut Turn) {
        let granted: Vec<bool> = subscribe.filters.iter().map(|filter| self.may_subscribe(&filter.path)).collect();
        if let Some(refused) =
            granted.iter().position(|granted| !granted).and_then(|place| subscribe.filters.get(place))
        {
            let (detail, skim) = (format!("subscribed to {}", refused.path), Skim::of(refused.path.as_bytes()));
            self.refuse(Fault::Filter, &detail, skim, turn);
        }
        subscribe.filters.retain(|filter| self.may_subscribe(&filter.path));
        if subscribe.filters.is_empty() {
            let return_codes = granted.iter().map(|_| SubscribeReasonCode::Failure).collect();
            turn.replies.push(Packet::SubAck(SubAck { pkid: subscribe.pkid, return_codes }, None));
            return;
        }
        if subscribe.filters.len() < granted.len() {
            self.subscribing.push_back((subscribe.pkid, granted));
        }
        subscribe.filters.iter_mut().for_each(at_most_qos_1);
        turn.onward.push(Packet::Subscribe(subscribe, None));
    }

    /// Answered here: the router does not answer for filters that were never subscribed.
    fn unsubscribe(&mut self, mut unsubscribe: Unsubscribe, turn: &mut Turn) {
        turn.replies.push(Packet::UnsubAck(UnsubAck { pkid: unsubscribe.pkid, reasons: Vec::new() }, None));
        unsubscribe.filters.retain(|filter| self.may_subscribe(filter));
        if !unsubscribe.filters.is_empty() {
            turn.onward.push(Packet::Unsubscribe(unsubscribe, None));
        }
    }

    fn count(&self, fault: Fault) {
        self.metrics.refused.with_label_values(&[fault.label()]).inc();
    }
}

fn at_most_qos_1(filter: &mut Filter) {
    if filter.qos == QoS::ExactlyOnce {
        filter.qos = QoS::AtLeastOnce;
    }
}

fn foreign(topic: &[u8]) -> String {
    format!("published on {}", String::from_utf8_lossy(topic))
}

fn reply(qos: QoS, id: u16, turn: &mut Turn) {
    match qos {
        QoS::AtMostOnce => {}
        QoS::AtLeastOnce => {
            turn.replies.push(Packet::PubAck(PubAck { pkid: id, reason: PubAckReason::Success }, None));
        }
        QoS::ExactlyOnce => {
            turn.replies.push(Packet::PubRec(PubRec { pkid: id, reason: PubRecReason::Success }, None));
        }
    }
}

#[cfg(test)]
mod tests;
