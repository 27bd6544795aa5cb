//! The judgement on one message: what holds for the whole of it first, then each of its samples.

use rules::entry::signal::Signals;
use rules::stage::shelf::Shelf;
use rules::unit::Time;
use rules::vehicle::{Message, Profile, Purpose, Reason, Sample, VehicleId};
use serde::{Deserialize, Serialize};

use super::content;
use super::refusal::{Refusal, Refused};
use super::terms::Terms;
use crate::dialect::{DEFAULT, Decoded, Dialect, Numbering, RefusedReadings};
use crate::signal_index::SignalIndex;
use crate::topic;

/// Bytes that a payload may have.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// 2015-01-01T00:00:00Z: a record that says it was received before has no time at all.
const CLOCK_SET: Time = Time::from_secs(1_420_070_400);

/// What is done with a vehicle that nobody registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownVehicle {
    /// Its messages are refused.
    #[default]
    Reject,
    /// It is registered by its first message; the caller admits with the profile it then has.
    Register,
}

/// One delivery as it reached us.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    pub topic: &'a str,
    /// The MQTT client that published it, where the source knows.
    pub client: Option<&'a str>,
    /// The vehicle of the topic, where the caller knows it: its id need not be made again.
    pub vehicle: Option<&'a VehicleId>,
    pub payload: &'a [u8],
    pub received_at: Time,
}

/// What may be used of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Admitted {
    pub vehicle: VehicleId,
    pub message: Message,
    /// Readings of it that were refused.
    pub refused: RefusedReadings,
}

/// Admission under one catalogue.
pub struct Admission {
    signals: SignalIndex,
    when_measured: bool,
}

impl Admission {
    pub fn new(signals: &Signals) -> Self {
        Self { signals: SignalIndex::new(signals), when_measured: false }
    }

    /// Every message counts as received when its newest sample was measured: for records that do not
    /// say when they were received.
    #[must_use]
    pub fn received_when_measured(mut self) -> Self {
        self.when_measured = true;
        self
    }

    pub fn signals(&self) -> &SignalIndex {
        &self.signals
    }

    /// Judges one message in premend's own dialect. Without a profile the vehicle is unknown.
    pub fn admit(
        &self,
        envelope: &Envelope<'_>,
        profile: Option<&Profile>,
        shelf: &mut Shelf,
    ) -> Result<Admitted, Box<Refusal>> {
        self.admit_in(DEFAULT, envelope, profile, shelf)
    }

    /// Judges one message in the dialect of its topic.
    pub fn admit_in(
        &self,
        dialect: &dyn Dialect,
        envelope: &Envelope<'_>,
        profile: Option<&Profile>,
        shelf: &mut Shelf,
    ) -> Result<Admitted, Box<Refusal>> {
        let vehicle = match envelope.vehicle.cloned().map_or_else(|| topic::parse(envelope.topic), Ok) {
            Ok(vehicle) => vehicle,
            Err(error) => {
                return Err(Refused::by_topic(&error, envelope.topic).write_down(None, envelope.payload));
            }
        };
        match self.judge(dialect, &vehicle, envelope, profile, shelf) {
            Ok((message, refused)) => Ok(Admitted { vehicle, message, refused }),
            Err(refused) => Err(refused.write_down(Some(vehicle), envelope.payload)),
        }
    }

    fn judge(
        &self,
        dialect: &dyn Dialect,
        vehicle: &VehicleId,
        envelope: &Envelope<'_>,
        profile: Option<&Profile>,
        shelf: &mut Shelf,
    ) -> Result<(Message, RefusedReadings), Refused> {
        if envelope.client.is_some_and(|client| client != vehicle.as_str()) {
            return Err(Refused::new(Reason::TopicMismatch, "published by another client"));
        }
        if envelope.payload.len() > MAX_PAYLOAD {
            let mut numbering = Numbering::default();
            numbering.push(envelope.payload);
            let sequence = numbering.sequence(vehicle.as_str());
            return Err(Refused::new(Reason::TooLarge, "larger than 64 KiB").numbered(sequence));
        }
        let decoded = dialect
            .decode(envelope.payload, &self.signals, shelf)
            .map_err(|error| Refused::new(error.reason, &error.to_string()))?;
        self.weigh(decoded, vehicle, envelope.received_at, profile, shelf)
    }

    /// What holds for the whole message first, then each of its samples.
    fn weigh(
        &self,
        decoded: Decoded<'_>,
        vehicle: &VehicleId,
        received_at: Time,
        profile: Option<&Profile>,
        shelf: &mut Shelf,
    ) -> Result<(Message, RefusedReadings), Refused> {
        let sequence = decoded.sequence;
        let measured_at = decoded.samples.last().map(|sample| sample.measured_at);
        let received_at = measured_at.filter(|_| self.when_measured).unwrap_or(received_at);
        let refuse = |reason, detail: &str| Err(Refused::new(reason, detail).numbered(sequence));
        if decoded.vehicle.is_some_and(|claimed| *claimed != *vehicle.as_str()) {
            return refuse(Reason::TopicMismatch, "the payload names another vehicle");
        }
        let Some(profile) = profile else {
            return refuse(Reason::UnknownVehicle, "not registered");
        };
        let terms = Terms::new(profile);
        if !terms.agrees(Purpose::Maintenance) && !terms.agrees(Purpose::Diagnostics) {
            return refuse(Reason::NoConsent, "neither for maintenance nor for diagnostics");
        }
        // Before anything is taken out: consent and rules may be others when the same bytes come again.
        let hash = content::hash(&decoded.samples, &decoded.seen, shelf.scratch());
        // A vehicle's clock is judged where its earlier messages are known, in the core.
        if received_at < CLOCK_SET {
            return refuse(Reason::ClockUnset, &format!("received at {received_at}"));
        }
        let (mut samples, mut refused) = (decoded.samples, decoded.refused);
        for sample in &mut samples {
            self.sift(sample, &terms, &mut refused);
        }
        samples.retain(|sample| !sample.readings.is_empty() || !sample.faults.is_empty());
        if samples.is_empty() && decoded.seen.is_empty() {
            return Err(Refused::nothing_left(refused).numbered(sequence));
        }
        Ok((Message { sequence, received_at, samples, seen: decoded.seen, hash }, refused))
    }

    /// Takes out of a sample what must not be kept.
    fn sift(&self, sample: &mut Sample, terms: &Terms<'_>, refused: &mut RefusedReadings) {
        sample.readings.retain_mut(|reading| match self.signals.by_no(reading.signal) {
            None => {
                refused.signal(Reason::UnknownSignal, reading.signal);
                false
            }
            Some(entry) => match terms.judge(entry, reading.value) {
                Ok(value) => {
                    reading.value = value;
                    true
                }
                Err(reason) => {
                    refused.signal(reason, entry.no);
                    false
                }
            },
        });
        if !terms.agrees(Purpose::Diagnostics) {
            for _ in sample.faults.drain(..) {
                refused.count(Reason::NoConsent);
            }
        }
    }
}
