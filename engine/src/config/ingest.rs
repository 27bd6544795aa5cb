//! `[ingest]`: what is let in.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ConfigError;
use rules::time::Span;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ingest {
    /// Largest payload in bytes.
    pub max_payload_bytes: usize,
    /// Most samples in one message.
    pub max_samples: usize,
    /// Most readings and fault codes in one message, all samples together.
    pub max_readings: usize,
    /// How far a vehicle's clock may run ahead of ours.
    pub max_ahead: Span,
    /// Readings measured before this many days ago are refused: a clock that was never set.
    pub max_age: Span,
    /// `reject`: only known vehicles. `register`: a first message makes the vehicle known, without any consent.
    pub unknown_vehicle: UnknownVehicle,
    /// Dealer of vehicles that register themselves.
    pub default_dealer: Option<Uuid>,
    /// Rejections of one vehicle written down per hour; the rest is only counted.
    pub rejections_per_hour: u32,
}

/// What happens to a message of a vehicle nobody registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownVehicle {
    Reject,
    Register,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            max_payload_bytes: 64 * 1024,
            max_samples: 1_000,
            max_readings: 8_192,
            max_ahead: Span::from_mins(5),
            max_age: Span::from_days(400),
            unknown_vehicle: UnknownVehicle::Reject,
            default_dealer: None,
            rejections_per_hour: 60,
        }
    }
}

impl Ingest {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(1_024..=64 * 1024).contains(&self.max_payload_bytes) {
            return Err(ConfigError::invalid("ingest.max_payload_bytes", "write a number from 1024 to 65536"));
        }
        if self.max_samples == 0 || self.max_readings == 0 {
            return Err(ConfigError::invalid("ingest.max_samples", "max_samples and max_readings must be at least 1"));
        }
        if self.max_ahead > Span::from_hours(1) {
            return Err(ConfigError::invalid("ingest.max_ahead", "write at most \"1h\""));
        }
        if self.max_age < Span::from_days(1) {
            return Err(ConfigError::invalid("ingest.max_age", "write at least \"1d\""));
        }
        if self.unknown_vehicle == UnknownVehicle::Register && self.default_dealer.is_none() {
            return Err(ConfigError::invalid("ingest.default_dealer", "unknown_vehicle = \"register\" needs a dealer's id"));
        }
        Ok(())
    }
}
