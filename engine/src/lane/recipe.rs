//! The recipe of a batch, top to bottom: admit and settle every input, commit once, then acknowledge.

use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use ingest::admit::{Envelope, Refusal, UnknownVehicle};
use ingest::source::{Arrival as Published, Delivery};
use rules::stage::recipe::{take, wake};
use rules::state::Vehicle;
use rules::state::settle::Arrival;
use rules::unit::Time;
use rules::vehicle::{Command, Input, Life, Message, Reason, VehicleId, What};
use tracing::{Instrument as _, debug_span, field};

use super::Lane;
use super::apart::{Tried, touched};
use super::commit::Outcome;
use super::lives::LIVES_TRIED;
use super::own::{Held, admission};
use crate::history::journal::Position;
use crate::lane::answer::Told;
use crate::lane::draft::{Draft, Mark, refused_input};
use crate::lane::inbox::{Arrived, Inbox, Item, Ordered};
use crate::metrics::{CommittedBatch, Stage};
use crate::store::case::NewVehicle;

impl Lane {
    /// Runs until the inbox closes, then leaves snapshots of everything behind.
    pub async fn run(mut self, mut inbox: Inbox) -> anyhow::Result<()> {
        while let Some(batch) = inbox.next(self.until_due()).await {
            self.follow_rules();
            self.follow_clock(batch.steps);
            (self.common.at_work)(self.no, true);
            self.take_traced(&batch.arrived).await?;
            inbox.acknowledge(&batch.arrived);
            (self.common.at_work)(self.no, false);
        }
        self.leave_snapshots().await
    }

    /// A batch in its span; which of its messages took long, no span says.
    async fn take_traced(&mut self, arrived: &[Arrived]) -> anyhow::Result<()> {
        let began = Instant::now();
        let span = debug_span!("lane.batch", lane = self.no, batch.len = arrived.len(), duration_ms = field::Empty);
        let taken = self.take_batch(arrived).instrument(span.clone()).await;
        span.record("duration_ms", began.elapsed().as_millis() as u64);
        taken
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
    pub(super) async fn try_batch(&mut self, arrived: &[Arrived], draft: &mut Draft) -> anyhow::Result<Tried> {
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
        self.count(arrived, draft);
        Ok(Tried::Taken)
    }

    fn count(&mut self, arrived: &[Arrived], draft: &Draft) {
        let published = arrived.iter().filter_map(|one| match &one.item {
            Item::Delivery(Delivery::Message(published)) => Some(published.arrived),
            _ => None,
        });
        self.common.metrics.published(published);
        let batch = CommittedBatch {
            inputs: draft.input_count.unsigned_abs().into(),
            settled: draft.settled,
            unused: &draft.unused,
            counts: &draft.counts,
        };
        self.common.metrics.committed(&batch, &self.set, &mut self.effects);
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
        let known = self.vehicles.get(published.vehicle());
        let profile = match (known, self.common.unknown) {
            (Some(held), _) => Some(&held.vehicle.profile),
            (None, UnknownVehicle::Register) => Some(&self.common.stranger),
            (None, UnknownVehicle::Reject) => None,
        };
        let claimed = if known.is_none() { VehicleId::try_new(published.vehicle()).ok() } else { None };
        let vehicle = known.map(|held| &held.vehicle.id).or(claimed.as_ref());
        let envelope = envelope(published, vehicle, received_at);
        let admitting = Instant::now();
        let admitted = self.admission.admit_in(published.dialect, &envelope, profile, &mut self.effects.shelf);
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
    pub(super) fn take_input(&mut self, input: Input, draft: &mut Draft, mark: Option<&Mark>) -> Arrival {
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

    pub(super) fn refuse(&mut self, refusal: &Refusal, received_at: Time, draft: &mut Draft) {
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

/// What admission is asked about; `vehicle` is that of the topic, whose form is the dialect's.
pub(super) fn envelope<'a>(
    published: &'a Published,
    vehicle: Option<&'a VehicleId>,
    received_at: Time,
) -> Envelope<'a> {
    Envelope { topic: published.topic(), client: None, vehicle, payload: &published.payload, received_at }
}
