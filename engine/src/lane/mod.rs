//! A lane: the recipe of a batch, from what arrived to what vehicles are told.
//!
//! Admit and settle every input, commit once, then acknowledge. A lane owns the vehicles that hash
//! to it and shares nothing with the others. Each input runs through `rules::stage::recipe::take`; nothing
//! here decides. A batch is whatever arrived while the last commit ran.
//!
//! If the store is away the batch waits. If the store refuses it, or a message makes the core
//! panic, it is taken apart until the one message is found and refused.

pub mod answer;
mod apart;
mod commit;
mod correct;
pub mod dirty;
pub mod dispatch;
pub mod draft;
pub mod inbox;
mod lives;
mod rejection;
pub mod restraint;
mod skipped;
mod tell;
mod timers;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use ingest::admit::{Admission, Envelope, Refusal, UnknownVehicle};
use ingest::source::{Arrival as Published, Delivery, Source};
use rules::rule_set::RuleSet;
use rules::stage::effect::Effects;
use rules::stage::recipe::{take, wake};
use rules::state::Vehicle;
use rules::state::settle::{Arrival, Bounds};
use rules::unit::{Span, Time};
use rules::vehicle::{Command, Input, Life, Message, Profile, Reason, VehicleId, What};
use tokio::sync::watch;

use self::apart::{Tried, touched};
use self::commit::Outcome;
use self::lives::LIVES_TRIED;
use self::skipped::SkippedNumbers;
use crate::clock::Clock;
use crate::config;
use crate::crm::notice::Routes;
use crate::history::journal::{Position, Restored};
use crate::lane::answer::Told;
use crate::lane::dirty::Dirty;
use crate::lane::draft::{Draft, Mark, refused_input};
use crate::lane::inbox::{Arrived, Inbox, Item, Ordered};
use crate::lane::restraint::Restraint;
use crate::metrics::{LaneMetrics, Stage};
use crate::store::case::NewVehicle;
use crate::store::open::Store;

/// What all lanes of an engine have in common.
pub struct Common {
    pub store: Arc<Store>,
    pub clock: Clock,
    pub bounds: Bounds,
    /// How much at once, and how often.
    pub limits: config::Lanes,
    pub unknown: UnknownVehicle,
    /// Profile of vehicles that register themselves by their first message.
    pub stranger: Profile,
    pub incarnation: i32,
    /// Lives of vehicles as they were at the start, wherever it is not the first.
    pub lives: HashMap<VehicleId, Life>,
    pub lanes: usize,
    pub source: Arc<dyn Source>,
    /// By which channels notices go out.
    pub routes: Routes,
    /// A vehicle listens again: its unseen notices are repeated.
    pub listening: Arc<dyn Fn(&VehicleId) + Send + Sync>,
    /// Refusals of one vehicle written down per hour.
    pub rejections_per_hour: u32,
    pub metrics: LaneMetrics,
    pub ingest: ingest::metrics::Metrics,
    /// Set while the store is away: sources stop, `/readyz` says why.
    pub store_away: Arc<dyn Fn(bool) + Send + Sync>,
    /// Told when a lane begins a batch and when it has ended it.
    pub at_work: Arc<dyn Fn(i16, bool) + Send + Sync>,
}

/// A vehicle with what the lane keeps about it.
struct Held {
    vehicle: Vehicle,
    /// The rules its state belongs to; it follows the lane's at its next input.
    set: Arc<RuleSet>,
    position: Position,
    told: Told,
    /// Time of the timer in the heap.
    timer: Option<Time>,
}

/// One lane.
pub struct Lane {
    no: i16,
    common: Arc<Common>,
    set: Arc<RuleSet>,
    /// Rules in force, which the lane follows between batches.
    sets: watch::Receiver<Arc<RuleSet>>,
    admission: Admission,
    /// Boxed: a map keeps room for more entries than it has.
    vehicles: HashMap<VehicleId, Box<Held>>,
    timers: BinaryHeap<Reverse<(Time, VehicleId)>>,
    dirty: Dirty,
    restraint: Restraint,
    /// What vehicles without a state have become since the start: the life they have should they come back.
    lives: HashMap<VehicleId, Life>,
    /// Vehicles of the batch that begin another life before it is taken again.
    reborn: BTreeMap<VehicleId, Life>,
    /// Steps of the clock that this lane has followed, added up; `None` under a clock that makes none.
    corrected: Option<Span>,
    skipped: SkippedNumbers,
    /// Number of the last committed batch.
    n: i64,
    effects: Effects,
    /// While a batch is taken apart, with nothing in it but what arrived.
    apart: bool,
}

impl Lane {
    pub fn new(
        no: i16,
        common: Arc<Common>,
        mut sets: watch::Receiver<Arc<RuleSet>>,
        vehicles: impl Iterator<Item = Restored>,
    ) -> Self {
        let set = Arc::clone(&sets.borrow_and_update());
        let restraint = Restraint::new(common.rejections_per_hour);
        let mut lane = Self {
            no,
            admission: admission(&set),
            common,
            set,
            sets,
            vehicles: HashMap::new(),
            timers: BinaryHeap::new(),
            dirty: Dirty::default(),
            restraint,
            lives: HashMap::new(),
            reborn: BTreeMap::new(),
            corrected: None,
            skipped: SkippedNumbers::default(),
            n: 0,
            effects: Effects::default(),
            apart: false,
        };
        (_, lane.corrected) = lane.common.clock.reading();
        lane.hold(vehicles);
        let waiting: usize = lane.vehicles.values().map(|held| held.vehicle.order.waiting_count()).sum();
        lane.common.metrics.vehicles.add(lane.vehicles.len() as i64);
        lane.common.metrics.waiting_messages.add(waiting as i64);
        lane
    }

    /// Runs until the inbox closes, then leaves snapshots of everything behind.
    pub async fn run(mut self, mut inbox: Inbox) -> anyhow::Result<()> {
        while let Some(batch) = inbox.next(self.until_due()).await {
            self.follow_rules();
            self.follow_clock(batch.steps);
            (self.common.at_work)(self.no, true);
            self.take_batch(&batch.arrived).await?;
            inbox.acknowledge(&batch.arrived);
            (self.common.at_work)(self.no, false);
        }
        self.leave_snapshots().await
    }

    /// Other rules take effect between two batches; each vehicle follows at its next input.
    fn follow_rules(&mut self) {
        if self.sets.has_changed().unwrap_or(false) {
            self.set = Arc::clone(&self.sets.borrow_and_update());
            self.admission = admission(&self.set);
        }
    }

    /// Admit and settle, commit, acknowledge; what cannot be taken is found and refused.
    async fn take_batch(&mut self, arrived: &[Arrived]) -> anyhow::Result<()> {
        loop {
            let mut draft = Draft::default();
            match self.try_batch(arrived, &mut draft).await? {
                Tried::Taken => return Ok(()),
                Tried::Failed(reason) => return self.isolate(arrived, &draft, reason).await,
                Tried::Collided(vehicle) => {
                    self.rewind(touched(arrived, &draft)).await?;
                    self.begin_life(&vehicle);
                }
            }
        }
    }

    /// Tries the batch as a whole; unless it is taken, its vehicles are not what is committed.
    async fn try_batch(&mut self, arrived: &[Arrived], draft: &mut Draft) -> anyhow::Result<Tried> {
        let started = Instant::now();
        self.skipped.put_back();
        if catch_unwind(AssertUnwindSafe(|| self.admit_and_settle(arrived, draft))).is_err() {
            return Ok(Tried::Failed(Reason::Poison));
        }
        self.common.metrics.decided(arrived.len(), draft.admitting, started.elapsed());
        match self.commit(draft).await? {
            Outcome::Committed => {
                self.reborn.clear();
                self.skipped.commit();
            }
            Outcome::Refused => return Ok(Tried::Failed(Reason::StoreRefused)),
            // Ids of many lives are taken only where somebody made them up.
            Outcome::Taken(vehicle) if self.life_of(&vehicle) > LIVES_TRIED => {
                return Ok(Tried::Failed(Reason::StoreRefused));
            }
            Outcome::Taken(vehicle) => return Ok(Tried::Collided(vehicle)),
        }
        let telling = Instant::now();
        self.acknowledge(draft);
        self.common.metrics.stage(Stage::Acknowledge, telling.elapsed());
        self.common.metrics.committed(arrived, draft, &self.set, &mut self.effects);
        Ok(Tried::Taken)
    }

    /// Everything that arrived, then the timers that are due.
    fn admit_and_settle(&mut self, arrived: &[Arrived], draft: &mut Draft) {
        for (vehicle, life) in self.reborn.clone() {
            self.live(&vehicle, life, self.common.clock.now(), draft);
        }
        for one in arrived {
            match &one.item {
                Item::Delivery(Delivery::Message(published)) => {
                    self.take_message(published, one.received_at, draft);
                }
                Item::Delivery(Delivery::Refused(refused, _)) => self.take_refused(refused, one.received_at, draft),
                Item::Delivery(Delivery::Connected(vehicle)) => self.answer_next(vehicle),
                Item::Delivery(Delivery::Listening(vehicle)) => (self.common.listening)(vehicle),
                Item::Command(ordered) => {
                    draft.commands.push(ordered.command_id);
                    self.take_command(ordered, one.received_at, draft);
                }
            }
        }
        if !self.apart {
            self.take_timers(draft);
        }
    }

    fn take_message(&mut self, published: &Published, received_at: Time, draft: &mut Draft) {
        let known = ingest::topic::vehicle_of(published.topic()).and_then(|id| self.vehicles.get(id));
        let profile = match (known, self.common.unknown) {
            (Some(held), _) => Some(&held.vehicle.profile),
            (None, UnknownVehicle::Register) => Some(&self.common.stranger),
            (None, UnknownVehicle::Reject) => None,
        };
        let envelope = Envelope { vehicle: known.map(|held| &held.vehicle.id), ..envelope(published, received_at) };
        let admitting = Instant::now();
        let admitted = self.admission.admit(&envelope, profile, &mut self.effects.shelf);
        let payload = &published.payload;
        draft.admitting += admitting.elapsed();
        match admitted {
            Ok(admitted) => {
                draft.admitted += 1;
                self.note_refused_readings(&admitted, payload, received_at, draft);
                self.register_if_new(&admitted.vehicle, received_at, draft);
                self.settle_message(&admitted.vehicle, admitted.message, payload, draft);
            }
            Err(refusal) => self.refuse(&refusal, received_at, draft),
        }
    }

    fn settle_message(&mut self, id: &VehicleId, message: Message, payload: &[u8], draft: &mut Draft) {
        let (received_at, sequence) = (message.received_at, message.sequence);
        self.correct(id, received_at, draft);
        self.close_skipped(id, sequence, received_at, draft);
        let input = Input { vehicle: id.clone(), what: What::Message(message) };
        let mark = draft.note(&input);
        let arrival = self.take_input(input, draft, Some(&mark));
        let refusal = |reason, detail| Refusal::new(reason, detail, Some(id.clone()), sequence, payload);
        match arrival {
            Arrival::Taken => {}
            Arrival::Renumbered => {
                let detail = "it numbers its messages from here again; the message was taken";
                self.note_row(&refusal(Reason::Renumbered, detail), received_at, draft);
            }
            Arrival::Duplicate { .. } => {
                draft.unused.push(Reason::Duplicate);
                self.answer_at_once(id, draft);
            }
            Arrival::TooFarAhead => {
                self.note_rejection(&refusal(Reason::TooFarAhead, "its number is too far ahead"), received_at, draft);
            }
        }
        if let Some((sequence, reason)) = sequence.zip(arrival.counts_as_refused()) {
            self.take_input(refused_input(id, sequence, received_at, reason), draft, None);
        }
    }

    /// Takes an input of a known vehicle. With a mark it has been noted and is kept only if taken.
    fn take_input(&mut self, input: Input, draft: &mut Draft, mark: Option<&Mark>) -> Arrival {
        let id = input.vehicle.clone();
        let received_at = input.what.received_at();
        if mark.is_none() {
            self.correct(&id, received_at, draft);
        }
        let Some(held) = self.vehicles.get_mut(&id) else { return Arrival::Taken };
        if mark.is_none() {
            draft.note(&input);
        }
        self.effects.clear();
        let waited = held.vehicle.order.waiting_count();
        if held.set.hash != self.set.hash {
            held.vehicle.carry(&held.set, &self.set, &mut self.effects);
            held.set = Arc::clone(&self.set);
        }
        let arrival = take(&mut held.vehicle, input.what, &self.set, &self.common.bounds, &mut self.effects);
        draft.more_waiting += held.vehicle.order.waiting_count() as i64 - waited as i64;
        if arrival.is_taken() {
            self.keep_noted(&id, received_at, draft);
        } else {
            if let Some(mark) = mark {
                draft.forget(mark);
            }
            // A duplicate may still report notices as seen.
            let dealer = held.vehicle.profile.dealer;
            draft.take_effects(&id, dealer, &mut self.effects);
        }
        arrival
    }

    fn keep_noted(&mut self, id: &VehicleId, received_at: Time, draft: &mut Draft) {
        let Some(held) = self.vehicles.get_mut(id) else { return };
        let index = draft.keep(id, held.vehicle.profile.dealer, received_at, &mut self.effects);
        held.position = Position { incarnation: self.common.incarnation, n: self.n + 1, index };
        draft.changed.push(id.clone());
        let due = wake(&held.vehicle, &held.set, &self.common.bounds);
        if let Some(at) = due.filter(|at| held.timer.is_none_or(|set| *at < set)) {
            held.timer = Some(at);
            self.timers.push(Reverse((at, id.clone())));
        }
    }

    fn refuse(&mut self, refusal: &Refusal, received_at: Time, draft: &mut Draft) {
        self.note_rejection(refusal, received_at, draft);
        let Some(vehicle) = refusal.vehicle.as_ref().filter(|vehicle| self.vehicles.contains_key(*vehicle)) else {
            return;
        };
        match refusal.sequence {
            _ if refusal.reason == Reason::TooLarge => self.skip(vehicle, refusal, draft),
            Some(sequence) => {
                self.take_input(refused_input(vehicle, sequence, received_at, refusal.reason), draft, None);
            }
            None if refusal.reason != Reason::TopicMismatch => draft.unreadable.push((vehicle.clone(), refusal.sha256)),
            None => {}
        }
    }

    fn register_if_new(&mut self, id: &VehicleId, received_at: Time, draft: &mut Draft) {
        if self.vehicles.contains_key(id) {
            return;
        }
        let mut profile = self.common.stranger.clone();
        profile.delivered_at = received_at;
        draft.registered.push(NewVehicle { id: id.clone(), profile: profile.clone() });
        let ordered = Ordered { command_id: 0, vehicle: id.clone(), command: Command::Register(Box::new(profile)) };
        self.take_command(&ordered, received_at, draft);
    }

    fn take_command(&mut self, ordered: &Ordered, received_at: Time, draft: &mut Draft) {
        let Ordered { command_id, vehicle: id, command } = ordered;
        let what = What::Command { command_id: *command_id, received_at, command: command.clone() };
        let input = Input { vehicle: id.clone(), what };
        if self.vehicles.contains_key(id) {
            self.take_input(input, draft, None);
            if matches!(command, Command::Erase) {
                self.erase(id, draft);
            }
            return;
        }
        // Acts on vehicles that are not registered have nothing to act on.
        if let Command::Register(profile) = command {
            draft.note(&input);
            let vehicle = Vehicle::new(id.clone(), (**profile).clone(), &self.set);
            let position = Position { incarnation: self.common.incarnation, n: self.n + 1, index: 0 };
            let set = Arc::clone(&self.set);
            let held = Held { vehicle, set, position, told: Told::default(), timer: None };
            self.vehicles.insert(id.clone(), Box::new(held));
            draft.more_vehicles += 1;
            self.effects.clear();
            self.keep_noted(id, received_at, draft);
            self.begin_corrected(id, received_at, draft);
            let life = self.life_of(id);
            if life > Life::default() {
                self.live(id, life, received_at, draft);
            }
        }
    }
}

/// Admission under a set's catalogue.
fn admission(set: &RuleSet) -> Admission {
    Admission::new(&set.catalogue.signals)
}

fn envelope(published: &Published, received_at: Time) -> Envelope<'_> {
    Envelope { topic: published.topic(), client: None, vehicle: None, payload: &published.payload, received_at }
}
