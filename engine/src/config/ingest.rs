//! `[ingest]`: what is let in.

use ingest::admit::UnknownVehicle;
use rules::unit::Span;
use rules::vehicle::Purpose;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ConfigError;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ingest {
    /// How far a vehicle's clock may be off before its times are corrected.
    pub max_ahead: Span,
    /// `reject`: only known vehicles. `register`: a first message makes the vehicle known, without any consent.
    pub unknown_vehicle: UnknownVehicle,
    /// Dealer of vehicles that register themselves.
    pub default_dealer: Option<Uuid>,
    /// Model of vehicles that register themselves, a key of the catalogue; without one only rules without a plan apply.
    pub default_model: Option<String>,
    /// Consents that a contract gives for vehicles that register themselves; without any nothing of them is kept.
    pub default_consents: Vec<Purpose>,
    /// Rejections of one vehicle written down per hour; the rest is only counted.
    pub rejections_per_hour: u32,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            max_ahead: Span::from_mins(5),
            unknown_vehicle: UnknownVehicle::Reject,
            default_dealer: None,
            default_model: None,
            default_consents: Vec::new(),
            rejections_per_hour: 60,
        }
    }
}

impl Ingest {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.max_ahead > Span::from_hours(1) {
            return Err(ConfigError::invalid("ingest.max_ahead", "write at most \"1h\""));
        }
        if self.unknown_vehicle == UnknownVehicle::Register && self.default_dealer.is_none() {
            return Err(ConfigError::invalid(
                "ingest.default_dealer",
                "unknown_vehicle = \"register\" needs a dealer's id",
            ));
        }
        Ok(())
    }
}
