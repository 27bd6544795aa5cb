//! A shard: the vehicles of one thread, each under every rule set that is tried.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use ingest::admit::{Admission, Envelope};
use ingest::signal_index::FastHash;
use memchr::memmem::Finder;
use rules::author::trial::Trial;
use rules::compact::{MASK_WORDS, RuleMask};
use rules::rule_set::RuleSet;
use rules::stage::effect::Effects;
use rules::state::Vehicle;
use rules::state::settle::{Arrival, Bounds};
use rules::unit::Time;
use rules::vehicle::{Command, Message, Profile, Reason, VehicleId, What};
use serde::{Deserialize, Serialize};

use super::feed::{Line, Parcel};
use super::lines;
use super::tally::Tally;
use crate::history::archive::past::Recorded;
use crate::history::journal::Restored;

/// What all shards have in common.
pub struct Common {
    /// One or two rule sets to try.
    pub sets: Vec<Arc<RuleSet>>,
    pub admission: Admission,
    pub bounds: Bounds,
    pub profiles: Profiles,
    /// Measured time that counts; what lies outside is passed over.
    pub from: Option<Time>,
    pub to: Option<Time>,
}

/// What is known of vehicles besides what they say.
pub struct Profiles {
    /// Of a vehicle that is not named.
    pub other: Profile,
    pub named: HashMap<String, Profile>,
}

/// The vehicles of one thread, and what came of them.
pub struct Shard<'a> {
    common: &'a Common,
    vehicles: HashMap<VehicleId, Tried, FastHash>,
    effects: Vec<Effects>,
    finder: Finder<'static>,
    pub found: Found,
}

/// A shard as it is written down: vehicles, how often each set's rules were asked, what was found.
type Written = (Vec<Tried>, Vec<Counts>, Found);
type Counts = (Vec<u32>, Vec<u32>);

/// What a shard has found so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Found {
    pub tallies: Vec<Tally>,
    pub messages: u64,
    pub readings: u64,
    /// Messages refused, by reason.
    pub refused: BTreeMap<String, u64>,
    pub outside: u64,
    pub first: Option<Time>,
    pub last: Option<Time>,
    /// Newest time of reception.
    pub received: Option<Time>,
}

/// One vehicle under every set.
#[derive(Serialize, Deserialize)]
struct Tried {
    trials: Vec<Trial>,
    /// The day that runs, and which rules have come to a verdict on it.
    day: i32,
    verdicts: Vec<RuleMask>,
}

impl<'a> Shard<'a> {
    pub fn new(common: &'a Common) -> Self {
        let tallies = common.sets.iter().map(|_| Tally::default()).collect();
        Self {
            common,
            vehicles: HashMap::default(),
            effects: common.sets.iter().map(|_| Effects::default()).collect(),
            finder: Finder::new(b"\"vehicle\""),
            found: Found { tallies, ..Found::default() },
        }
    }

    /// Takes a parcel; `snapshots` is where to write state down.
    pub fn take(&mut self, parcel: Parcel, number: usize, snapshots: Option<&Path>) -> anyhow::Result<()> {
        match parcel {
            Parcel::Lines { buffer, spans } => {
                let mut spans = spans;
                // Stable: within a vehicle the order stays.
                spans.sort_by_key(|line| line.vehicle);
                for same in spans.chunk_by(|one, other| one.vehicle == other.vehicle) {
                    self.take_lines(&buffer, same);
                }
                Ok(())
            }
            Parcel::Recorded(recorded) => {
                let (id, recorded) = *recorded;
                self.take_recorded(id, recorded);
                Ok(())
            }
            Parcel::Snapshot(count) => match snapshots {
                Some(directory) => self.write_down(&directory.join(format!("{count}.{number}"))),
                None => Ok(()),
            },
        }
    }

    /// Takes lines of one vehicle, or of several whose hashes are the same.
    fn take_lines(&mut self, buffer: &[u8], lines: &[Line]) {
        let of = |line: &Line| &buffer[line.from as usize..line.to as usize];
        let mut rest: Cow<'_, [Line]> = lines.into();
        while let Some(name) = rest.first().and_then(|line| lines::vehicle(of(line), &self.finder)) {
            if !self.vehicles.contains_key(name) {
                let Ok(id) = VehicleId::try_new(name) else {
                    self.found.refuse(Reason::TopicMismatch);
                    rest = rest[1..].to_vec().into();
                    continue;
                };
                let tried = Tried::new(&id, self.common);
                self.vehicles.insert(id, tried);
            }
            let Some(tried) = self.vehicles.get_mut(name) else { return };
            let mut others = Vec::new();
            for line in rest.iter() {
                if tried.take_line(of(line), self.common, &mut self.effects, &mut self.found) {
                    continue;
                }
                // Refused for naming another vehicle: it may have that one's hash.
                if lines::vehicle(of(line), &self.finder) == Some(name) {
                    self.found.refuse(Reason::TopicMismatch);
                } else {
                    others.push(*line);
                }
            }
            rest = others.into();
        }
    }

    /// Takes a vehicle as it was, and what it and people said since.
    fn take_recorded(&mut self, id: VehicleId, recorded: Recorded) {
        let mut inputs = recorded.inputs.into_iter().map(|(_, input)| input.what);
        let tried = match recorded.before {
            Some(before) => Some(Tried::carried(&before, self.common)),
            None => inputs.find_map(|what| match what {
                What::Command { command: Command::Register(profile), .. } => {
                    Some(Tried::registered(&id, &profile, self.common))
                }
                _ => None,
            }),
        };
        let Some(mut tried) = tried else { return };
        for what in inputs {
            tried.take_input(what, self.common, &mut self.effects, &mut self.found);
        }
        self.vehicles.insert(id, tried);
    }

    /// The data end: everything that only time brings about up to `until`, and the last days.
    pub fn finish(&mut self, until: Time) {
        for tried in self.vehicles.values_mut() {
            tried.finish(until, self.common, &mut self.effects, &mut self.found.tallies);
        }
        for ((tally, effects), set) in self.found.tallies.iter_mut().zip(&self.effects).zip(&self.common.sets) {
            tally.note_asked(&effects.ready, &effects.not_ready, set);
        }
    }

    pub fn vehicles(&self) -> usize {
        self.vehicles.len()
    }

    /// Writes everything down under a name that appears once it is whole.
    fn write_down(&self, path: &Path) -> anyhow::Result<()> {
        let vehicles: Vec<&Tried> = self.vehicles.values().collect();
        let counts: Vec<(&Vec<u32>, &Vec<u32>)> =
            self.effects.iter().map(|effects| (&effects.ready, &effects.not_ready)).collect();
        let bytes = postcard::to_stdvec(&(vehicles, counts, &self.found))?;
        let unfinished = path.with_extension("part");
        fs::write(&unfinished, bytes).with_context(|| format!("writing {}", unfinished.display()))?;
        fs::rename(&unfinished, path).with_context(|| format!("writing {}", path.display()))
    }

    /// A shard as it was written down.
    pub fn read_back(common: &'a Common, path: &Path) -> anyhow::Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let (vehicles, counts, found): Written = postcard::from_bytes(&bytes)
            .with_context(|| format!("{} is no snapshot of this rule set", path.display()))?;
        let mut shard = Self { found, ..Self::new(common) };
        for (effects, (ready, not_ready)) in shard.effects.iter_mut().zip(counts) {
            (effects.ready, effects.not_ready) = (ready, not_ready);
        }
        for mut tried in vehicles {
            for (trial, set) in tried.trials.iter_mut().zip(&common.sets) {
                trial.vehicle.take_profile(set);
            }
            if let Some(id) = tried.trials.first().map(|trial| trial.vehicle.id.clone()) {
                shard.vehicles.insert(id, tried);
            }
        }
        Ok(shard)
    }
}

impl Found {
    fn note(&mut self, message: &Message, measured_at: Time) {
        self.readings += message.samples.iter().map(|sample| sample.readings.len() as u64).sum::<u64>();
        self.first = Some(self.first.map_or(measured_at, |first| first.min(measured_at)));
        self.last = Some(self.last.map_or(measured_at, |last| last.max(measured_at)));
        self.received = Some(self.received.map_or(message.received_at, |last| last.max(message.received_at)));
    }

    fn refuse(&mut self, reason: Reason) {
        self.messages += u64::from(reason != Reason::Duplicate);
        *self.refused.entry(reason.label().to_owned()).or_default() += 1;
    }

    /// Adds what another shard found.
    pub fn merge(&mut self, other: Self) {
        self.messages += other.messages;
        self.readings += other.readings;
        self.outside += other.outside;
        for (reason, count) in other.refused {
            *self.refused.entry(reason).or_default() += count;
        }
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.into_iter().chain(other.last).max();
        self.received = self.received.into_iter().chain(other.received).max();
        if self.tallies.is_empty() {
            self.tallies = other.tallies;
        } else {
            self.tallies.iter_mut().zip(other.tallies).for_each(|(tally, more)| tally.merge(more));
        }
    }
}

impl Tried {
    fn new(id: &VehicleId, common: &Common) -> Self {
        Self::registered(id, common.profiles.named.get(id.as_str()).unwrap_or(&common.profiles.other), common)
    }

    fn registered(id: &VehicleId, profile: &Profile, common: &Common) -> Self {
        Self::of(common, |set| Vehicle::new(id.clone(), profile.clone(), set))
    }

    /// A vehicle as it was under other rules; what the change withdraws is no news of these.
    fn carried(before: &Restored, common: &Common) -> Self {
        Self::of(common, |set| {
            let mut vehicle = before.vehicle.clone();
            if before.set.hash != set.hash {
                vehicle.carry(&before.set, set, &mut Effects::default());
            }
            vehicle
        })
    }

    fn of(common: &Common, vehicle: impl Fn(&RuleSet) -> Vehicle) -> Self {
        let trials = common.sets.iter().map(|set| Trial::new(vehicle(set), set, &common.bounds)).collect();
        Self { trials, day: i32::MIN, verdicts: vec![[0; MASK_WORDS]; common.sets.len()] }
    }

    /// Takes an input as the engine has kept it.
    fn take_input(&mut self, what: What, common: &Common, effects: &mut [Effects], found: &mut Found) {
        match what {
            What::Message(message) => {
                found.messages += 1;
                if let Some(sample) = message.samples.last() {
                    found.note(&message, sample.measured_at);
                }
                self.take(message, common, effects, found);
            }
            // Other rules ask for other ones.
            What::Timer { .. } => {}
            What::Refused(_) | What::Command { .. } => {
                for (place, trial) in self.trials.iter_mut().enumerate() {
                    trial.take(what.clone(), &common.sets[place], &common.bounds, &mut effects[place]);
                    let tally = &mut found.tallies[place];
                    keep(&trial.vehicle.id, &mut effects[place], &mut self.verdicts[place], tally);
                }
            }
        }
    }

    /// Takes a line, unless it names another vehicle.
    fn take_line(&mut self, line: &[u8], common: &Common, effects: &mut [Effects], found: &mut Found) -> bool {
        let Some(first) = self.trials.first() else { return true };
        let envelope = Envelope {
            topic: "",
            client: None,
            vehicle: Some(&first.vehicle.id),
            payload: line,
            // A file does not say when it was received: as soon as it was measured.
            received_at: Time::NEVER,
        };
        let profile = Some(&first.vehicle.profile);
        let message = match common.admission.admit(&envelope, profile, &mut effects[0].shelf) {
            Ok(admitted) => admitted.message,
            Err(refusal) if refusal.reason == Reason::TopicMismatch => return false,
            Err(refusal) => {
                found.refuse(refusal.reason);
                return true;
            }
        };
        found.messages += 1;
        let Some(measured_at) = message.samples.last().map(|sample| sample.measured_at) else { return true };
        if common.from.is_some_and(|from| measured_at < from) || common.to.is_some_and(|to| measured_at >= to) {
            found.outside += 1;
            effects[0].shelf.put(message);
            return true;
        }
        found.note(&message, measured_at);
        self.take(message, common, effects, found);
        true
    }

    fn take(&mut self, message: Message, common: &Common, effects: &mut [Effects], found: &mut Found) {
        let day = message.received_at.day();
        if day != self.day {
            self.end_day(common, &mut found.tallies);
            self.day = day;
        }
        let copies = self.trials.len() - 1;
        let mut message = Some(message);
        for (place, trial) in self.trials.iter_mut().enumerate() {
            let own = if place == copies { message.take() } else { message.clone() };
            let Some(own) = own else { return };
            let (effects, set) = (&mut effects[place], &common.sets[place]);
            let arrival = trial.take(What::Message(own), set, &common.bounds, effects);
            match arrival {
                Arrival::Duplicate { .. } if place == 0 => found.refuse(Reason::Duplicate),
                Arrival::TooFarAhead if place == 0 => found.refuse(Reason::TooFarAhead),
                _ => {}
            }
            keep(&trial.vehicle.id, effects, &mut self.verdicts[place], &mut found.tallies[place]);
        }
    }

    fn end_day(&mut self, common: &Common, tallies: &mut [Tally]) {
        if self.day == i32::MIN {
            return;
        }
        for (place, trial) in self.trials.iter().enumerate() {
            let all = [u64::MAX; MASK_WORDS];
            tallies[place].note_day(trial.vehicle.watches.in_scope(all), &self.verdicts[place], &common.sets[place]);
            self.verdicts[place] = [0; MASK_WORDS];
        }
    }

    fn finish(&mut self, until: Time, common: &Common, effects: &mut [Effects], tallies: &mut [Tally]) {
        for (place, trial) in self.trials.iter_mut().enumerate() {
            trial.pass_time(until, &common.sets[place], &common.bounds, &mut effects[place]);
            keep(&trial.vehicle.id, &mut effects[place], &mut self.verdicts[place], &mut tallies[place]);
        }
        self.end_day(common, tallies);
    }
}

/// Takes what an input led to out of the effects.
fn keep(vehicle: &VehicleId, effects: &mut Effects, verdicts: &mut RuleMask, tally: &mut Tally) {
    if !effects.written.is_empty() {
        tally.note(vehicle, &effects.written);
    }
    for (to, from) in verdicts.iter_mut().zip(&mut effects.verdicts) {
        *to |= std::mem::take(from);
    }
    effects.clear();
}
