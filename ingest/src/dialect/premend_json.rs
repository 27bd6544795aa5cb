//! The wire of premend itself, in JSON: one sample in the envelope, or many under `samples`.
//!
//! ```json
//! {"stream":1,"seq":1234,"oldest":1230,"ts":"2026-11-22T01:20:00.123Z",
//!  "signals":{"Vehicle.TraveledDistance":48211300},"faults":[{"code":"P0301","ecu":"7E8","status":47,"count":2}],
//!  "seen":["6f9619ff-8b86-5011-b42d-00cf4fc964ff"]}
//! ```
//!
//! Unknown keys of the envelope are passed over, so that vehicles may be newer than we are; the
//! same key twice, and both forms at once, are not readable. Numbering begins at 1.

use std::borrow::Cow;

use rules::reading::{FaultReport, Reading, Reason, Sample, Sequence};
use rules::shelf::Shelf;
use rules::signal::Kind;
use rules::time::Time;
use uuid::Uuid;

use super::json::{Reader, Value};
use super::{DecodeError, Decoded, Dialect, RefusedReadings, instant};
use crate::signal_index::{Entry, SignalIndex};

/// Readings that one sample may have.
pub const MAX_READINGS: usize = 512;
/// Samples that one message may have.
pub const MAX_SAMPLES: usize = 256;
/// Fault reports that one sample may have.
pub const MAX_FAULTS: usize = 200;
/// In-car notices that one message may report as seen.
pub const MAX_SEEN: usize = 64;
/// Keys that one envelope may have, known or not.
const MAX_KEYS: usize = 32;
/// Bytes of an ECU's name.
const MAX_ECU: usize = 16;

type Result<T> = std::result::Result<T, DecodeError>;

/// The dialect.
pub struct PremendJson;

impl Dialect for PremendJson {
    fn key(&self) -> &'static str {
        "premend_json"
    }

    fn description(&self) -> &'static str {
        "JSON with VSS paths: one sample in the envelope, or a list of samples"
    }

    fn decode<'p>(&self, payload: &'p [u8], signals: &SignalIndex, shelf: &mut Shelf) -> Result<Decoded<'p>> {
        let mut reader = Reader::new(payload)?;
        let mut envelope = Envelope::new(signals, shelf);
        reader.object(|reader, key| envelope.member(reader, &key))?;
        reader.end()?;
        envelope.finish(&reader)
    }
}

/// What was read of a message so far.
struct Envelope<'i, 'p> {
    signals: &'i SignalIndex,
    shelf: &'i mut Shelf,
    keys: Keys,
    stream: Option<u64>,
    seq: Option<u64>,
    oldest: Option<u64>,
    own: Parts,
    samples: Option<Vec<Sample>>,
    decoded: Decoded<'p>,
}

/// The parts of a sample, in whatever order they come.
#[derive(Default)]
struct Parts {
    ts: Option<Time>,
    /// From the shelf, once there is something to fill it with.
    sample: Option<Sample>,
}

impl<'i, 'p> Envelope<'i, 'p> {
    fn new(signals: &'i SignalIndex, shelf: &'i mut Shelf) -> Self {
        Self {
            signals,
            shelf,
            keys: Keys::default(),
            stream: None,
            seq: None,
            oldest: None,
            own: Parts::default(),
            samples: None,
            decoded: Decoded::default(),
        }
    }

    #[inline]
    fn member(&mut self, reader: &mut Reader<'p>, key: &str) -> Result<()> {
        match self.keys.note(reader, key)? {
            Some(Key::Stream) => self.stream = Some(reader.ordinal("`stream` is a whole number from 1")?),
            Some(Key::Seq) => self.seq = Some(reader.ordinal("`seq` is a whole number from 1")?),
            Some(Key::Oldest) => self.oldest = Some(reader.ordinal("`oldest` is a whole number from 1")?),
            Some(Key::Vehicle) => self.decoded.vehicle = Some(reader.text()?),
            Some(Key::Seen) => self.decoded.seen = seen(reader)?,
            Some(Key::Samples) => {
                self.samples = Some(samples(reader, self.signals, self.shelf, &mut self.decoded.refused)?);
            }
            key => {
                if !self.own.member(reader, key, self.signals, self.shelf, &mut self.decoded.refused)? {
                    reader.value()?;
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, reader: &Reader<'_>) -> Result<Decoded<'p>> {
        self.decoded.sequence = match (self.stream, self.seq) {
            (Some(stream), Some(seq)) if self.oldest.is_none_or(|oldest| oldest <= seq) => {
                Some(Sequence { stream, seq, oldest: self.oldest })
            }
            (Some(_), Some(_)) => return Err(reader.error("`oldest` is beyond `seq`")),
            (None, None) if self.oldest.is_none() => None,
            _ => return Err(reader.error("`stream` and `seq` go together")),
        };
        match self.samples {
            Some(_) if !self.own.is_empty() => {
                return Err(reader.error("a sample beside `samples`"));
            }
            Some(samples) => self.decoded.samples = samples,
            None if self.own.is_empty() => {}
            None => {
                self.decoded.samples = self.shelf.list();
                self.decoded.samples.push(self.own.sample(reader)?);
            }
        }
        Ok(self.decoded)
    }
}

impl Parts {
    /// Reads a part of a sample; false where the key names none.
    fn member(
        &mut self,
        reader: &mut Reader<'_>,
        key: Option<Key>,
        signals: &SignalIndex,
        shelf: &mut Shelf,
        refused: &mut RefusedReadings,
    ) -> Result<bool> {
        match key {
            Some(Key::Ts) => {
                let text = reader.text()?;
                self.ts = Some(instant::parse(&text).ok_or_else(|| reader.error("`ts` is no RFC 3339 time"))?);
            }
            Some(Key::Signals) => readings(reader, signals, refused, &mut self.filled(shelf).readings)?,
            Some(Key::Faults) => faults(reader, refused, &mut self.filled(shelf).faults)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn filled(&mut self, shelf: &mut Shelf) -> &mut Sample {
        self.sample.get_or_insert_with(|| shelf.sample())
    }

    fn is_empty(&self) -> bool {
        self.ts.is_none() && self.sample.is_none()
    }

    fn sample(self, reader: &Reader<'_>) -> Result<Sample> {
        let measured_at = self.ts.ok_or_else(|| reader.error("`ts` is missing"))?;
        let empty = || Sample { measured_at, readings: Vec::new(), faults: Vec::new() };
        Ok(Sample { measured_at, ..self.sample.unwrap_or_else(empty) })
    }
}

fn samples(
    reader: &mut Reader<'_>,
    signals: &SignalIndex,
    shelf: &mut Shelf,
    refused: &mut RefusedReadings,
) -> Result<Vec<Sample>> {
    let mut samples = shelf.list();
    reader.list(|reader| {
        if samples.len() == MAX_SAMPLES {
            return Err(too_many(reader, "too many samples"));
        }
        let mut parts = Parts::default();
        let mut keys = Keys::default();
        reader.object(|reader, key| {
            let key = keys.note(reader, &key)?;
            if !parts.member(reader, key, signals, shelf, refused)? {
                reader.value()?;
            }
            Ok(())
        })?;
        samples.push(parts.sample(reader)?);
        Ok(())
    })?;
    Ok(samples)
}

/// Reads `signals`: known ones with values of their kind become readings, the others are refused.
fn readings(
    reader: &mut Reader<'_>,
    signals: &SignalIndex,
    refused: &mut RefusedReadings,
    readings: &mut Vec<Reading>,
) -> Result<()> {
    let mut count = 0;
    let mut before = None;
    reader.object(|reader, path| {
        count += 1;
        if count > MAX_READINGS {
            return Err(too_many(reader, "too many signals"));
        }
        let value = reader.value()?;
        let Some(entry) = signals.by_path_after(before, &path) else {
            refused.unknown(Reason::UnknownSignal, &path);
            return Ok(());
        };
        before = Some(entry);
        match reading(entry, &value) {
            Ok(value) => readings.push(Reading { signal: entry.no, value }),
            Err(reason) => refused.signal(reason, entry.no),
        }
        Ok(())
    })?;
    if !readings.is_sorted_by_key(|reading| reading.signal) {
        readings.sort_unstable_by_key(|reading| reading.signal);
    }
    if readings.windows(2).any(|pair| matches!(pair, [one, other] if one.signal == other.signal)) {
        return Err(reader.error("a signal is given twice"));
    }
    Ok(())
}

/// The number that a value of this signal's kind stands for.
fn reading(entry: &Entry, value: &Value<'_>) -> std::result::Result<f64, Reason> {
    match (&entry.kind, value) {
        (Kind::Number, Value::Number(number)) => {
            let number = number.as_f64();
            if number.is_finite() { Ok(number) } else { Err(Reason::NotANumber) }
        }
        (Kind::Flag, Value::Bool(flag)) => Ok(f64::from(u8::from(*flag))),
        (Kind::Words(words), Value::Text(text)) => {
            let place = words.iter().position(|word| word == text);
            place.map(|place| place as f64).ok_or(Reason::OutOfRange)
        }
        // What JSON has for NaN.
        (_, Value::Null) => Err(Reason::NotANumber),
        _ => Err(Reason::WrongType),
    }
}

fn faults(reader: &mut Reader<'_>, refused: &mut RefusedReadings, faults: &mut Vec<FaultReport>) -> Result<()> {
    let mut count = 0;
    reader.list(|reader| {
        count += 1;
        if count > MAX_FAULTS {
            return Err(too_many(reader, "too many fault codes"));
        }
        let mut parts = FaultParts::default();
        reader.object(|reader, key| parts.member(reader, &key))?;
        match parts.report() {
            Some(report) => faults.push(report),
            None => refused.unknown(Reason::BadFaultCode, parts.code.as_deref().unwrap_or_default()),
        }
        Ok(())
    })
}

/// One fault report as written; a part of the wrong kind spoils this report only.
#[derive(Default)]
struct FaultParts<'a> {
    code: Option<Cow<'a, str>>,
    ecu: Option<Cow<'a, str>>,
    status: Option<u64>,
    count: Option<u64>,
    spoiled: bool,
}

impl<'a> FaultParts<'a> {
    fn member(&mut self, reader: &mut Reader<'a>, key: &str) -> Result<()> {
        let value = reader.value()?;
        let again = match (key, value) {
            ("code", Value::Text(code)) => self.code.replace(code).is_some(),
            ("ecu", Value::Text(ecu)) => self.ecu.replace(ecu).is_some(),
            ("status", Value::Number(status)) => self.status.replace(status.as_u64().unwrap_or(u64::MAX)).is_some(),
            ("count", Value::Number(count)) => self.count.replace(count.as_u64().unwrap_or(u64::MAX)).is_some(),
            ("count" | "ecu", Value::Null) => false,
            ("code" | "ecu" | "status" | "count", _) => {
                self.spoiled = true;
                false
            }
            _ => false,
        };
        if again { Err(reader.error("a key is given twice")) } else { Ok(()) }
    }

    fn report(&self) -> Option<FaultReport> {
        let code = self.code.as_deref()?.parse().ok()?;
        let ecu = self.ecu.as_deref().unwrap_or_default();
        let status = u8::try_from(self.status?).ok()?;
        let count = self.count.map(u16::try_from).transpose().ok()?;
        let named = ecu.len() <= MAX_ECU && ecu.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        (named && !self.spoiled).then(|| FaultReport { code, ecu: ecu.into(), status, count })
    }
}

fn seen(reader: &mut Reader<'_>) -> Result<Vec<Uuid>> {
    let mut seen = Vec::new();
    reader.list(|reader| {
        if seen.len() == MAX_SEEN {
            return Err(too_many(reader, "too many notices seen"));
        }
        let text = reader.text()?;
        let id = if text.len() == 36 { Uuid::try_parse(&text).ok() } else { None };
        seen.push(id.ok_or_else(|| reader.error("`seen` is a list of UUIDs"))?);
        Ok(())
    })?;
    Ok(seen)
}

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Stream,
    Seq,
    Oldest,
    Ts,
    Signals,
    Faults,
    Samples,
    Seen,
    Vehicle,
}

impl Key {
    #[inline]
    fn of(key: &str) -> Option<Self> {
        Some(match key.as_bytes() {
            b"seq" => Self::Seq,
            b"ts" => Self::Ts,
            b"signals" => Self::Signals,
            b"stream" => Self::Stream,
            b"oldest" => Self::Oldest,
            b"faults" => Self::Faults,
            b"vehicle" => Self::Vehicle,
            b"samples" => Self::Samples,
            b"seen" => Self::Seen,
            _ => return None,
        })
    }
}

/// The keys that one object had, to find one given twice.
#[derive(Default)]
struct Keys {
    known: u16,
    unknown: Vec<Box<str>>,
}

impl Keys {
    /// What a key means, if anything.
    #[inline]
    fn note(&mut self, reader: &Reader<'_>, key: &str) -> Result<Option<Key>> {
        let Some(known) = Key::of(key) else { return self.note_unknown(reader, key).map(|()| None) };
        let bit = 1 << known as u16;
        if self.known & bit != 0 {
            return Err(reader.error("a key is given twice"));
        }
        self.known |= bit;
        Ok(Some(known))
    }

    #[cold]
    fn note_unknown(&mut self, reader: &Reader<'_>, key: &str) -> Result<()> {
        if self.unknown.iter().any(|known| **known == *key) {
            return Err(reader.error("a key is given twice"));
        }
        if self.unknown.len() == MAX_KEYS {
            return Err(too_many(reader, "too many keys"));
        }
        self.unknown.push(key.into());
        Ok(())
    }
}

fn too_many(reader: &Reader<'_>, what: &'static str) -> DecodeError {
    DecodeError { reason: Reason::TooMany, ..reader.error(what) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal_index::tests::signals;

    fn decode(payload: &str) -> Result<Decoded<'_>> {
        PremendJson.decode(payload.as_bytes(), &SignalIndex::new(&signals()), &mut Shelf::default())
    }

    const GOOD: &str = r#"{"stream":1,"seq":1234,"oldest":1230,"ts":"2026-11-22T01:20:00.123Z",
        "signals":{"Vehicle.LowVoltageBattery.CurrentVoltage":12.41,"Vehicle.TraveledDistance":48211300,
        "Vehicle.LowVoltageSystemState":"ON","Vehicle.Chassis.Brake.IsWarning":false},
        "faults":[{"code":"P0301","ecu":"7E8","status":47,"count":2}],"firmware":{"v":[1]}}"#;

    #[test]
    fn reads_the_single_form() {
        let decoded = decode(GOOD).unwrap();
        assert_eq!(decoded.sequence, Some(Sequence { stream: 1, seq: 1234, oldest: Some(1230) }));
        let [sample] = &decoded.samples[..] else { panic!("one sample") };
        assert_eq!(sample.measured_at.to_string(), "2026-11-22T01:20:00.123Z");
        let values: Vec<_> = sample.readings.iter().map(|reading| (reading.signal.0, reading.value)).collect();
        assert_eq!(values, [(1, 48_211_300.0), (2, 12.41), (3, 3.0), (4, 0.0)]);
        assert_eq!(sample.faults[0].status, 47);
        assert!(decoded.refused.is_empty());
    }

    #[test]
    fn reads_the_form_with_samples_and_one_without_any() {
        let decoded = decode(
            r#"{"samples":[{"ts":"2026-11-22T01:20:00Z","signals":{}},{"ts":"2026-11-22T01:20:01Z","faults":[]}],
            "stream":2,"seq":1,"seen":["6f9619ff-8b86-5011-b42d-00cf4fc964ff"]}"#,
        );
        assert_eq!(decoded.unwrap().samples.len(), 2);
        let decoded = decode(r#"{"stream":2,"seq":1,"seen":["6f9619ff-8b86-5011-b42d-00cf4fc964ff"]}"#).unwrap();
        assert_eq!((decoded.samples.len(), decoded.seen.len()), (0, 1));
    }

    #[test]
    fn refuses_a_reading_and_keeps_the_message() {
        let decoded = decode(
            r#"{"ts":"2026-11-22T01:20:00Z","signals":{"Vehicle.TraveledDistance":1e999,"Vehicle.Nonsense":{"a":[1]},
            "Vehicle.LowVoltageBattery.CurrentVoltage":"12.4","Vehicle.LowVoltageSystemState":"FLYING",
            "Vehicle.Chassis.Brake.IsWarning":null},"faults":[{"code":"X0301","status":1},{"code":"P0301","status":256},
            {"code":"P0301","status":1,"ecu":"0123456789abcdefg"},{"code":301,"status":1}]}"#,
        )
        .unwrap();
        assert!(decoded.samples[0].readings.is_empty() && decoded.samples[0].faults.is_empty());
        let count =
            |reason| decoded.refused.iter().filter(|kept| kept.reason == reason).map(|kept| kept.count).sum::<u32>();
        for (reason, expected) in [
            (Reason::NotANumber, 2),
            (Reason::UnknownSignal, 1),
            (Reason::WrongType, 1),
            (Reason::OutOfRange, 1),
            (Reason::BadFaultCode, 4),
        ] {
            assert_eq!(count(reason), expected, "{reason:?}");
        }
    }

    #[test]
    fn refuses_a_message_whose_structure_is_broken() {
        for payload in [
            r#"{"stream":1,"seq":1,"seq":2,"ts":"2026-11-22T01:20:00Z","signals":{}}"#,
            r#"{"x":1,"x":2}"#,
            r#"{"stream":1}"#,
            r#"{"seq":1}"#,
            r#"{"oldest":1}"#,
            r#"{"stream":1,"seq":4,"oldest":5}"#,
            r#"{"stream":1,"seq":-4}"#,
            r#"{"stream":1,"seq":18446744073709551616}"#,
            r#"{"signals":{}}"#,
            r#"{"ts":1732238400,"signals":{}}"#,
            r#"{"ts":"yesterday","signals":{}}"#,
            r#"{"ts":"99999-01-01T00:00:00Z","signals":{}}"#,
            r#"{"ts":"2026-11-22T01:20:00Z","signals":[]}"#,
            r#"{"ts":"2026-11-22T01:20:00Z","signals":{"Vehicle.TraveledDistance":NaN}}"#,
            r#"{"ts":"2026-11-22T01:20:00Z","signals":{"Vehicle.TraveledDistance":1,"Vehicle.TraveledDistance":2}}"#,
            r#"{"ts":"2026-11-22T01:20:00Z","faults":["P0301"]}"#,
            r#"{"ts":"2026-11-22T01:20:00Z","faults":[{"code":"P0301","code":"P0302","status":1}]}"#,
            r#"{"ts":"2026-11-22T01:20:00Z","samples":[]}"#,
            r#"{"samples":[{"signals":{}}]}"#,
            r#"{"seen":["{6f9619ff-8b86-5011-b42d-00cf4fc964ff}"]}"#,
            r#"{"stream":1,"seq":1} {}"#,
            "[]",
            "null",
        ] {
            assert_eq!(decode(payload).map_err(|error| error.reason), Err(Reason::Unreadable), "{payload}");
        }
    }

    #[test]
    fn refuses_too_much_of_anything() {
        let sample = r#"{"ts":"2026-11-22T01:20:00Z"},"#;
        let many_samples = format!(r#"{{"samples":[{}]}}"#, sample.repeat(257).trim_end_matches(','));
        let signals: Vec<_> = (0..513).map(|n| format!(r#""S{n}":1"#)).collect();
        let many_signals = format!(r#"{{"ts":"2026-11-22T01:20:00Z","signals":{{{}}}}}"#, signals.join(","));
        let many_faults = format!(r#"{{"ts":"2026-11-22T01:20:00Z","faults":[{}]}}"#, vec!["{}"; 201].join(","));
        for payload in [many_samples, many_signals, many_faults] {
            assert_eq!(decode(&payload).unwrap_err().reason, Reason::TooMany);
        }
        let deep = format!(r#"{{"ts":{}1{}}}"#, "[".repeat(9), "]".repeat(9));
        assert_eq!(decode(&deep).unwrap_err().reason, Reason::TooDeep);
    }
}
