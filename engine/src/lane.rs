//! A lane: the recipe of a batch, from what arrived to what vehicles are told.
//!
//! Admit and settle every input, commit once, then acknowledge. A lane owns the vehicles that hash
//! to it and shares nothing with the others. Each input runs through `rules::recipe::take`; nothing
//! here decides. A batch is whatever arrived while the last commit ran.
//!
//! If the store is away the batch waits. If the store refuses it, or a message makes the core
//! panic, the lane rewinds to what is committed and takes the batch in halves, until the one
//! message is found and refused.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use ingest::admit::{Admission, Admitted, Envelope, Refusal, UnknownVehicle};
use ingest::down::Down;
use ingest::source::{Arrival as Published, Delivery, Source};
use rules::command::Command;
use rules::effect::Effects;
use rules::reading::{Input, Message, Reason, What};
use rules::recipe::{take, wake};
use rules::rule_set::RuleSet;
use rules::state::Vehicle;
use rules::state::settle::{Arrival, Bounds};
use rules::time::Time;
use rules::vehicle::{Profile, VehicleId};

use crate::answer::{Answers, Told};
use crate::clock::Clock;
use crate::dirty::Dirty;
use crate::draft::{Draft, refused_input};
use crate::inbox::{Arrived, Inbox, Item, Ordered, Until};
use crate::journal::{self, INPUT_LAYOUT, Position, Restored, RuleSets};
use crate::metrics::{CommitOutcome, LaneMetrics, Stage};
use crate::restraint::Restraint;
use crate::store::case::NewVehicle;
use crate::store::commit::{Batch, CommitError, commit, is_committed};
use crate::store::journal::BatchKey;
use crate::store::open::Store;
use crate::store::snapshot::SnapshotRow;

/// First pause after the store could not be reached; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What all lanes of an engine have in common.
pub struct Common {
    pub store: Arc<Store>,
    pub clock: Clock,
    pub bounds: Bounds,
    pub admission: Admission,
    pub unknown: UnknownVehicle,
    /// Profile of vehicles that register themselves by their first message.
    pub stranger: Profile,
    pub incarnation: i32,
    pub lanes: usize,
    pub source: Arc<dyn Source>,
    /// A vehicle listens again: its unseen notices are repeated.
    pub listening: Arc<dyn Fn(&VehicleId) + Send + Sync>,
    /// Refusals of one vehicle written down per hour.
    pub rejections_per_hour: u32,
    pub metrics: LaneMetrics,
    pub ingest: ingest::metrics::Metrics,
    /// Set while the store is away: sources stop, `/readyz` says why.
    pub store_away: Arc<dyn Fn(bool) + Send + Sync>,
}

/// A vehicle with what the lane keeps about it.
struct Held {
    vehicle: Vehicle,
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
    vehicles: HashMap<VehicleId, Held>,
    timers: BinaryHeap<Reverse<(Time, VehicleId)>>,
    dirty: Dirty,
    answers: Answers,
    restraint: Restraint,
    /// Number of the last committed batch.
    n: i64,
    effects: Effects,
}

impl Lane {
    pub fn new(no: i16, common: Arc<Common>, set: Arc<RuleSet>, vehicles: impl Iterator<Item = Restored>) -> Self {
        let restraint = Restraint::new(common.rejections_per_hour);
        let mut lane = Self {
            no,
            common,
            set,
            vehicles: HashMap::new(),
            timers: BinaryHeap::new(),
            dirty: Dirty::default(),
            answers: Answers::default(),
            restraint,
            n: 0,
            effects: Effects::default(),
        };
        lane.hold(vehicles);
        lane
    }

    /// Runs until the inbox closes, then leaves snapshots of everything behind.
    pub async fn run(mut self, mut inbox: Inbox) -> anyhow::Result<()> {
        while let Some(arrived) = inbox.next(self.until_due()).await {
            self.take_batch(&arrived).await?;
            inbox.acknowledge(&arrived);
            self.tell_late();
        }
        self.leave_snapshots().await
    }

    /// Admit and settle, commit, acknowledge.
    async fn take_batch(&mut self, arrived: &[Arrived]) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut draft = Draft::default();
        let decided = catch_unwind(AssertUnwindSafe(|| self.admit_and_settle(arrived, &mut draft)));
        if decided.is_err() {
            return self.isolate(arrived, Reason::Poison).await;
        }
        self.common.metrics.decided(arrived.len(), draft.admitting, started.elapsed());
        match self.commit(&mut draft).await? {
            Outcome::Committed => {
                let telling = Instant::now();
                self.acknowledge(&draft);
                self.common.metrics.stage(Stage::Acknowledge, telling.elapsed());
            }
            Outcome::Refused => return self.isolate(arrived, Reason::StoreRefused).await,
        }
        self.common.metrics.committed(arrived, &draft, &self.set, &mut self.effects);
        Ok(())
    }

    /// Everything that arrived, then the timers that are due.
    fn admit_and_settle(&mut self, arrived: &[Arrived], draft: &mut Draft) {
        for one in arrived {
            match &one.item {
                Item::Delivery(Delivery::Message(published)) => {
                    self.take_message(&envelope(published, one.received_at), draft);
                }
                Item::Delivery(Delivery::Connected(vehicle)) => self.answer_at_once(vehicle, draft),
                Item::Delivery(Delivery::Listening(vehicle)) => (self.common.listening)(vehicle),
                Item::Command(ordered) => {
                    draft.commands.push(ordered.command_id);
                    self.take_command(ordered, one.received_at, draft);
                }
            }
        }
        self.take_timers(draft);
    }

    fn take_message(&mut self, envelope: &Envelope<'_>, draft: &mut Draft) {
        let known = ingest::topic::vehicle_of(envelope.topic).and_then(|id| self.vehicles.get(id));
        let profile = match (known, self.common.unknown) {
            (Some(held), _) => Some(&held.vehicle.profile),
            (None, UnknownVehicle::Register) => Some(&self.common.stranger),
            (None, UnknownVehicle::Reject) => None,
        };
        let admitting = Instant::now();
        let admitted = self.common.admission.admit(envelope, profile);
        draft.admitting += admitting.elapsed();
        match admitted {
            Ok(admitted) => {
                draft.admitted += 1;
                self.note_refused_readings(&admitted, envelope, draft);
                self.register_if_new(&admitted.vehicle, envelope.received_at, draft);
                self.settle_message(&admitted.vehicle, admitted.message, envelope.payload, draft);
            }
            Err(refusal) => self.refuse(&refusal, envelope.received_at, draft),
        }
    }

    fn settle_message(&mut self, id: &VehicleId, message: Message, payload: &[u8], draft: &mut Draft) {
        let (received_at, sequence) = (message.received_at, message.sequence);
        let input = Input { vehicle: id.clone(), what: What::Message(message) };
        let mark = draft.note(&input);
        match self.take_input(input, draft, Some(&mark)) {
            Arrival::Taken => {}
            Arrival::Duplicate { moved } => {
                draft.unused.push(Reason::Duplicate);
                self.answer_at_once(id, draft);
                // Its `oldest` moved the position all the same, and replay must know.
                if let Some(sequence) = sequence.filter(|_| moved) {
                    let input = refused_input(id, sequence, received_at, Reason::Duplicate);
                    draft.note(&input);
                    self.keep_noted(id, received_at, draft);
                }
            }
            Arrival::TooFarAhead => {
                let refusal = Refusal::new(
                    Reason::TooFarAhead,
                    "its number is too far ahead",
                    Some(id.clone()),
                    sequence,
                    payload,
                );
                self.note_rejection(&refusal, received_at, draft);
            }
        }
    }

    fn answer_at_once(&mut self, id: &VehicleId, draft: &mut Draft) {
        if let Some(held) = self.vehicles.get_mut(id) {
            held.told.asked();
            draft.asked.push(id.clone());
        }
    }

    /// Takes an input of a known vehicle. With a mark it has been noted and is kept only if taken.
    fn take_input(&mut self, input: Input, draft: &mut Draft, mark: Option<&crate::draft::Mark>) -> Arrival {
        let id = input.vehicle.clone();
        let Some(held) = self.vehicles.get_mut(&id) else { return Arrival::Taken };
        let received_at = input.what.received_at();
        if mark.is_none() {
            draft.note(&input);
        }
        self.effects.clear();
        let waited = held.vehicle.order.waiting_count();
        let arrival = take(&mut held.vehicle, input.what, &self.set, &self.common.bounds, &mut self.effects);
        self.common.metrics.waiting_messages.add(held.vehicle.order.waiting_count() as i64 - waited as i64);
        if arrival == Arrival::Taken {
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
        let due = wake(&held.vehicle, &self.set, &self.common.bounds);
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
            Some(sequence) => {
                self.take_input(refused_input(vehicle, sequence, received_at, refusal.reason), draft, None);
            }
            None if refusal.reason != Reason::TopicMismatch => draft.unreadable.push((vehicle.clone(), refusal.sha256)),
            None => {}
        }
    }

    fn note_rejection(&mut self, refusal: &Refusal, received_at: Time, draft: &mut Draft) {
        self.common.ingest.count_refusal(refusal);
        if self.restraint.allows(refusal.vehicle.as_ref(), received_at) {
            draft.reject(refusal, received_at);
        }
    }

    fn note_refused_readings(&mut self, admitted: &Admitted, envelope: &Envelope<'_>, draft: &mut Draft) {
        self.common.ingest.count_admitted(admitted);
        for refused in admitted.refused.iter() {
            if self.restraint.allows(Some(&admitted.vehicle), envelope.received_at) {
                let sequence = admitted.message.sequence;
                let detail = refused.detail.as_deref().unwrap_or_default();
                let refusal =
                    Refusal::new(refused.reason, detail, Some(admitted.vehicle.clone()), sequence, envelope.payload);
                draft.reject(&refusal, envelope.received_at);
            }
        }
    }

    fn register_if_new(&mut self, id: &VehicleId, received_at: Time, draft: &mut Draft) {
        if self.vehicles.contains_key(id) {
            return;
        }
        let profile = Profile { delivered_at: received_at, ..self.common.stranger.clone() };
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
            return;
        }
        // Acts on vehicles that are not registered have nothing to act on.
        if let Command::Register(profile) = command {
            draft.note(&input);
            let vehicle = Vehicle::new(id.clone(), (**profile).clone(), &self.set);
            let position = Position { incarnation: self.common.incarnation, n: self.n + 1, index: 0 };
            self.vehicles.insert(id.clone(), Held { vehicle, position, told: Told::default(), timer: None });
            self.common.metrics.vehicles.inc();
            self.effects.clear();
            self.keep_noted(id, received_at, draft);
        }
    }

    /// Waits that are over, after the messages that may have ended them.
    fn take_timers(&mut self, draft: &mut Draft) {
        let now = self.common.clock.now();
        while self.timers.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((at, id))) = self.timers.pop() else { break };
            let Some(held) = self.vehicles.get_mut(&id).filter(|held| held.timer == Some(at)) else { continue };
            held.timer = None;
            match wake(&held.vehicle, &self.set, &self.common.bounds) {
                Some(due) if due <= now => {
                    let at = now.max(held.vehicle.received);
                    self.take_input(Input { vehicle: id, what: What::Timer { at } }, draft, None);
                }
                Some(due) => {
                    held.timer = Some(due);
                    self.timers.push(Reverse((due, id)));
                }
                None => {}
            }
        }
    }

    /// Writes the batch; waits as long as the store is away.
    async fn commit(&mut self, draft: &mut Draft) -> anyhow::Result<Outcome> {
        let n = self.n + 1;
        let mut changed = std::mem::take(&mut draft.changed);
        changed.sort_unstable();
        changed.dedup();
        for id in &changed {
            self.dirty.mark(id, n);
        }
        draft.changed = changed;
        self.dirty.count(draft.input_count as u64);
        let due = self.dirty.take_due();
        let snapshots = self.snapshots(&due)?;
        if draft.is_empty() && snapshots.is_empty() {
            return Ok(Outcome::Committed);
        }
        let batch = self.batch(draft, snapshots)?;
        let outcome = self.commit_batch(&batch).await?;
        if outcome == Outcome::Committed && draft.input_count > 0 {
            self.n = n;
        }
        Ok(outcome)
    }

    fn batch(&self, draft: &mut Draft, snapshots: Vec<SnapshotRow>) -> anyhow::Result<Batch> {
        let now = self.common.clock.now();
        let (received_from, received_to) = draft.received.unwrap_or((now, now));
        let n = self.n + 1;
        Ok(Batch {
            key: BatchKey { incarnation: self.common.incarnation, lane: self.no, n },
            received_from,
            received_to,
            rule_set_hash: self.set.hash,
            layout: INPUT_LAYOUT,
            horizon: self.dirty.horizon(n),
            input_count: draft.input_count,
            inputs: journal::seal(draft.inputs()).context("compressing a batch")?,
            decisions: journal::encode_decisions(&draft.decisions),
            samples: std::mem::take(&mut draft.samples),
            effects: std::mem::take(&mut draft.effects),
            rejections: std::mem::take(&mut draft.rejections),
            registered: std::mem::take(&mut draft.registered),
            commands: draft.commands.clone(),
            snapshots,
        })
    }

    async fn commit_batch(&self, batch: &Batch) -> anyhow::Result<Outcome> {
        let mut pause = PAUSE;
        loop {
            let started = Instant::now();
            match self.try_commit(batch).await {
                Ok(()) => {
                    self.common.metrics.stage(Stage::Commit, started.elapsed());
                    self.common.metrics.commit(CommitOutcome::Committed);
                    let snapshot_bytes = batch.snapshots.iter().map(|row| row.state.len()).sum();
                    self.common.metrics.wrote(
                        batch.inputs.len(),
                        batch.samples.len(),
                        batch.snapshots.len(),
                        snapshot_bytes,
                    );
                    (self.common.store_away)(false);
                    return Ok(Outcome::Committed);
                }
                Err(CommitError::Fenced) => return Err(CommitError::Fenced.into()),
                Err(CommitError::Refused(error)) => {
                    self.common.metrics.commit(CommitOutcome::Refused);
                    tracing::error!(
                        lane = self.no,
                        batch.n = batch.key.n,
                        error = format!("{error:#}"),
                        "store refuses a batch"
                    );
                    return Ok(Outcome::Refused);
                }
                Err(CommitError::Unavailable(error)) => {
                    (self.common.store_away)(true);
                    self.common.metrics.commit(CommitOutcome::Retried);
                    tracing::warn!(
                        lane = self.no,
                        batch.n = batch.key.n,
                        error = format!("{error:#}"),
                        "store is away, batch waits"
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    // The failed attempt may have been the one that succeeded.
                    if batch.input_count > 0 && is_committed(&self.common.store.pool, batch.key).await.unwrap_or(false)
                    {
                        (self.common.store_away)(false);
                        self.common.metrics.commit(CommitOutcome::FoundCommitted);
                        return Ok(Outcome::Committed);
                    }
                }
            }
        }
    }

    async fn try_commit(&self, batch: &Batch) -> Result<(), CommitError> {
        let days = batch.samples.days().iter().copied().chain([batch.received_to.day()]).collect();
        self.common.store.partitions.ensure_days(&days).await?;
        commit(&self.common.store.pool, batch).await
    }

    fn snapshots(&self, ids: &[VehicleId]) -> anyhow::Result<Vec<SnapshotRow>> {
        let held = ids.iter().filter_map(|id| self.vehicles.get(id));
        held.map(|held| {
            journal::snapshot_row(&held.vehicle, held.position, self.no, &self.set).context("encoding a snapshot")
        })
        .collect()
    }

    /// Tells vehicles what is committed now.
    fn acknowledge(&mut self, draft: &Draft) {
        let mut said = Vec::new();
        for id in draft.changed.iter().chain(&draft.asked) {
            let Some(held) = self.vehicles.get_mut(id) else { continue };
            let position = held.vehicle.order.position();
            if let Some((stream, seq)) = self.answers.committed(id, &mut held.told, position) {
                said.push((id.clone(), Bytes::from(Down::Committed { stream, seq }.encode())));
            }
        }
        for (id, sha256) in &draft.unreadable {
            said.push((id.clone(), Bytes::from(Down::Unreadable { sha256: *sha256 }.encode())));
        }
        self.say(&said);
    }

    fn say(&self, said: &[(VehicleId, Bytes)]) {
        if !said.is_empty() {
            self.common.source.publish_down(said);
        }
    }

    /// Tells those whose progress has waited for company long enough.
    fn tell_late(&mut self) {
        let over: Vec<VehicleId> = self.answers.over(Instant::now()).collect();
        let mut said = Vec::new();
        for id in over {
            let Some(held) = self.vehicles.get_mut(&id) else { continue };
            let Some((stream, seq)) = held.vehicle.order.position() else { continue };
            if held.told.say((stream, seq)) {
                said.push((id, Bytes::from(Down::Committed { stream, seq }.encode())));
            }
        }
        self.say(&said);
    }

    /// Rewinds and takes the batch in halves, until what cannot be taken stands alone.
    async fn isolate(&mut self, arrived: &[Arrived], reason: Reason) -> anyhow::Result<()> {
        self.rewind().await?;
        if let [one] = arrived {
            tracing::error!(lane = self.no, reason = reason.label(), "an input is refused for good");
            return self.refuse_for_good(one, reason).await;
        }
        let (first, second) = arrived.split_at(arrived.len() / 2);
        Box::pin(self.take_batch(first)).await?;
        Box::pin(self.take_batch(second)).await
    }

    async fn refuse_for_good(&mut self, one: &Arrived, reason: Reason) -> anyhow::Result<()> {
        let mut draft = Draft::default();
        match &one.item {
            Item::Delivery(Delivery::Message(published)) => {
                let envelope = envelope(published, one.received_at);
                let vehicle = VehicleId::try_new(published.vehicle()).ok();
                let profile = vehicle.as_ref().and_then(|id| self.vehicles.get(id)).map(|held| &held.vehicle.profile);
                let admitted = self.common.admission.admit(&envelope, profile);
                let sequence = admitted.ok().and_then(|admitted| admitted.message.sequence);
                let refusal = Refusal::new(reason, "it cannot be processed", vehicle, sequence, &published.payload);
                self.refuse(&refusal, one.received_at, &mut draft);
            }
            Item::Delivery(Delivery::Connected(_) | Delivery::Listening(_)) => {}
            Item::Command(ordered) => draft.commands.push(ordered.command_id),
        }
        if self.commit(&mut draft).await? == Outcome::Refused {
            anyhow::bail!("the store refuses even the refusal of an input");
        }
        self.acknowledge(&draft);
        Ok(())
    }

    /// Forgets everything that is not committed: the same way a start takes.
    async fn rewind(&mut self) -> anyhow::Result<()> {
        let mut sets = RuleSets::new(self.common.store.pool.clone(), Arc::clone(&self.set));
        let (lanes, no) = (self.common.lanes, self.no);
        let ours = |id: &VehicleId| ingest::queue::lane_of(id.as_str(), lanes) == no as usize;
        let (vehicles, _) = journal::restore(&self.common.store.pool, &mut sets, &self.common.bounds, ours).await?;
        for held in self.vehicles.drain().map(|(_, held)| held) {
            self.common.metrics.vehicles.dec();
            self.common.metrics.waiting_messages.sub(held.vehicle.order.waiting_count() as i64);
        }
        self.timers.clear();
        self.dirty = Dirty::default();
        self.hold(vehicles.into_values());
        Ok(())
    }

    fn hold(&mut self, vehicles: impl Iterator<Item = Restored>) {
        // Oldest change first: the horizon must not pass a change that only the journal has.
        let mut vehicles: Vec<Restored> = vehicles.collect();
        vehicles.sort_by_key(|restored| restored.since);
        for restored in vehicles {
            let id = restored.vehicle.id.clone();
            if let Some(since) = restored.since {
                self.dirty.mark(&id, if since.incarnation == self.common.incarnation { since.n } else { 0 });
            }
            self.common.metrics.vehicles.inc();
            self.common.metrics.waiting_messages.add(restored.vehicle.order.waiting_count() as i64);
            let timer = wake(&restored.vehicle, &self.set, &self.common.bounds);
            if let Some(at) = timer {
                self.timers.push(Reverse((at, id.clone())));
            }
            self.vehicles.insert(
                id,
                Held { vehicle: restored.vehicle, position: restored.position, told: Told::default(), timer },
            );
        }
    }

    /// The end of a run: nothing must be replayed by the next one.
    async fn leave_snapshots(&mut self) -> anyhow::Result<()> {
        while self.dirty.waiting() > 0 {
            let ids = self.dirty.take_any(1_024);
            let mut draft = Draft::default();
            let batch = self.batch(&mut draft, self.snapshots(&ids)?)?;
            if self.commit_batch(&batch).await? == Outcome::Refused {
                anyhow::bail!("the store refuses snapshots");
            }
        }
        Ok(())
    }

    /// How long the lane may sleep: to the next timer, or the next answer put off.
    fn until_due(&self) -> Until {
        Until {
            clock: self.common.clock.clone(),
            timer: self.timers.peek().map(|Reverse((at, _))| *at),
            answer: self.answers.next(),
        }
    }
}

fn envelope(published: &Published, received_at: Time) -> Envelope<'_> {
    Envelope { topic: published.topic(), client: None, payload: &published.payload, received_at }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Committed,
    Refused,
}
