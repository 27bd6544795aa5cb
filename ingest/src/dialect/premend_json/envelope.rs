//! The envelope: who numbers the message, and what it carries.

use rules::stage::shelf::Shelf;
use rules::vehicle::{Sample, Sequence};
use uuid::Uuid;

use super::keys::{Key, Keys, Result, too_many};
use super::sample::{Parts, samples};
use crate::dialect::json::Reader;
use crate::dialect::{Decoded, Dialect};
use crate::signal_index::SignalIndex;

/// In-car notices that one message may report as seen.
pub const MAX_SEEN: usize = 64;

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
