//! `[relay]`: how notices leave.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use rules::unit::Span;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Relay {
    /// How long a claimed delivery belongs to this process; afterwards another try takes it.
    pub lease: Span,
    /// Deliveries under way at once.
    pub parallel: usize,
    /// How often the outbox is looked at when nobody rings.
    pub poll: Span,
    /// A delivery that failed this often is parked for a person to look at.
    pub max_attempts: u16,
}

impl Default for Relay {
    fn default() -> Self {
        Self { lease: Span::from_secs(30), parallel: 8, poll: Span::from_secs(5), max_attempts: 12 }
    }
}

impl Relay {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.lease < Span::from_secs(1) || self.poll < Span::from_millis(100) {
            return Err(ConfigError::invalid(
                "relay.lease",
                "write lease of at least \"1s\" and poll of at least \"100ms\"",
            ));
        }
        if self.parallel == 0 || self.max_attempts == 0 {
            return Err(ConfigError::invalid("relay.parallel", "parallel and max_attempts must be at least 1"));
        }
        Ok(())
    }
}
