//! `[demo]`: the fleet that `premend demo` brings along.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Demo {
    /// Simulated vehicles.
    pub vehicles: u32,
    /// Same seed, same fleet, same faults.
    pub seed: u64,
    /// Days of history that are played in before the present begins.
    pub history_days: u16,
    /// Where the fleet's own store (what it has not yet delivered) lies between runs.
    pub directory: PathBuf,
}

impl Default for Demo {
    fn default() -> Self {
        Self { vehicles: 40, seed: 7, history_days: 14, directory: PathBuf::from(".state/demo") }
    }
}

impl Demo {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=5_000).contains(&self.vehicles) {
            return Err(ConfigError::invalid("demo.vehicles", "write a number from 1 to 5000"));
        }
        if self.history_days > 365 {
            return Err(ConfigError::invalid("demo.history_days", "write at most 365"));
        }
        Ok(())
    }
}
