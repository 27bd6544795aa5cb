//! Admission: one message at a time becomes readings that may be used, or a refusal with its reason.
//!
//! It remembers nothing: the result depends on the message, the vehicle's profile and the arguments
//! only. Whatever needs earlier readings happens in fold. A refused message keeps its number where
//! it could be read, so that it counts as dealt with; one without is answered by its SHA-256.

use std::io::Write as _;

use rules::reading::{Message, Reason, Sample, Sequence};
use rules::shelf::Shelf;
use rules::signal::{SignalNo, Signals};
use rules::time::{Span, Time};
use rules::vehicle::{Profile, Purpose, VehicleId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use crate::dialect::{Decoded, Dialect, PremendJson, RefusedReadings};
use crate::redact::{redact, redact_text};
use crate::signal_index::{Entry, SignalIndex};
use crate::topic::{self, TopicError};

/// Bytes that a payload may have.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// 2015-01-01T00:00:00Z: a clock that shows less was never set.
const CLOCK_SET: Time = Time::from_secs(1_420_070_400);
/// Positions are kept to a hundredth of a degree, about a kilometre.
const CELLS_PER_DEGREE: f64 = 100.0;

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

/// A message that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    /// What exactly, redacted.
    pub detail: String,
    /// `None`: it could not be read, and is answered by its SHA-256.
    pub sequence: Option<Sequence>,
    /// As claimed by the topic, where that names a vehicle.
    pub vehicle: Option<VehicleId>,
    pub size: usize,
    pub sha256: [u8; 32],
    /// What may be shown of the payload.
    pub excerpt: String,
    /// Readings that were refused before the message was.
    pub refused: RefusedReadings,
}

impl Refusal {
    /// A refusal by someone who stands behind admission, such as the store.
    pub fn new(
        reason: Reason,
        detail: &str,
        vehicle: Option<VehicleId>,
        sequence: Option<Sequence>,
        payload: &[u8],
    ) -> Self {
        let refused = Refused { sequence, ..Refused::new(reason, detail) };
        *write_down(refused, vehicle, payload)
    }
}

/// Admission under one catalogue.
pub struct Admission {
    signals: SignalIndex,
    dialect: &'static dyn Dialect,
    skew: Span,
    when_measured: bool,
}

/// Why a message is refused, before it is written down.
struct Refused {
    reason: Reason,
    detail: String,
    sequence: Option<Sequence>,
    readings: RefusedReadings,
}

impl Admission {
    /// How far a vehicle's clock may be ahead of ours.
    pub const DEFAULT_SKEW: Span = Span::from_mins(5);

    pub fn new(signals: &Signals) -> Self {
        Self {
            signals: SignalIndex::new(signals),
            dialect: &PremendJson,
            skew: Self::DEFAULT_SKEW,
            when_measured: false,
        }
    }

    #[must_use]
    pub fn with_dialect(mut self, dialect: &'static dyn Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    #[must_use]
    pub fn with_skew(mut self, skew: Span) -> Self {
        self.skew = skew;
        self
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

    /// Judges one message. Without a profile the vehicle is unknown.
    pub fn admit(
        &self,
        envelope: &Envelope<'_>,
        profile: Option<&Profile>,
        shelf: &mut Shelf,
    ) -> Result<Admitted, Box<Refusal>> {
        let vehicle = match envelope.vehicle.cloned().map_or_else(|| topic::parse(envelope.topic), Ok) {
            Ok(vehicle) => vehicle,
            Err(error) => {
                return Err(write_down(Refused::by_topic(&error, envelope.topic), None, envelope.payload));
            }
        };
        match self.judge(&vehicle, envelope, profile, shelf) {
            Ok((message, refused)) => Ok(Admitted { vehicle, message, refused }),
            Err(refused) => Err(write_down(refused, Some(vehicle), envelope.payload)),
        }
    }

    fn judge(
        &self,
        vehicle: &VehicleId,
        envelope: &Envelope<'_>,
        profile: Option<&Profile>,
        shelf: &mut Shelf,
    ) -> Result<(Message, RefusedReadings), Refused> {
        if envelope.client.is_some_and(|client| client != vehicle.as_str()) {
            return Err(Refused::new(Reason::TopicMismatch, "published by another client"));
        }
        if envelope.payload.len() > MAX_PAYLOAD {
            return Err(Refused::new(Reason::TooLarge, "larger than 64 KiB"));
        }
        let decoded = self
            .dialect
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
        let latest = received_at + self.skew;
        for sample in &decoded.samples {
            if sample.measured_at > latest {
                return refuse(Reason::FromFuture, &format!("measured at {}", sample.measured_at));
            }
            if sample.measured_at < CLOCK_SET {
                return refuse(Reason::ClockUnset, &format!("measured at {}", sample.measured_at));
            }
        }
        let (mut samples, mut refused) = (decoded.samples, decoded.refused);
        for sample in &mut samples {
            self.sift(sample, &terms, &mut refused);
        }
        samples.retain(|sample| !sample.readings.is_empty() || !sample.faults.is_empty());
        if samples.is_empty() && decoded.seen.is_empty() {
            return Err(Refused::nothing_left(refused).numbered(sequence));
        }
        // A number says as much, for less.
        let hash = match sequence {
            Some(sequence) => sequence.seq,
            None => content_hash(&samples, &decoded.seen, shelf.scratch()),
        };
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

/// What a vehicle's profile lets us keep.
struct Terms<'p> {
    profile: &'p Profile,
    purposes: u8,
}

impl<'p> Terms<'p> {
    fn new(profile: &'p Profile) -> Self {
        let purposes = profile.consents.iter().fold(0, |bits, purpose| bits | 1 << *purpose as u8);
        Self { profile, purposes }
    }

    fn agrees(&self, purpose: Purpose) -> bool {
        self.purposes & 1 << purpose as u8 != 0
    }

    /// The value to keep of one reading.
    fn judge(&self, entry: &Entry, value: f64) -> Result<f64, Reason> {
        if !self.agrees(entry.purpose) {
            return Err(Reason::NoConsent);
        }
        if !self.allows(entry) {
            return Err(Reason::NotAllowed);
        }
        if !value.is_finite() {
            return Err(Reason::NotANumber);
        }
        if entry.sentinels.contains(&value) {
            return Err(Reason::Sentinel);
        }
        if value < entry.range.0 || value > entry.range.1 {
            return Err(Reason::OutOfRange);
        }
        if entry.coarse {
            return Ok((value * CELLS_PER_DEGREE).round() / CELLS_PER_DEGREE);
        }
        // Minus zero becomes zero, so that equal content hashes alike.
        Ok(value + 0.0)
    }

    /// Whether the vehicle has such a thing and its allow-list names it.
    fn allows(&self, entry: &Entry) -> bool {
        let fits = entry.powertrains.is_empty() || entry.powertrains.contains(&self.profile.powertrain);
        fits && self.profile.allowed.as_ref().is_none_or(|allowed| allowed.contains(&entry.no))
    }
}

impl Refused {
    fn new(reason: Reason, detail: &str) -> Self {
        let readings = RefusedReadings::default();
        Self { reason, detail: detail.to_owned(), sequence: None, readings }
    }

    fn by_topic(error: &TopicError, topic: &str) -> Self {
        Self::new(Reason::TopicMismatch, &redact_text(&format!("{error}: {topic}")))
    }

    /// The first thing that was wrong stands for the message; nothing at all means it was empty.
    fn nothing_left(readings: RefusedReadings) -> Self {
        let mut refused = match readings.iter().next() {
            Some(first) => Self::new(first.reason, &describe(first.signal, first.detail.as_deref())),
            None => Self::new(Reason::Empty, "no reading, no fault code, no notice seen"),
        };
        refused.readings = readings;
        refused
    }

    fn numbered(mut self, sequence: Option<Sequence>) -> Self {
        self.sequence = sequence;
        self
    }
}

fn describe(signal: Option<SignalNo>, detail: Option<&str>) -> String {
    match (signal, detail) {
        (_, Some(detail)) => detail.to_owned(),
        (Some(signal), None) => format!("signal {}", signal.0),
        (None, None) => String::new(),
    }
}

#[cold]
fn write_down(refused: Refused, vehicle: Option<VehicleId>, payload: &[u8]) -> Box<Refusal> {
    Box::new(Refusal {
        reason: refused.reason,
        detail: refused.detail,
        sequence: refused.sequence,
        vehicle,
        size: payload.len(),
        sha256: Sha256::digest(payload).into(),
        excerpt: redact(payload),
        refused: refused.readings,
    })
}

/// A hash of what was measured, whatever number it came under and whenever it arrived.
fn content_hash(samples: &[Sample], seen: &[uuid::Uuid], content: &mut Vec<u8>) -> u64 {
    for sample in samples {
        content.extend_from_slice(&sample.measured_at.micros().to_le_bytes());
        content.extend_from_slice(&(sample.readings.len() as u32).to_le_bytes());
        for reading in &sample.readings {
            content.extend_from_slice(&reading.signal.0.to_le_bytes());
            content.extend_from_slice(&reading.value.to_bits().to_le_bytes());
        }
        content.extend_from_slice(&(sample.faults.len() as u32).to_le_bytes());
        for fault in &sample.faults {
            // Writing to a vector cannot fail.
            let _ = write!(content, "{}", fault.code);
            content.push(fault.status);
            content.extend_from_slice(&fault.count.map_or(u32::MAX, u32::from).to_le_bytes());
            content.push(fault.ecu.len() as u8);
            content.extend_from_slice(fault.ecu.as_bytes());
        }
    }
    for id in seen {
        content.extend_from_slice(id.as_bytes());
    }
    xxh3_64(content)
}

#[cfg(test)]
mod tests {

    use rules::vehicle::Powertrain;
    use uuid::Uuid;

    use super::*;
    use crate::hostile::hostile_payloads;
    use crate::signal_index::tests::signals;

    const NOW: Time = Time::from_secs(1_795_310_400);

    fn profile(consents: &[Purpose]) -> Profile {
        Profile {
            model: "m".to_owned(),
            model_year: 2024,
            powertrain: Powertrain::Ice,
            region: String::new(),
            software: String::new(),
            tier: String::new(),
            dealer: Uuid::nil(),
            owner: None,
            consents: consents.iter().copied().collect(),
            allowed: None,
            delivered_at: NOW,
            attributes: rules::vehicle::Attributes::default(),
        }
    }

    fn full() -> Profile {
        profile(&[Purpose::Maintenance, Purpose::Diagnostics, Purpose::Location])
    }

    fn admit_at(payload: &str, received_at: Time, profile: Option<&Profile>) -> Result<Admitted, Box<Refusal>> {
        let envelope = Envelope {
            topic: "premend/v1/car-1/telemetry",
            client: Some("car-1"),
            vehicle: None,
            payload: payload.as_bytes(),
            received_at,
        };
        Admission::new(&signals()).admit(&envelope, profile, &mut Shelf::default())
    }

    fn admit(payload: &str, profile: Option<&Profile>) -> Result<Admitted, Box<Refusal>> {
        admit_at(payload, NOW, profile)
    }

    fn message(signals: &str) -> String {
        format!(r#"{{"stream":1,"seq":7,"ts":"{NOW}","signals":{{{signals}}}}}"#)
    }

    const ALL: &str = r#""Vehicle.TraveledDistance":5,"Vehicle.LowVoltageBattery.CurrentVoltage":12.4,
        "Vehicle.CurrentLocation.Latitude":39.90421,"Vehicle.Powertrain.TractionBattery.StateOfHealth":91"#;

    fn numbers(admitted: &Admitted) -> Vec<u16> {
        admitted.message.samples.iter().flat_map(|sample| &sample.readings).map(|reading| reading.signal.0).collect()
    }

    fn reasons(admitted: &Admitted) -> Vec<(Reason, Option<u16>)> {
        admitted.refused.iter().map(|kept| (kept.reason, kept.signal.map(|signal| signal.0))).collect()
    }

    #[test]
    fn keeps_what_is_consented_to_and_fits_the_vehicle() {
        let admitted = admit(&message(ALL), Some(&full())).unwrap();
        assert_eq!(numbers(&admitted), [1, 2, 50]);
        assert_eq!(reasons(&admitted), [(Reason::NotAllowed, Some(60))]);
        assert_eq!(admitted.message.samples[0].readings[2].value, 39.9, "positions are coarse");

        let admitted = admit(&message(ALL), Some(&profile(&[Purpose::Maintenance]))).unwrap();
        assert_eq!(numbers(&admitted), [1]);
        assert_eq!(reasons(&admitted).iter().filter(|(reason, _)| *reason == Reason::NoConsent).count(), 3);

        let listed = Profile { allowed: Some([SignalNo(2)].into()), ..full() };
        assert_eq!(numbers(&admit(&message(ALL), Some(&listed)).unwrap()), [2]);
    }

    #[test]
    fn refuses_without_consent_and_keeps_the_number() {
        for consents in [&[][..], &[Purpose::Location], &[Purpose::Marketing, Purpose::DealerSharing]] {
            let refusal = admit(&message(ALL), Some(&profile(consents))).unwrap_err();
            assert_eq!(refusal.reason, Reason::NoConsent);
            assert_eq!(refusal.sequence, Some(Sequence { stream: 1, seq: 7, oldest: None }));
        }
        let only_denied = r#""Vehicle.CurrentLocation.Latitude":39.9"#;
        let refusal = admit(&message(only_denied), Some(&profile(&[Purpose::Maintenance]))).unwrap_err();
        assert_eq!((refusal.reason, refusal.sequence.map(|sequence| sequence.seq)), (Reason::NoConsent, Some(7)));
        assert!(!refusal.excerpt.contains("39.9042"));
    }

    #[test]
    fn refuses_unknown_vehicles_and_other_people_s_topics() {
        assert_eq!(admit(&message(ALL), None).unwrap_err().reason, Reason::UnknownVehicle);
        let admission = Admission::new(&signals());
        let payload = message(ALL);
        let mut envelope = Envelope {
            topic: "premend/v1/car-1/telemetry",
            client: Some("car-2"),
            vehicle: None,
            payload: payload.as_bytes(),
            received_at: NOW,
        };
        assert_eq!(
            admission.admit(&envelope, Some(&full()), &mut Shelf::default()).unwrap_err().reason,
            Reason::TopicMismatch
        );
        envelope.client = None;
        assert!(admission.admit(&envelope, Some(&full()), &mut Shelf::default()).is_ok());
        envelope.topic = "premend/v1/car-1/down";
        let refusal = admission.admit(&envelope, Some(&full()), &mut Shelf::default()).unwrap_err();
        assert_eq!((refusal.reason, refusal.vehicle), (Reason::TopicMismatch, None));
        let claim = payload.replacen('{', r#"{"vehicle":"car-9","#, 1);
        assert_eq!(admit(&claim, Some(&full())).unwrap_err().reason, Reason::TopicMismatch);
    }

    #[test]
    fn judges_the_clock() {
        let payload = message(r#""Vehicle.TraveledDistance":5"#);
        let skewed = |span| admit_at(&payload, NOW - span, Some(&full())).map_err(|refusal| refusal.reason);
        assert!(skewed(Span::from_mins(5)).is_ok());
        assert_eq!(skewed(Span::from_micros(300_000_001)).unwrap_err(), Reason::FromFuture);
        let unset = payload.replace(&NOW.to_string(), "2014-12-31T23:59:59Z");
        let refusal = admit(&unset, Some(&full())).unwrap_err();
        assert_eq!((refusal.reason, refusal.sequence.map(|sequence| sequence.seq)), (Reason::ClockUnset, Some(7)));
    }

    #[test]
    fn refuses_values_that_cannot_be() {
        for (signals, reason) in [
            (r#""Vehicle.TraveledDistance":-1"#, Reason::OutOfRange),
            (r#""Vehicle.TraveledDistance":2e9,"Vehicle.LowVoltageBattery.CurrentVoltage":655.35"#, Reason::Sentinel),
            (r#""Vehicle.TraveledDistance":2000000000.1"#, Reason::OutOfRange),
            (r#""Vehicle.TraveledDistance":"5""#, Reason::WrongType),
            (r#""Vehicle.Made.Up":5"#, Reason::UnknownSignal),
            (r#""Feature.KmPerDay":5"#, Reason::UnknownSignal),
        ] {
            let found = match admit(&message(signals), Some(&full())) {
                Ok(admitted) => admitted.refused.iter().next().unwrap().reason,
                Err(refusal) => refusal.reason,
            };
            assert_eq!(found, reason, "{signals}");
        }
        assert_eq!(admit(&message(""), Some(&full())).unwrap_err().reason, Reason::Empty);
        let large = message(&format!(r#""x":"{}""#, "y".repeat(MAX_PAYLOAD)));
        assert_eq!(admit(&large, Some(&full())).unwrap_err().reason, Reason::TooLarge);
    }

    #[test]
    fn hashes_what_was_measured_and_nothing_else() {
        let hash = |payload: &str, now| admit_at(payload, now, Some(&full())).unwrap().message.hash;
        let payload = message(r#""Vehicle.TraveledDistance":5,"Vehicle.LowVoltageBattery.CurrentVoltage":-0.0"#)
            .replace(r#""stream":1,"seq":7,"#, "");
        let again =
            r#"{"signals":{"Vehicle.LowVoltageBattery.CurrentVoltage":0,"Vehicle.TraveledDistance":5.0},"ts":"@"}"#
                .replace('@', &NOW.to_string());
        assert_eq!(hash(&payload, NOW), hash(&again, NOW + Span::from_hours(1)));
        assert_ne!(hash(&payload, NOW), hash(&payload.replace(":5,", ":6,"), NOW));
    }

    #[test]
    fn refuses_ten_thousand_hostile_payloads_each_with_a_reason() {
        let admission = Admission::new(&signals());
        let profile = full();
        for hostile in hostile_payloads(7, 20_000, "car-1") {
            let envelope = Envelope {
                topic: &hostile.topic,
                client: None,
                vehicle: None,
                payload: &hostile.payload,
                received_at: NOW,
            };
            let refusal = admission.admit(&envelope, Some(&profile), &mut Shelf::default()).expect_err(hostile.trick);
            assert!(refusal.excerpt.len() <= 120 && refusal.size == hostile.payload.len(), "{}", hostile.trick);
            assert!(
                !refusal.detail.is_empty()
                    || refusal.reason == Reason::BadFaultCode
                    || refusal.reason == Reason::UnknownSignal,
                "{hostile:?}"
            );
        }
    }

    #[test]
    #[ignore = "measures; run with --release"]
    fn how_long_one_message_takes() {
        let payload = message(
            r#""Vehicle.TraveledDistance":48211300,"Vehicle.LowVoltageBattery.CurrentVoltage":12.41,
            "Vehicle.LowVoltageSystemState":"ON","Vehicle.Chassis.Brake.IsWarning":false"#,
        );
        let (admission, profile) = (Admission::new(&signals()), full());
        let envelope = Envelope {
            topic: "premend/v1/car-1/telemetry",
            client: None,
            vehicle: None,
            payload: payload.as_bytes(),
            received_at: NOW,
        };
        for _ in 0..5 {
            let started = std::time::Instant::now();
            for _ in 0..100_000 {
                assert!(
                    std::hint::black_box(admission.admit(&envelope, Some(&profile), &mut Shelf::default())).is_ok()
                );
            }
            println!("{} ns for {} bytes", started.elapsed().as_nanos() / 100_000, payload.len());
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics_and_admits_only_what_is_in_range(at in 0_usize..400, flip in 1_u8..=255, cut in 0_usize..400) {
            let profile = full();
            let mut payload = message(ALL).into_bytes();
            if let Some(byte) = payload.get_mut(at) { *byte ^= flip; }
            payload.truncate(payload.len() - cut.min(payload.len()) * usize::from(cut % 3 == 0));
            let envelope = Envelope { topic: "premend/v1/car-1/telemetry", client: None, vehicle: None, payload: &payload, received_at: NOW };
            let admission = Admission::new(&signals());
            if let Ok(admitted) = admission.admit(&envelope, Some(&profile), &mut Shelf::default()) {
                for reading in admitted.message.samples.iter().flat_map(|sample| &sample.readings) {
                    let range = admission.signals().by_no(reading.signal).unwrap().range;
                    proptest::prop_assert!(reading.value >= range.0 && reading.value <= range.1);
                }
            }
        }
    }
}
