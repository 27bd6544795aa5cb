//! `[lanes]`: how much is done at once, and how long a gap is waited for.

use std::thread;

use serde::{Deserialize, Serialize};

use super::ConfigError;
use rules::unit::Span;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lanes {
    /// Lanes that share the vehicles out; 0 means one per core. May change between runs.
    pub count: u16,
    /// Bytes that may wait in one lane's queue before its source is no longer read.
    pub queue_bytes: usize,
    /// Most inputs in one commit.
    pub batch_max: usize,
    /// Shortest time between two commits of a lane, "0s" to "1s": longer makes larger batches and
    /// more throughput, shorter less delay. Without load nothing waits for it.
    pub pace: Span,
    /// How long successors wait for a missing message, counted from the first that waits; "0s" to "10m".
    pub lateness_bound: Span,
    /// How long messages of dialects without numbers wait for their own, before they settle by measured time.
    pub unsequenced_bound: Span,
    /// Most messages that wait in one vehicle's state.
    pub waiting_messages: usize,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            count: 0,
            queue_bytes: 32 * 1024 * 1024,
            batch_max: 4_096,
            pace: Span::from_millis(20),
            lateness_bound: Span::from_secs(120),
            unsequenced_bound: Span::from_secs(10),
            waiting_messages: 1_024,
        }
    }
}

impl Lanes {
    /// The number of lanes, with 0 resolved to the machine's cores.
    pub fn effective_count(&self) -> usize {
        match self.count {
            0 => thread::available_parallelism().map_or(1, usize::from),
            count => usize::from(count),
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.count > 256 {
            return Err(ConfigError::invalid("lanes.count", "write a number from 0 to 256"));
        }
        if !(1..=4_096).contains(&self.batch_max) {
            return Err(ConfigError::invalid("lanes.batch_max", "write a number from 1 to 4096"));
        }
        if self.pace < Span::ZERO || self.pace > Span::from_secs(1) {
            return Err(ConfigError::invalid("lanes.pace", "write a duration from \"0s\" to \"1s\""));
        }
        if self.queue_bytes < 1024 * 1024 {
            return Err(ConfigError::invalid("lanes.queue_bytes", "write at least 1048576 (1 MiB)"));
        }
        for (key, bound) in
            [("lanes.lateness_bound", self.lateness_bound), ("lanes.unsequenced_bound", self.unsequenced_bound)]
        {
            if bound < Span::ZERO || bound > Span::from_mins(10) {
                return Err(ConfigError::invalid(key, "write a duration from \"0s\" to \"10m\""));
            }
        }
        if !(1..=65_536).contains(&self.waiting_messages) {
            return Err(ConfigError::invalid("lanes.waiting_messages", "write a number from 1 to 65536"));
        }
        Ok(())
    }
}
