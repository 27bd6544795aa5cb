//! Keys that mean something, and keys that were given twice.

use rules::vehicle::Reason;

use crate::dialect::DecodeError;
use crate::dialect::json::Reader;

/// Keys that one envelope may have, known or not.
const MAX_KEYS: usize = 32;

pub type Result<T> = std::result::Result<T, DecodeError>;

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
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
pub struct Keys {
    known: u16,
    unknown: Vec<Box<str>>,
}

impl Keys {
    /// What a key means, if anything.
    #[inline]
    pub fn note(&mut self, reader: &Reader<'_>, key: &str) -> Result<Option<Key>> {
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

pub fn too_many(reader: &Reader<'_>, what: &'static str) -> DecodeError {
    DecodeError { reason: Reason::TooMany, ..reader.error(what) }
}
