//! Samples: when, which readings of which kind, which fault reports.

use std::borrow::Cow;

use rules::entry::signal::Kind;
use rules::stage::shelf::Shelf;
use rules::unit::Time;
use rules::vehicle::{Reading, Reason, Sample};

use super::fault::faults;
use super::keys::{Key, Keys, Result, too_many};
use crate::dialect::json::{Reader, Value};
use crate::dialect::{RefusedReadings, instant};
use crate::signal_index::{Entry, SignalIndex};

/// Readings that one sample may have.
pub const MAX_READINGS: usize = 512;
/// Samples that one message may have.
pub const MAX_SAMPLES: usize = 256;

/// The parts of a sample, in whatever order they come.
#[derive(Default)]
pub struct Parts {
    ts: Option<Time>,
    /// From the shelf, once there is something to fill it with.
    sample: Option<Sample>,
}

impl Parts {
    /// Reads a part of a sample; false where the key names none.
    pub fn member(
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

    pub fn is_empty(&self) -> bool {
        self.ts.is_none() && self.sample.is_none()
    }

    pub fn sample(self, reader: &Reader<'_>) -> Result<Sample> {
        let measured_at = self.ts.ok_or_else(|| reader.error("`ts` is missing"))?;
        let empty = || Sample { measured_at, readings: Vec::new(), faults: Vec::new() };
        Ok(Sample { measured_at, ..self.sample.unwrap_or_else(empty) })
    }
}

pub fn samples(
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
    let mut goes_on = reader.begin_object()?;
    while goes_on {
        let path = signal(reader, signals, before)?;
        count += 1;
        if count > MAX_READINGS {
            return Err(too_many(reader, "too many signals"));
        }
        let value = reader.value()?;
        match path {
            Ok(entry) => {
                before = Some(entry);
                match reading(entry, &value) {
                    Ok(value) => readings.push(Reading { signal: entry.no, value }),
                    Err(reason) => refused.signal(reason, entry.no),
                }
            }
            Err(path) => refused.unknown(Reason::UnknownSignal, &path),
        }
        goes_on = reader.has_another_member()?;
    }
    if !readings.is_sorted_by_key(|reading| reading.signal) {
        readings.sort_unstable_by_key(|reading| reading.signal);
    }
    if readings.windows(2).any(|pair| matches!(pair, [one, other] if one.signal == other.signal)) {
        return Err(reader.error("a signal is given twice"));
    }
    Ok(())
}

/// Reads the next path of an object: the signal that it names, or itself.
#[inline]
fn signal<'i, 'a>(
    reader: &mut Reader<'a>,
    signals: &'i SignalIndex,
    before: Option<&'i Entry>,
) -> Result<std::result::Result<&'i Entry, Cow<'a, str>>> {
    if let Some(next) = signals.expected_after(before)
        && reader.is_key(&next.path)?
    {
        return Ok(Ok(next));
    }
    let path = reader.key()?;
    Ok(signals.by_path_after(before, &path).ok_or(path))
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
