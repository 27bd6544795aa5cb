//! One vehicle's telematics unit at work.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ingest::broker::token;
use ingest::down::Down;
use ingest::topic;
use rules::unit::Time;
use rules::vehicle::VehicleId;
use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Packet, QoS, SubscribeReasonCode};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Link, Notices, OutboxFile, OutboxFileError, Pace, Source};
use crate::frame::Frame;
use crate::outbox::{Answer, Outbox};
use crate::trouble::{Defects, Disorder, Fate};

/// What one unit has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitReport {
    pub vehicle: VehicleId,
    pub published: u64,
    pub committed: u64,
    pub unreadable: u64,
    pub waiting: usize,
    pub notices: usize,
    pub connects: u64,
}

/// One unit.
pub struct Unit {
    vehicle: VehicleId,
    number: u32,
    source: Source,
    /// Pulled and not yet due.
    next: Option<Frame>,
    taken: u64,
    exhausted: bool,
    outbox: Outbox,
    file: Option<OutboxFile>,
    defects: Defects,
    disorder: Disorder,
    /// Held up on the way.
    underway: BinaryHeap<Reverse<(Time, u64, Vec<u8>)>>,
    notices: Notices,
    last_progress: Instant,
    report: UnitReport,
    link: Arc<Link>,
}

impl Unit {
    /// A unit that continues where its outbox file says, or begins.
    pub fn open(link: Arc<Link>, vehicle: VehicleId, number: u32, mut source: Source) -> Result<Self, OutboxFileError> {
        let (file, outbox, taken) = match &link.folder {
            Some(folder) => {
                let path = folder.join(format!("{vehicle}.outbox"));
                let (file, outbox, taken) = OutboxFile::open(&path, link.stream, link.window)?;
                (Some(file), outbox, taken)
            }
            None => (None, Outbox::new(link.stream, link.window), 0),
        };
        let mut defects = Defects::new(link.troubles, link.seed, number);
        for _ in 0..taken {
            if let Some(mut frame) = source.next() {
                defects.bend(&mut frame);
                defects.contradict(&frame);
            }
        }
        let report = UnitReport {
            vehicle: vehicle.clone(),
            published: 0,
            committed: 0,
            unreadable: 0,
            waiting: 0,
            notices: 0,
            connects: 0,
        };
        Ok(Self {
            defects,
            disorder: Disorder::new(link.troubles, link.seed, number),
            vehicle,
            number,
            source,
            next: None,
            taken,
            exhausted: false,
            outbox,
            file,
            underway: BinaryHeap::new(),
            notices: Notices::default(),
            last_progress: Instant::now(),
            report,
            link,
        })
    }

    /// Runs until its frames are all committed, or until it is stopped.
    pub async fn run(mut self, stop: CancellationToken) -> Result<UnitReport, OutboxFileError> {
        let (client, eventloop) = AsyncClient::new(self.options(), 64);
        // A poll that is dropped half way may lose a packet, so it is kept until it is done.
        let mut polling = Box::pin(poll(eventloop));
        let mut online = false;
        let mut pause = Duration::from_millis(100);
        loop {
            let wake = if online { self.work(&client)? } else { Instant::now() + Duration::from_hours(1) };
            if self.is_done() {
                break;
            }
            let (eventloop, event) = tokio::select! {
                () = stop.cancelled() => break,
                () = sleep_until(wake) => continue,
                polled = &mut polling => polled,
            };
            match event {
                Ok(event) => {
                    online = self.take(event, &client, online)?;
                    pause = Duration::from_millis(100);
                }
                Err(error) => {
                    debug!(vehicle.id = %self.vehicle, error = %error, "connection lost");
                    online = false;
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(self.jitter(pause)) => pause = (pause * 2).min(Duration::from_secs(5)),
                    }
                }
            }
            polling = Box::pin(poll(eventloop));
        }
        hang_up(&client, polling).await;
        self.report.waiting = self.outbox.len();
        self.report.notices = self.notices.shown().count();
        Ok(self.report)
    }

    fn options(&self) -> MqttOptions {
        let mut options = MqttOptions::new(self.vehicle.as_str(), &self.link.host, self.link.port);
        options.set_keep_alive(Duration::from_secs(30));
        options.set_clean_session(true);
        options.set_inflight(u16::try_from(self.link.window.clamp(16, 1_024)).unwrap_or(512));
        if let Some(secret) = &self.link.secret {
            options.set_credentials(self.vehicle.as_str(), token(secret, self.vehicle.as_str()));
        }
        options.set_max_packet_size(256 * 1024, 256 * 1024);
        options
    }

    /// Takes in an event; returns whether the unit is online.
    fn take(&mut self, event: Event, client: &AsyncClient, online: bool) -> Result<bool, OutboxFileError> {
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                self.report.connects += 1;
                self.link.traffic.online.fetch_add(1, Ordering::Relaxed);
                if client.try_subscribe(topic::down(self.vehicle.as_str()), QoS::AtLeastOnce).is_err() {
                    warn!(vehicle.id = %self.vehicle, "the request queue is full at connect");
                }
                Ok(false)
            }
            Event::Incoming(Packet::SubAck(ack)) => {
                if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                    warn!(vehicle.id = %self.vehicle, "the broker refuses the down topic");
                }
                self.outbox.begin_again();
                self.last_progress = Instant::now();
                Ok(true)
            }
            Event::Incoming(Packet::Publish(publish)) => {
                if let Ok(down) = Down::decode(&publish.payload) {
                    self.hear(down)?;
                }
                Ok(online)
            }
            _ => Ok(online),
        }
    }

    fn hear(&mut self, down: Down) -> Result<(), OutboxFileError> {
        match self.outbox.hear(&down) {
            Answer::Committed(count) => {
                self.report.committed += count;
                self.link.traffic.committed.fetch_add(count, Ordering::Relaxed);
                self.last_progress = Instant::now();
                if let (Some(file), Down::Committed { seq, .. }) = (&mut self.file, &down) {
                    file.committed(*seq)?;
                }
            }
            Answer::Dropped => {
                self.report.unreadable += 1;
                self.last_progress = Instant::now();
            }
            Answer::Nothing => {}
        }
        let now = match self.link.clock.pace() {
            Pace::Times(_) => self.link.clock.now(),
            Pace::AsCommitted => self.next.as_ref().map_or(Time::NEVER, |frame| frame.at),
        };
        self.notices.hear(down, now);
        Ok(())
    }

    /// Pulls, keeps and sends whatever can be; returns when to look again.
    fn work(&mut self, client: &AsyncClient) -> Result<Instant, OutboxFileError> {
        while self.outbox.has_room() && self.keep_next()? {}
        if !self.outbox.is_empty() && self.last_progress.elapsed() >= self.link.resend_after {
            self.outbox.begin_again();
            self.last_progress = Instant::now();
        }
        self.send(client);
        let mut wake = self.last_progress + self.link.resend_after;
        if self.outbox.is_empty() {
            wake = Instant::now() + Duration::from_hours(1);
        }
        if let Some(frame) = self.next.as_ref().filter(|_| self.outbox.has_room()) {
            wake = wake.min(self.link.clock.when(frame.at));
        }
        if let Some(Reverse((due, ..))) = self.underway.peek() {
            wake = wake.min(self.link.clock.when(*due));
        }
        Ok(wake)
    }

    /// Numbers the next message if its time has come; false if there is none.
    fn keep_next(&mut self) -> Result<bool, OutboxFileError> {
        let (frames, count) = self.take_due();
        if frames.is_empty() && !self.notices.has_unreported() {
            return Ok(false);
        }
        self.taken += count;
        let fate = if frames.is_empty() { Fate::Sound } else { self.defects.fate() };
        match fate {
            Fate::Hole => {
                if let Some(file) = &mut self.file {
                    file.skipped(self.outbox.next_seq(), count)?;
                }
                self.outbox.skip();
                return Ok(true);
            }
            Fate::LostStore => {
                self.outbox.lose_store();
                if let Some(file) = &mut self.file {
                    file.lost(self.outbox.stream(), self.taken - count)?;
                }
            }
            Fate::Sound | Fate::Corrupt => {}
        }
        if self.outbox.is_empty() {
            self.last_progress = Instant::now();
        }
        self.outbox.push(frames, self.notices.take_unreported());
        if fate == Fate::Corrupt {
            let defects = &mut self.defects;
            self.outbox.damage_last(|bytes| defects.corrupt(bytes));
        }
        if let Some(file) = &mut self.file {
            file.kept(&self.outbox, count)?;
        }
        Ok(true)
    }

    /// The frames of the next message, and how many of them were measured: some are told twice.
    fn take_due(&mut self) -> (Vec<Frame>, u64) {
        let mut frames = Vec::with_capacity(self.link.frames_per_message);
        let mut count = 0;
        while frames.len() < self.link.frames_per_message {
            self.peek();
            let now = self.link.clock.now();
            let Some(mut frame) = self.next.take_if(|frame| frame.at <= now) else { break };
            self.defects.bend(&mut frame);
            count += 1;
            let twin = self.defects.contradict(&frame);
            frames.push(frame);
            frames.extend(twin);
        }
        (frames, count)
    }

    fn peek(&mut self) {
        if self.next.is_some() || self.exhausted {
            return;
        }
        let next = self.source.next();
        self.next = next.filter(|frame| self.link.end.is_none_or(|end| frame.at < end));
        self.exhausted = self.next.is_none();
        let news = self.source.news();
        if !news.is_empty()
            && let Ok(mut truths) = self.link.truths.lock()
        {
            truths.extend(news);
        }
    }

    fn send(&mut self, client: &AsyncClient) {
        // Troubles on the way take time; where there is no time, there are none.
        let direct = self.link.troubles.is_none() || self.link.clock.pace() == Pace::AsCommitted;
        let now = self.link.clock.now();
        while let Some(payload) = self.outbox.next_to_send() {
            if !direct {
                self.delay(now, &payload);
            } else if !self.publish(client, &payload) {
                self.outbox.unsend();
                return;
            }
        }
        while let Some(Reverse((due, ordinal, payload))) = self.underway.pop() {
            if due > now || !self.publish(client, &payload) {
                self.underway.push(Reverse((due, ordinal, payload)));
                return;
            }
        }
    }

    /// False if the connection takes no more for now.
    fn publish(&mut self, client: &AsyncClient, payload: &[u8]) -> bool {
        let topic = topic::telemetry(self.vehicle.as_str());
        let taken = client.try_publish(topic, QoS::AtLeastOnce, false, payload).is_ok();
        self.report.published += u64::from(taken);
        self.link.traffic.published.fetch_add(u64::from(taken), Ordering::Relaxed);
        taken
    }

    fn delay(&mut self, now: Time, payload: &[u8]) {
        for due in self.disorder.arrivals(now) {
            let ordinal = self.report.published + self.underway.len() as u64;
            self.underway.push(Reverse((due, ordinal, payload.to_vec())));
        }
    }

    fn is_done(&self) -> bool {
        self.exhausted && self.next.is_none() && self.outbox.is_empty() && !self.notices.has_unreported()
    }

    /// Spreads reconnects of a fleet, by the vehicle's number.
    fn jitter(&self, pause: Duration) -> Duration {
        pause + pause.mul_f64(f64::from(self.number.wrapping_mul(37) % 100) / 100.0)
    }
}

type Polled = (EventLoop, Result<Event, ConnectionError>);

async fn poll(mut eventloop: EventLoop) -> Polled {
    let event = eventloop.poll().await;
    (eventloop, event)
}

/// Says goodbye, for at most a moment.
async fn hang_up(client: &AsyncClient, polling: impl Future<Output = Polled>) {
    if client.try_disconnect().is_err() {
        return;
    }
    let goodbye = async {
        let (mut eventloop, mut event) = polling.await;
        while event.is_ok() {
            event = eventloop.poll().await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(300), goodbye).await;
}
