//! One client of the embedded broker, from its CONNECT to its end.
//!
//! It hands on to rumqttd's router what the screen lets through, and writes what the router and the
//! screen have for the client. It reads only while the gate is open.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttd::Notification;
use rumqttd::local::{LinkRx, LinkTx};
use rumqttd::protocol::{
    ConnAck, Connect, ConnectReturnCode, Disconnect, DisconnectReasonCode, LastWill, Packet, Publish,
};
use tokio::net::TcpStream;
use tokio::time::{Instant as Tick, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::access::{Cause, Role};
use super::gate::Gate;
use super::packets::{End, Packets};
use super::screen::{Fault, Screen, Turn};
use crate::skim::Skim;
use crate::source::Delivery;

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
    let leave = seated.leave();
    make_wait(&connect.client_id, &leave, shared).await?;
    let Ok((tx, rx, accepted)) = (shared.link)(&connect.client_id, connect.clean_session) else {
        answer(packets, ConnectReturnCode::ServiceUnavailable).await;
        return Err(End::Closed(Cause::Unavailable));
    };
    let received = shared.sessions.resume(&connect.client_id, session_present(&accepted));
    let screen = Screen::new(role.clone(), shared.topics.clone(), received, shared.metrics.clone());
    let mut client = Client::new(role, screen, tx, rx, shared, leave, &connect);
    let will = client.keep_own(will);
    let end = client.run(packets, accepted).await;
    client.leave(&end, will.filter(|_| !matches!(end, Ok(()) | Err(End::Shutdown)))).await;
    if !connect.clean_session {
        shared.sessions.leave(&connect.client_id, client.screen.into_received());
    }
    // The seat is free only now that the router has been told.
    drop(seated);
    end
}

/// Answers a client that broke the protocol before only after a while. It has its seat meanwhile, so
/// that of one client only the latest connection waits.
async fn make_wait(client: &str, leave: &CancellationToken, shared: &Shared) -> Result<(), End> {
    let Some(from) = shared.conduct.answered_from(client, Instant::now()) else { return Ok(()) };
    shared.metrics.delayed.inc();
    tokio::select! {
        () = sleep_until(from.into()) => Ok(()),
        () = leave.cancelled() => Err(End::Closed(Cause::Replaced)),
        () = shared.stop.cancelled() => Err(End::Shutdown),
    }
}

fn session_present(accepted: &Notification) -> bool {
    let packet = Option::<Packet>::from(accepted.clone());
    matches!(packet, Some(Packet::ConnAck(ack, _)) if ack.session_present)
}

/// Reads the CONNECT and checks who that is.
async fn greet(packets: &mut Packets, shared: &Shared) -> Result<(Connect, Option<LastWill>, Role), End> {
    let first = timeout(shared.connect_timeout, packets.receive_connect()).await;
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
    id: String,
    role: Role,
    screen: Screen,
    /// What comes of the present read; kept for its room.
    turn: Turn,
    tx: LinkTx,
    rx: LinkRx,
    shared: &'s Shared,
    leave: CancellationToken,
    silence: Duration,
    /// Until when it is not read, having sent too much to be refused.
    rest: Option<Tick>,
}

impl<'s> Client<'s> {
    fn new(
        role: Role,
        screen: Screen,
        tx: LinkTx,
        rx: LinkRx,
        shared: &'s Shared,
        leave: CancellationToken,
        connect: &Connect,
    ) -> Self {
        let silence = match connect.keep_alive {
            0 => SILENCE,
            seconds => Duration::from_millis(u64::from(seconds) * 1_500),
        };
        let id = connect.client_id.clone();
        Self { id, role, screen, turn: Turn::default(), tx, rx, shared, leave, silence, rest: None }
    }

    /// The will, if it is for the client's own topic; else it is refused and the client is not.
    fn keep_own(&mut self, will: Option<LastWill>) -> Option<LastWill> {
        let will = will?;
        if self.screen.may_publish(&will.topic) {
            return Some(will);
        }
        let topic = String::from_utf8_lossy(&will.topic);
        self.screen.refuse(Fault::Will, &format!("its will is for {topic}"), Skim::of(&will.message), &mut self.turn);
        None
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
            let rests = self.rest.is_some();
            tokio::select! {
                filled = packets.fill(), if open && !stopped && !rests => {
                    filled?;
                    heard = Instant::now();
                    if self.forward(packets).await? { return Ok(()) }
                }
                () = sleep_until(self.rest.unwrap_or_else(Tick::now)), if rests => {
                    self.rest = None;
                    heard = Instant::now();
                }
                () = self.shared.gate.open(), if !open && !stopped => heard = Instant::now(),
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

    /// Takes what the client had sent before it connected again, as far as it is here. It is not
    /// answered: a dead connection would keep the next one waiting.
    async fn give_way(&mut self, packets: &mut Packets) -> Result<(), End> {
        for _ in 0..LAST_READS {
            let open = self.role == Role::Engine || self.shared.gate.is_open();
            if !open || !matches!(timeout(Duration::ZERO, packets.fill()).await, Ok(Ok(()))) {
                break;
            }
            if self.take_in(packets).await? {
                return Ok(());
            }
        }
        Err(End::Closed(Cause::Replaced))
    }

    /// Takes all packets that were read and answers them; true after a DISCONNECT.
    async fn forward(&mut self, packets: &mut Packets) -> Result<bool, End> {
        let result = self.take_in(packets).await;
        packets.flush().await?;
        let refused = std::mem::take(&mut self.turn.refused_bytes) + packets.take_passed();
        if refused > 0 {
            let now = Instant::now();
            self.rest = self.shared.conduct.spend(&self.id, refused, now).map(|pause| (now + pause).into());
            // One client's rubbish is not all that there is to read.
            tokio::task::yield_now().await;
        }
        result
    }

    /// Hands what was read to the router at once, and writes the answers without sending them.
    async fn take_in(&mut self, packets: &mut Packets) -> Result<bool, End> {
        let result = loop {
            let incoming = match packets.next() {
                Ok(Some(incoming)) => incoming,
                Ok(None) => break Ok(false),
                Err(end) => break Err(end),
            };
            match self.screen.take(incoming, &mut self.turn) {
                Ok(false) => {}
                Ok(true) => break Ok(true),
                Err(cause) => break Err(End::Closed(cause)),
            }
        };
        // What came before a bad packet still counts.
        self.hand_over().await?;
        for reply in self.turn.replies.drain(..) {
            packets.write(reply)?;
        }
        result
    }

    async fn hand_over(&mut self) -> Result<(), End> {
        if self.turn.drained > 0 {
            self.shared.gate.drain(std::mem::take(&mut self.turn.drained));
        }
        let Some(last) = self.turn.onward.pop() else { return Ok(()) };
        self.shared.gate.accept(std::mem::take(&mut self.turn.accepted));
        self.tx.buffer().extend(self.turn.onward.drain(..));
        self.tx.send(last).await.map_err(|_| End::Closed(Cause::Unavailable))?;
        Ok(())
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
        let packet = Option::<Packet>::from(notification).and_then(|packet| self.screen.outgoing(packet));
        let Some(packet) = packet else { return Ok(()) };
        match &packet {
            Packet::ConnAck(ack, _) => self.connected(ack.session_present),
            Packet::SubAck(..) => self.listening(),
            // The router has dropped this client.
            Packet::Disconnect(..) => return Err(End::Closed(Cause::Unavailable)),
            _ => {}
        }
        let size = if let Packet::Publish(publish, _) = &packet { Gate::size(publish) } else { 0 };
        if let Some(id) = packets.write(packet)? {
            self.screen.sent(id, size);
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

    /// Tells the router that this client is gone, after its will if that has to be published, and
    /// remembers what it did.
    async fn leave(&mut self, end: &Result<(), End>, will: Option<LastWill>) {
        if let Err(End::Closed(cause @ (Cause::Packet | Cause::TooLarge))) = end {
            self.shared.conduct.breach(&self.id, Instant::now());
            self.screen.broke(&format!("its connection was closed: {}", cause.label()), &mut self.turn);
        }
        if let Some(will) = will {
            let publish = Publish::new(will.topic, will.message, false);
            self.turn.accepted += Gate::size(&publish);
            self.turn.onward.push(Packet::Publish(publish, None));
        }
        let disconnect = Disconnect { reason_code: DisconnectReasonCode::NormalDisconnection };
        self.turn.onward.push(Packet::Disconnect(disconnect, None));
        // Where the router is gone there is nobody to tell.
        let _ = self.hand_over().await;
    }
}
