//! One client of the embedded broker, from its CONNECT to its end.
//!
//! It hands packets to rumqttd's router after checking that the client may send them, and writes
//! what the router has for it. It reads only while the gate is open.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rumqttd::Notification;
use rumqttd::local::{LinkRx, LinkTx};
use rumqttd::protocol::{
    ConnAck, Connect, ConnectReturnCode, Disconnect, DisconnectReasonCode, LastWill, Packet, Publish, QoS,
};
use tokio::net::TcpStream;
use tokio::time::{Instant as Tick, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::access::{Cause, Role};
use super::gate::Gate;
use super::packets::{End, Packets};
use crate::source::Delivery;
use crate::topic;

/// Reads from a connection that another replaces.
const LAST_READS: usize = 64;
/// Longest silence of a client that asked for no keep-alive.
const SILENCE: Duration = Duration::from_mins(20);

/// Serves one accepted connection to its end.
pub async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // Acknowledgements are small and somebody waits for them.
    let _ = stream.set_nodelay(true);
    shared.metrics.connections.inc();
    let mut packets = Packets::new(stream, shared.max_packet, shared.write_timeout);
    let end = match converse(&mut packets, &shared).await {
        Ok(()) => End::Disconnected,
        Err(end) => end,
    };
    if let End::Closed(cause) = end {
        shared.metrics.closed.with_label_values(&[cause.label()]).inc();
        tracing::debug!(cause = cause.label(), "connection closed");
    }
    shared.metrics.connections.dec();
}

async fn converse(packets: &mut Packets, shared: &Arc<Shared>) -> Result<(), End> {
    let (connect, will, role) = greet(packets, shared).await?;
    let seated = shared.seats.take(&connect.client_id).await;
    let Ok((tx, rx, accepted)) = (shared.link)(&connect.client_id, connect.clean_session) else {
        answer(packets, ConnectReturnCode::ServiceUnavailable).await;
        return Err(End::Closed(Cause::Unavailable));
    };
    let mut client = Client::new(role, tx, rx, shared, seated.leave(), &connect);
    let end = client.run(packets, accepted).await;
    client.leave(will.filter(|_| !matches!(end, Ok(()) | Err(End::Shutdown)))).await;
    // The seat is free only now that the router has been told.
    drop(seated);
    end
}

/// Reads the CONNECT and checks who that is.
async fn greet(packets: &mut Packets, shared: &Shared) -> Result<(Connect, Option<LastWill>, Role), End> {
    let first = timeout(shared.connect_timeout, packets.receive()).await;
    let Ok(Ok(Packet::Connect(connect, _, will, _, login))) = first else {
        return Err(End::Closed(Cause::NoConnect));
    };
    match shared.access.admit(&connect.client_id, login.as_ref(), will.as_ref()) {
        Ok(role) => Ok((connect, will, role)),
        Err(cause) => {
            let code = match cause {
                Cause::ClientId => ConnectReturnCode::ClientIdentifierNotValid,
                Cause::Credentials => ConnectReturnCode::BadUserNamePassword,
                _ => ConnectReturnCode::NotAuthorized,
            };
            answer(packets, code).await;
            Err(End::Closed(cause))
        }
    }
}

/// Tells a client that it is not let in; whether it hears that does not matter.
async fn answer(packets: &mut Packets, code: ConnectReturnCode) {
    if packets.write(Packet::ConnAck(ConnAck { session_present: false, code }, None)).is_ok() {
        let _ = packets.flush().await;
    }
}

/// A client that was let in.
struct Client<'s> {
    role: Role,
    /// The only topic that a vehicle publishes on.
    own_topic: Bytes,
    tx: LinkTx,
    rx: LinkRx,
    shared: &'s Shared,
    leave: CancellationToken,
    silence: Duration,
    /// Publishes sent to the client and not acknowledged by it: packet id and counted size.
    unacknowledged: VecDeque<(u16, u64)>,
}

impl<'s> Client<'s> {
    fn new(
        role: Role,
        tx: LinkTx,
        rx: LinkRx,
        shared: &'s Shared,
        leave: CancellationToken,
        connect: &Connect,
    ) -> Self {
        let own_topic = match &role {
            Role::Vehicle(vehicle) => topic::telemetry(vehicle.as_str()).into(),
            Role::Engine => Bytes::new(),
        };
        let silence = match connect.keep_alive {
            0 => SILENCE,
            seconds => Duration::from_millis(u64::from(seconds) * 1_500),
        };
        Self { role, own_topic, tx, rx, shared, leave, silence, unacknowledged: VecDeque::new() }
    }

    async fn run(&mut self, packets: &mut Packets, accepted: Notification) -> Result<(), End> {
        self.shared.metrics.connects.inc();
        self.notify(packets, accepted)?;
        packets.flush().await?;
        let (leave, stop, close) = (self.leave.clone(), self.shared.stop.clone(), self.shared.close.clone());
        let mut leave = pin!(leave.cancelled());
        let mut stop = pin!(stop.cancelled());
        let mut close = pin!(close.cancelled());
        let mut stopped = false;
        let mut heard = Instant::now();
        let mut silence = pin!(sleep_until((heard + self.silence).into()));
        // What came together with the CONNECT.
        if self.forward(packets).await? {
            return Ok(());
        }
        loop {
            // The acknowledgements of an engine are what opens the gate.
            let open = self.role == Role::Engine || self.shared.gate.is_open();
            tokio::select! {
                filled = packets.fill(), if open && !stopped => {
                    filled?;
                    heard = Instant::now();
                    if self.forward(packets).await? { return Ok(()) }
                }
                () = self.shared.gate.open(), if !open && !stopped => heard = Instant::now(),
                // The router has dropped this client.
                notification = self.rx.next() => match notification {
                    Ok(Some(notification)) => self.drain(packets, notification).await?,
                    Ok(None) => {}
                    Err(_) => return Err(End::Closed(Cause::Unavailable)),
                },
                () = &mut silence => {
                    let deadline = Tick::from(heard + self.silence);
                    // Who is not read cannot be heard.
                    if open && !stopped && deadline <= Tick::now() { return Err(End::Closed(Cause::KeepAlive)) }
                    silence.as_mut().reset(deadline.max(Tick::now() + Duration::from_secs(1)));
                }
                () = &mut leave => return self.give_way(packets).await,
                () = &mut stop, if !stopped => stopped = true,
                () = &mut close => return Err(End::Shutdown),
            }
        }
    }

    /// Takes what the client had sent before it connected anew, as far as it is here.
    async fn give_way(&mut self, packets: &mut Packets) -> Result<(), End> {
        for _ in 0..LAST_READS {
            let open = self.role == Role::Engine || self.shared.gate.is_open();
            if !open || !matches!(timeout(Duration::ZERO, packets.fill()).await, Ok(Ok(()))) {
                break;
            }
            if self.forward(packets).await? {
                return Ok(());
            }
        }
        Err(End::Closed(Cause::Replaced))
    }

    /// Hands all packets that were read to the router at once; true after a DISCONNECT.
    async fn forward(&mut self, packets: &mut Packets) -> Result<bool, End> {
        let mut last = None;
        let mut bytes = 0;
        let mut result = Ok(false);
        loop {
            let packet = match packets.next().and_then(|packet| packet.map(|packet| self.check(packet)).transpose()) {
                Ok(Some(Packet::Disconnect(..))) => {
                    result = Ok(true);
                    break;
                }
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(end) => {
                    result = Err(end);
                    break;
                }
            };
            if let Packet::Publish(publish, _) = &packet {
                bytes += Gate::size(publish);
            }
            if let Some(earlier) = last.replace(packet) {
                self.tx.buffer().push_back(earlier);
            }
        }
        // What came before a bad packet still counts.
        if let Some(packet) = last {
            self.shared.gate.accept(bytes);
            self.tx.send(packet).await.map_err(|_| End::Closed(Cause::Unavailable))?;
        }
        result
    }

    /// What the client may send, made harmless.
    fn check(&mut self, packet: Packet) -> Result<Packet, End> {
        match packet {
            Packet::Publish(publish, _) => self.check_publish(publish),
            Packet::PubAck(ack, properties) => match self.unacknowledged.pop_front() {
                Some((expected, size)) if expected == ack.pkid => {
                    if self.role == Role::Engine {
                        self.shared.gate.drain(size);
                    }
                    Ok(Packet::PubAck(ack, properties))
                }
                _ => Err(End::Closed(Cause::Acknowledgement)),
            },
            Packet::Subscribe(mut subscribe, _) => {
                if !subscribe.filters.iter().all(|filter| self.role.may_subscribe(&filter.path)) {
                    return Err(End::Closed(Cause::Subscribe));
                }
                for filter in &mut subscribe.filters {
                    filter.qos = if filter.qos == QoS::AtMostOnce { QoS::AtMostOnce } else { QoS::AtLeastOnce };
                }
                Ok(Packet::Subscribe(subscribe, None))
            }
            Packet::Unsubscribe(unsubscribe, _) => {
                if !unsubscribe.filters.iter().all(|filter| self.role.may_subscribe(filter)) {
                    return Err(End::Closed(Cause::Subscribe));
                }
                Ok(Packet::Unsubscribe(unsubscribe, None))
            }
            Packet::PingReq(_) | Packet::Disconnect(..) => Ok(packet),
            _ => Err(End::Closed(Cause::Packet)),
        }
    }

    fn check_publish(&self, mut publish: Publish) -> Result<Packet, End> {
        match self.role {
            Role::Vehicle(_) if publish.topic == self.own_topic => publish.topic = self.own_topic.clone(),
            Role::Engine if std::str::from_utf8(&publish.topic).is_ok_and(|topic| self.role.may_publish(topic)) => {}
            _ => return Err(End::Closed(Cause::Publish)),
        }
        // Retained messages would outlive erasure.
        publish.retain = false;
        Ok(Packet::Publish(publish, None))
    }

    /// Writes everything that the router has for this client.
    async fn drain(&mut self, packets: &mut Packets, first: Notification) -> Result<(), End> {
        let mut next = Some(first);
        let mut paused = false;
        while let Some(notification) = next {
            paused |= matches!(notification, Notification::Unschedule);
            self.notify(packets, notification)?;
            next = self.rx.recv_deadline(Instant::now()).ok().flatten();
        }
        packets.flush().await?;
        if paused {
            self.rx.ready().map_err(|_| End::Closed(Cause::Unavailable))?;
        }
        Ok(())
    }

    fn notify(&mut self, packets: &mut Packets, notification: Notification) -> Result<(), End> {
        let Some(packet) = Option::<Packet>::from(notification) else {
            return Ok(());
        };
        match &packet {
            Packet::ConnAck(ack, _) => self.connected(ack.session_present),
            Packet::SubAck(..) => self.listening(),
            Packet::Disconnect(..) => return Err(End::Closed(Cause::Packet)),
            _ => {}
        }
        let size = if let Packet::Publish(publish, _) = &packet { Gate::size(publish) } else { 0 };
        if let Some(id) = packets.write(packet)? {
            self.unacknowledged.push_back((id, size));
        }
        Ok(())
    }

    /// The router knows the client, and nothing that it sends now has been read yet.
    fn connected(&self, session_present: bool) {
        match &self.role {
            Role::Vehicle(vehicle) => {
                self.notice(Delivery::Connected(vehicle.clone()));
                if session_present {
                    self.listening();
                }
            }
            // A new session begins at the end of the log; an old one where it was.
            Role::Engine if !session_present => self.shared.gate.settle(),
            Role::Engine => {}
        }
    }

    /// The router delivers to the client from now on.
    fn listening(&self) {
        match &self.role {
            Role::Vehicle(vehicle) => self.notice(Delivery::Listening(vehicle.clone())),
            Role::Engine => self.shared.gate.start(),
        }
    }

    fn notice(&self, delivery: Delivery) {
        if let Some(lanes) = &self.shared.lanes {
            lanes.of(delivery.vehicle()).offer(delivery);
        }
    }

    /// Tells the router that this client is gone, after its will if that has to be published.
    async fn leave(&mut self, will: Option<LastWill>) {
        if let Some(will) = will {
            let publish = Publish::new(will.topic, will.message, false);
            self.shared.gate.accept(Gate::size(&publish));
            self.tx.buffer().push_back(Packet::Publish(publish, None));
        }
        let disconnect = Disconnect { reason_code: DisconnectReasonCode::NormalDisconnection };
        // Where the router is gone there is nobody to tell.
        let _ = self.tx.send(Packet::Disconnect(disconnect, None)).await;
    }
}
