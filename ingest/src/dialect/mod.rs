//! Dialects: how payloads spell what vehicles say.
//!
//! To add one, write a file here and a line in [`DIALECTS`]; which topics are in it is configured. A dialect reads syntax and the kind of
//! each value; what a value means for this vehicle (range, consent, clock) is admission's business,
//! so that no dialect can forget it.

use std::borrow::Cow;
use std::fmt;

use rules::stage::shelf::Shelf;
use rules::vehicle::{Reason, Sample, Sequence, SignalNo};
use uuid::Uuid;

use crate::redact::redact_text;
use crate::signal_index::SignalIndex;

mod instant;
pub mod json;
mod premend_json;

pub use premend_json::{Numbering, PremendJson};

/// All dialects.
pub const DIALECTS: &[&dyn Dialect] = &[&PremendJson];

/// The dialect of the wire contract.
pub const DEFAULT: &dyn Dialect = &PremendJson;

/// One way to spell messages.
pub trait Dialect: Sync {
    /// The word for it in configuration and metrics.
    fn key(&self) -> &'static str;

    /// One sentence for the documents.
    fn description(&self) -> &'static str;

    /// Reads one payload. Readings that cannot be used are refused one by one; a payload whose
    /// structure is broken is refused whole. Samples are made of what lies on the shelf.
    fn decode<'p>(
        &self,
        payload: &'p [u8],
        signals: &SignalIndex,
        shelf: &mut Shelf,
    ) -> Result<Decoded<'p>, DecodeError>;
}

impl fmt::Debug for dyn Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// The dialect of that key.
pub fn dialect(key: &str) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().copied().find(|dialect| dialect.key() == key)
}

/// What one payload said, not yet judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded<'p> {
    /// The vehicle that the payload itself names, if it does.
    pub vehicle: Option<Cow<'p, str>>,
    pub sequence: Option<Sequence>,
    /// Readings of known signals with values of the right kind.
    pub samples: Vec<Sample>,
    pub seen: Vec<Uuid>,
    pub refused: RefusedReadings,
}

/// Why a payload is not a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} (at byte {at})")]
pub struct DecodeError {
    pub reason: Reason,
    pub what: &'static str,
    pub at: usize,
}

impl DecodeError {
    pub const fn new(reason: Reason, what: &'static str, at: usize) -> Self {
        Self { reason, what, at }
    }
}

/// Readings of one message that were refused while the message was not, counted by what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedReadings(Vec<RefusedReading>);

/// Equal refusals of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedReading {
    pub reason: Reason,
    /// The signal, where it is known.
    pub signal: Option<SignalNo>,
    /// What was sent instead of something known, redacted.
    pub detail: Option<Box<str>>,
    pub count: u32,
}

impl RefusedReadings {
    /// Different refusals that are kept apart per message; what exceeds them is counted by reason.
    const KEPT_APART: usize = 16;

    /// Counts a refused reading of a known signal.
    pub fn signal(&mut self, reason: Reason, signal: SignalNo) {
        self.add(reason, Some(signal), None);
    }

    /// Counts something refused of which only the reason matters.
    pub fn count(&mut self, reason: Reason) {
        self.add(reason, None, None);
    }

    /// Counts something refused that no signal is known for.
    pub fn unknown(&mut self, reason: Reason, text: &str) {
        self.add(reason, None, Some(text));
    }

    fn add(&mut self, reason: Reason, signal: Option<SignalNo>, text: Option<&str>) {
        let same = |kept: &&mut RefusedReading| kept.reason == reason && kept.signal == signal;
        if let (Some(kept), None) = (self.0.iter_mut().find(same), text) {
            kept.count += 1;
            return;
        }
        if self.0.len() < Self::KEPT_APART {
            let detail = text.map(|text| redact_text(text).into_boxed_str());
            self.0.push(RefusedReading { reason, signal, detail, count: 1 });
            return;
        }
        match self.0.iter_mut().find(|kept| kept.reason == reason) {
            Some(kept) => kept.count += 1,
            // One per reason at most, so that this stays bounded.
            None => self.0.push(RefusedReading { reason, signal: None, detail: None, count: 1 }),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &RefusedReading> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects_have_keys_of_their_own_and_a_description() {
        for (place, one) in DIALECTS.iter().enumerate() {
            assert!(!one.description().is_empty());
            assert!(DIALECTS.iter().skip(place + 1).all(|other| other.key() != one.key()));
            assert!(dialect(one.key()).is_some());
        }
    }

    #[test]
    fn refused_readings_stay_few_and_are_all_counted() {
        let mut refused = RefusedReadings::default();
        for n in 0..500 {
            refused.unknown(Reason::UnknownSignal, &format!("Vehicle.Made.Up{n}"));
            refused.signal(Reason::OutOfRange, SignalNo(1));
        }
        refused.signal(Reason::Sentinel, SignalNo(2));
        assert!(refused.iter().count() <= RefusedReadings::KEPT_APART + 1);
        assert_eq!(refused.iter().map(|kept| kept.count).sum::<u32>(), 1_001);
    }
}
