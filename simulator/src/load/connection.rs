//! One vehicle of the load: a socket, a template, and what it still waits for.

use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ingest::broker::token;
use ingest::down::Down;
use ingest::topic;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::packet::{self, Incoming};
use super::template::{FIRST_SEQ, Template};
use super::{LoadPlan, LoadReport};

/// Why a vehicle of the load gave up.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    #[error("connect")]
    Connect(#[source] io::Error),
    #[error("the broker refuses the connection with code {0}")]
    Refused(u8),
    #[error("the broker refuses the down topic")]
    SubscriptionRefused,
    #[error("the broker closed the connection")]
    Closed,
    #[error("write")]
    Write(#[source] io::Error),
    #[error("read")]
    Read(#[source] io::Error),
    #[error("set up a histogram")]
    Histogram(#[from] hdrhistogram::CreationError),
}

/// One connected vehicle.
pub struct Connection {
    pub vehicle: String,
    stream: TcpStream,
    template: Template,
    plan: LoadPlan,
    number: u32,
    received: Vec<u8>,
    /// When the messages that wait for an answer were due, by number modulo its length.
    due: Vec<Instant>,
    sent: u64,
    acknowledged: u64,
    committed: u64,
    last_news: Instant,
    report: LoadReport,
}

/// Without news for this long, the oldest message is sent again.
const RESEND_AFTER: Duration = Duration::from_secs(5);

impl Connection {
    /// Connects and subscribes.
    pub async fn open(plan: &LoadPlan, number: u32) -> Result<Self, ConnectionError> {
        let vehicle = plan.vehicle(number);
        let stream = TcpStream::connect((plan.host.as_str(), plan.port)).await.map_err(ConnectionError::Connect)?;
        stream.set_nodelay(true).map_err(ConnectionError::Connect)?;
        let activity = plan.activity(number);
        let template = Template::new(&vehicle, plan, activity);
        let now = Instant::now();
        let report = LoadReport {
            sent: 0,
            acknowledged: 0,
            committed: 0,
            readings: 0,
            payload_bytes: template.payload_bytes,
            first_publish: now,
            last_acknowledged: now,
            last_committed: None,
            to_acknowledged: Histogram::new_with_bounds(1, 600_000_000, 3)?,
            to_committed: Histogram::new_with_bounds(1, 600_000_000, 3)?,
        };
        let ring = plan.window.unwrap_or(0).max(plan.inflight) + 1;
        let mut connection = Self {
            stream,
            template,
            plan: plan.clone(),
            number,
            received: Vec::with_capacity(4_096),
            due: vec![now; ring],
            sent: 0,
            acknowledged: 0,
            committed: 0,
            last_news: now,
            report,
            vehicle,
        };
        connection.greet().await?;
        Ok(connection)
    }

    async fn greet(&mut self) -> Result<(), ConnectionError> {
        let password = self.plan.secret.as_ref().map(|secret| token(secret, &self.vehicle));
        let hello = packet::connect(&self.vehicle, password.as_deref());
        self.stream.write_all(&hello).await.map_err(ConnectionError::Write)?;
        let mut subscribed = false;
        loop {
            self.receive().await?;
            while let Some((incoming, length)) = packet::read(&self.received) {
                match incoming {
                    Incoming::ConnAck { refused: 0 } => {}
                    Incoming::ConnAck { refused } => return Err(ConnectionError::Refused(refused)),
                    Incoming::SubAck { refused: false } => {
                        self.consume(length);
                        return Ok(());
                    }
                    Incoming::SubAck { refused: true } => return Err(ConnectionError::SubscriptionRefused),
                    _ => {}
                }
                self.consume(length);
            }
            if !subscribed {
                subscribed = true;
                let subscribe = packet::subscribe(&topic::down(&self.vehicle));
                self.stream.write_all(&subscribe).await.map_err(ConnectionError::Write)?;
            }
        }
    }

    /// Publishes until time or messages are up, then waits for what is still unanswered.
    pub async fn run(mut self, begin: Instant) -> Result<LoadReport, ConnectionError> {
        let end = begin + self.plan.duration;
        self.report.first_publish = begin;
        self.last_news = begin;
        loop {
            let now = Instant::now();
            let more = now < end && self.plan.messages.is_none_or(|most| self.sent < most);
            if !more && (self.is_answered() || now >= end + self.plan.drain) {
                break;
            }
            let next = if more && self.may_send() { Some(self.next_due(begin, now)) } else { None };
            match next {
                Some(due) if due <= now => self.send(due).await?,
                Some(due) => self.wait(due.min(end)).await?,
                None => self.wait(now + Duration::from_millis(250)).await?,
            }
            if self.last_news.elapsed() > RESEND_AFTER && self.plan.window.is_some() && self.committed < self.sent {
                self.resend_oldest().await?;
            }
        }
        let _ = self.stream.write_all(&packet::DISCONNECT).await;
        self.report.sent = self.sent;
        self.report.acknowledged = self.acknowledged;
        self.report.committed = self.committed;
        self.report.readings = self.sent * self.template.readings as u64;
        Ok(self.report)
    }

    fn may_send(&self) -> bool {
        let unacknowledged = (self.sent - self.acknowledged) as usize;
        let uncommitted = (self.sent - self.committed) as usize;
        unacknowledged < self.plan.inflight && self.plan.window.is_none_or(|window| uncommitted < window)
    }

    fn is_answered(&self) -> bool {
        self.acknowledged == self.sent && (self.plan.window.is_none() || self.committed == self.sent)
    }

    /// When the next message is due; vehicles are spread over the interval.
    fn next_due(&self, begin: Instant, now: Instant) -> Instant {
        let Some(rate) = self.plan.rate else { return now };
        let interval = f64::from(self.plan.connections) / rate.max(1e-9);
        let place = f64::from(self.number) / f64::from(self.plan.connections.max(1));
        begin + Duration::from_secs_f64(interval * (self.sent as f64 + place))
    }

    async fn send(&mut self, due: Instant) -> Result<(), ConnectionError> {
        let ring = self.due.len() as u64;
        self.due[(self.sent % ring) as usize] = due;
        let packet = self.template.fill(self.sent);
        self.stream.write_all(packet).await.map_err(ConnectionError::Write)?;
        if self.sent == self.committed {
            self.last_news = due;
        }
        self.sent += 1;
        // Give way to the others, and see what has come.
        self.wait(due).await
    }

    async fn resend_oldest(&mut self) -> Result<(), ConnectionError> {
        self.last_news = Instant::now();
        let packet = self.template.fill(self.committed);
        self.stream.write_all(packet).await.map_err(ConnectionError::Write)
    }

    /// Takes in what comes until `until`, or returns as soon as something came.
    async fn wait(&mut self, until: Instant) -> Result<(), ConnectionError> {
        if until <= Instant::now() {
            self.receive_ready()?;
        } else if let Ok(received) = timeout_at(until.into(), self.receive()).await {
            received?;
        }
        let mut start = 0;
        let mut acknowledged = 0;
        let mut committed = None;
        while let Some((incoming, length)) = packet::read(&self.received[start..]) {
            match incoming {
                Incoming::PubAck { .. } => acknowledged += 1,
                Incoming::Publish { payload } => committed = committed.max(self.committed_in(payload)),
                _ => {}
            }
            start += length;
        }
        self.received.drain(..start);
        self.take_acknowledged(acknowledged);
        self.take_committed(committed);
        Ok(())
    }

    fn committed_in(&self, payload: &[u8]) -> Option<u64> {
        match Down::decode(payload) {
            Ok(Down::Committed { stream, seq }) if stream == self.plan.stream => {
                (seq + 1).checked_sub(FIRST_SEQ).map(|count| count.min(self.sent))
            }
            _ => None,
        }
    }

    fn take_acknowledged(&mut self, count: u64) {
        let now = Instant::now();
        // A resent message is acknowledged twice.
        for _ in 0..count.min(self.sent - self.acknowledged) {
            let due = self.due_of(self.acknowledged);
            record(&mut self.report.to_acknowledged, now, due);
            self.acknowledged += 1;
            self.report.last_acknowledged = now;
        }
    }

    fn take_committed(&mut self, committed: Option<u64>) {
        let Some(until) = committed.filter(|until| *until > self.committed) else { return };
        let now = Instant::now();
        for seq in self.committed..until {
            let due = self.due_of(seq);
            record(&mut self.report.to_committed, now, due);
        }
        self.committed = until;
        self.last_news = now;
        self.report.last_committed = Some(now);
    }

    fn due_of(&self, seq: u64) -> Instant {
        self.due[(seq % self.due.len() as u64) as usize]
    }

    async fn receive(&mut self) -> Result<(), ConnectionError> {
        match self.stream.read_buf(&mut self.received).await.map_err(ConnectionError::Read)? {
            0 => Err(ConnectionError::Closed),
            _ => Ok(()),
        }
    }

    /// Reads what is there without waiting.
    fn receive_ready(&mut self) -> Result<(), ConnectionError> {
        match self.stream.try_read_buf(&mut self.received) {
            Ok(0) => Err(ConnectionError::Closed),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(ConnectionError::Read(error)),
        }
    }

    fn consume(&mut self, length: usize) {
        self.received.drain(..length.min(self.received.len()));
    }
}

fn record(histogram: &mut Histogram<u64>, now: Instant, due: Instant) {
    let micros = now.saturating_duration_since(due).as_micros() as u64;
    histogram.saturating_record(micros.max(1));
}
