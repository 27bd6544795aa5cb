//! `[log]`: what is written to standard error.

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::ConfigError;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` for people, `json` for collectors.
    pub format: LogFormat,
    /// Level, or levels by module, as in `info,engine::lane=debug`.
    pub filter: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info,sqlx=warn,rumqttd=off,rumqttc=warn".to_owned() }
    }
}

impl Log {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        EnvFilter::try_new(&self.filter)
            .map(|_| ())
            .map_err(|error| ConfigError::invalid("log.filter", error.to_string()))
    }
}
