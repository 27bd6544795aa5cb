//! What a source refused by itself, on its way to the lane that writes it down.
//!
//! Through the embedded broker it travels in the same log as the vehicle's messages, on a topic that no
//! vehicle may use, and so keeps its place among them; also to an engine that subscribes from outside.

use rules::vehicle::{Reason, Sequence, VehicleId};
use serde::{Deserialize, Serialize};

use crate::admit::Refusal;
use crate::dialect::RefusedReadings;
use crate::redact::{MAX_EXCERPT, redact_text};

/// Something of a vehicle that its source did not let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub vehicle: VehicleId,
    /// Without the payload. A number in it was only read, not judged.
    pub refusal: Refusal,
    /// The vehicle is told, by SHA-256, that it need not send this again.
    pub answered: bool,
}

/// The same as it is written into the log.
#[derive(Serialize, Deserialize)]
struct Note {
    reason: Reason,
    detail: String,
    size: usize,
    sha256: [u8; 32],
    excerpt: String,
    sequence: Option<Sequence>,
    answered: bool,
}

impl Refused {
    pub fn encode(&self) -> Vec<u8> {
        let Refusal { reason, detail, sequence, size, sha256, excerpt, .. } = self.refusal.clone();
        let note = Note { reason, detail, size, sha256, excerpt, sequence, answered: self.answered };
        // Only maps with strange keys and failing writers fail.
        serde_json::to_vec(&note).unwrap_or_default()
    }

    /// Reads what a broker wrote about `vehicle`; `None` for what no broker of ours writes.
    pub fn decode(vehicle: &str, payload: &[u8]) -> Option<Self> {
        let vehicle = VehicleId::try_new(vehicle).ok()?;
        let note: Note = serde_json::from_slice(payload).ok()?;
        if note.excerpt.len() > MAX_EXCERPT {
            return None;
        }
        let refusal = Refusal {
            reason: note.reason,
            // It may come from another process.
            detail: redact_text(&note.detail),
            sequence: note.sequence,
            vehicle: Some(vehicle.clone()),
            size: note.size,
            sha256: note.sha256,
            excerpt: redact_text(&note.excerpt),
            refused: RefusedReadings::default(),
        };
        Some(Self { vehicle, refusal, answered: note.answered })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skim::Skim;

    #[test]
    fn survives_the_log() {
        let vehicle = VehicleId::try_new("car-1").unwrap();
        let payload = br#"{"stream":1,"seq":18,"oldest":2,"x":"hello"}"#;
        let refusal = Skim::of(payload).refuse(Reason::TopicMismatch, "published on status/car", &vehicle);
        let refused = Refused { vehicle, refusal, answered: true };
        assert_eq!(Refused::decode("car-1", &refused.encode()), Some(refused));
    }

    #[test]
    fn what_no_broker_writes_is_not_read() {
        for payload in [&b""[..], b"{}", b"null", br#"{"stream":1,"seq":1,"ts":"2026-01-01T00:00:00Z","signals":{}}"#] {
            assert_eq!(Refused::decode("car-1", payload), None);
        }
        let refused = Skim::of(b"x").refuse(Reason::TooLarge, "", &VehicleId::try_new("car-1").unwrap());
        let vehicle = VehicleId::try_new("car-1").unwrap();
        assert_eq!(Refused::decode("a b", &Refused { vehicle, refusal: refused, answered: true }.encode()), None);
    }
}
