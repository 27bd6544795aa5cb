//! `[retention]`: how long what is kept.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use rules::unit::Span;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Journal partitions, once everything in them is in a snapshot.
    pub journal: Span,
    /// What each vehicle said, to explain and try rules on it; nothing beyond can be asked for.
    pub archive: Span,
    /// Readings for charts, one by one.
    pub samples: Span,
    /// Readings for charts, by the hour.
    pub hourly: Span,
    /// Refused messages.
    pub rejections: Span,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            journal: Span::from_hours(72),
            archive: Span::from_days(90),
            samples: Span::from_days(90),
            hourly: Span::from_days(730),
            rejections: Span::from_days(30),
        }
    }
}

impl Retention {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let spans = [
            ("retention.journal", self.journal),
            ("retention.archive", self.archive),
            ("retention.samples", self.samples),
            ("retention.hourly", self.hourly),
            ("retention.rejections", self.rejections),
        ];
        for (key, span) in spans {
            if span < Span::from_days(1) {
                return Err(ConfigError::invalid(key, "write at least \"1d\": partitions are days"));
            }
        }
        if self.hourly < self.samples {
            return Err(ConfigError::invalid("retention.hourly", "must not be shorter than retention.samples"));
        }
        Ok(())
    }
}
