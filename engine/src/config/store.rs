//! `[store]`: how readings for charts are kept.

use rules::unit::Span;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Chosen once, at first install; later only checked. `auto` takes what the server has.
    pub tier: WantedTier,
    /// Days for which partitions are made ahead.
    pub partitions_ahead_days: u16,
    /// Age at which the journal is taken into the archive: longer gives fewer and larger parts, shorter
    /// makes it quicker to explain what happened lately.
    pub archive_after: Span,
}

impl Default for Store {
    fn default() -> Self {
        Self { tier: WantedTier::Auto, partitions_ahead_days: 3, archive_after: Span::from_hours(1) }
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
