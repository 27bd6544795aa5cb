//! `[clock]`: the time the product lives in.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use rules::unit::{Span, Time};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clock {
    /// `system`, or for demo, replay, simulation and tests: `virtual` (origin and rate) or `messages` (follows them).
    pub mode: ClockMode,
    /// Where a virtual clock starts, RFC 3339; without it, now.
    pub origin: Option<String>,
    /// Virtual seconds per second.
    pub rate: f64,
    /// For how long the system's clock must stand where it was set before that is taken over.
    pub adopt_after: Span,
    /// `premend serve` accepts another mode than `system` only with this.
    pub for_tests: bool,
}

/// A time server's mistake may last for seconds; longer than an hour nobody should see wrong times.
const ADOPT_AFTER: (Span, Span) = (Span::from_secs(5), Span::from_hours(1));

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClockMode {
    System,
    Virtual,
    Messages,
}

impl Default for Clock {
    fn default() -> Self {
        Self { mode: ClockMode::System, origin: None, rate: 1.0, adopt_after: Span::from_secs(60), for_tests: false }
    }
}

impl Clock {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(self.rate.is_finite() && self.rate > 0.0 && self.rate <= 1e6) {
            return Err(ConfigError::invalid("clock.rate", "write a number above 0, at most 1000000"));
        }
        if !(ADOPT_AFTER.0..=ADOPT_AFTER.1).contains(&self.adopt_after) {
            return Err(ConfigError::invalid("clock.adopt_after", "write a duration of 5s to 1h"));
        }
        self.origin()?;
        Ok(())
    }

    /// The parsed origin.
    pub fn origin(&self) -> Result<Option<Time>, ConfigError> {
        let parsed = self.origin.as_deref().map(Time::parse).transpose();
        parsed.map_err(|error| ConfigError::invalid("clock.origin", error.to_string()))
    }
}
