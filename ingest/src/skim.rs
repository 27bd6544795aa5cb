//! The summary of a payload that is not kept: its size, its SHA-256, how it begins, and its number.
//!
//! It is read in parts and in constant memory, however large it is.

use rules::vehicle::{Reason, Sequence, VehicleId};
use sha2::{Digest, Sha256};

use crate::admit::Refusal;
use crate::dialect::{Numbering, RefusedReadings};
use crate::redact::{redact, redact_text};

/// Bytes of the payload that an excerpt is made of, and one more to show that there are more.
const HEAD: usize = 513;

/// Reads a payload without keeping it.
#[derive(Clone, Debug, Default)]
pub struct Skim {
    size: usize,
    hash: Sha256,
    head: Vec<u8>,
    numbering: Numbering,
}

impl Skim {
    /// Of a payload that is here as a whole.
    pub fn of(payload: &[u8]) -> Self {
        let mut skim = Self::default();
        skim.push(payload);
        skim
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.size += bytes.len();
        self.hash.update(bytes);
        self.numbering.push(bytes);
        let missing = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..missing).unwrap_or_default());
    }

    /// The number, unless the payload names another vehicle.
    pub fn sequence(&self, vehicle: &str) -> Option<Sequence> {
        self.numbering.sequence(vehicle)
    }

    /// The refusal of the payload. `detail` may hold what the vehicle wrote; it is redacted.
    pub fn refuse(self, reason: Reason, detail: &str, vehicle: &VehicleId) -> Refusal {
        Refusal {
            reason,
            detail: redact_text(detail),
            sequence: self.sequence(vehicle.as_str()),
            vehicle: Some(vehicle.clone()),
            size: self.size,
            sha256: self.hash.finalize().into(),
            excerpt: redact(&self.head),
            refused: RefusedReadings::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_same_of_a_payload_in_parts_and_keeps_little_of_it() {
        let vehicle = VehicleId::try_new("car-1").unwrap();
        let payload = format!(r#"{{"stream":2,"x":"{}","seq":9}}"#, "LSVAA41870C123456 ".repeat(20_000)).into_bytes();
        let mut parts = Skim::default();
        for part in payload.chunks(1_000) {
            parts.push(part);
        }
        assert!(parts.head.len() <= HEAD);
        let refusal = parts.refuse(Reason::TooLarge, "larger", &vehicle);
        assert_eq!(refusal, Skim::of(&payload).refuse(Reason::TooLarge, "larger", &vehicle));
        assert_eq!(refusal.sha256, *Refusal::new(Reason::TooLarge, "", None, None, &payload).sha256.as_slice());
        assert_eq!((refusal.size, refusal.sequence.map(|sequence| sequence.seq)), (payload.len(), Some(9)));
        assert!(refusal.excerpt.len() <= 120 && !refusal.excerpt.contains("LSVAA"), "{}", refusal.excerpt);
    }
}
