//! `[store]`: how readings for charts are kept.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Chosen once, at first install; later only checked. `auto` takes what the server has.
    pub tier: WantedTier,
    /// Days for which partitions are made ahead.
    pub partitions_ahead_days: u16,
}

impl Default for Store {
    fn default() -> Self {
        Self { tier: WantedTier::Auto, partitions_ahead_days: 3 }
    }
}

/// `auto` or one of the tiers by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WantedTier {
    #[default]
    Auto,
    Native,
    TimescaleApache,
    Timescale,
}
