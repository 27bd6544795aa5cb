//! What becomes of a message that is not used: its reason, its number if it had one, and what may be
//! shown of it.

use rules::vehicle::{Reason, Sequence, SignalNo, VehicleId};
use sha2::{Digest, Sha256};

use crate::dialect::RefusedReadings;
use crate::redact::{redact, redact_text};
use crate::topic::TopicError;

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
        *refused.write_down(vehicle, payload)
    }
}

/// Why a message is refused, before it is written down.
pub struct Refused {
    reason: Reason,
    detail: String,
    sequence: Option<Sequence>,
    readings: RefusedReadings,
}

impl Refused {
    pub fn new(reason: Reason, detail: &str) -> Self {
        let readings = RefusedReadings::default();
        Self { reason, detail: detail.to_owned(), sequence: None, readings }
    }

    pub fn by_topic(error: &TopicError, topic: &str) -> Self {
        Self::new(Reason::TopicMismatch, &redact_text(&format!("{error}: {topic}")))
    }

    /// The first thing that was wrong stands for the message; nothing at all means it was empty.
    pub fn nothing_left(readings: RefusedReadings) -> Self {
        let mut refused = match readings.iter().next() {
            Some(first) => Self::new(first.reason, &describe(first.signal, first.detail.as_deref())),
            None => Self::new(Reason::Empty, "no reading, no fault code, no notice seen"),
        };
        refused.readings = readings;
        refused
    }

    pub fn numbered(mut self, sequence: Option<Sequence>) -> Self {
        self.sequence = sequence;
        self
    }

    #[cold]
    pub fn write_down(self, vehicle: Option<VehicleId>, payload: &[u8]) -> Box<Refusal> {
        Box::new(Refusal {
            reason: self.reason,
            detail: self.detail,
            sequence: self.sequence,
            vehicle,
            size: payload.len(),
            sha256: Sha256::digest(payload).into(),
            excerpt: redact(payload),
            refused: self.readings,
        })
    }
}

fn describe(signal: Option<SignalNo>, detail: Option<&str>) -> String {
    match (signal, detail) {
        (_, Some(detail)) => detail.to_owned(),
        (Some(signal), None) => format!("signal {}", signal.0),
        (None, None) => String::new(),
    }
}
