//! `[catalogue]`: rules, signals and plans that replace or extend the built-in ones, and how often is learned.

use std::path::PathBuf;

use rules::unit::Span;
use serde::{Deserialize, Serialize};

use super::ConfigError;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Catalogue {
    /// Folder laid out like `rules/catalogue/`; its entries win over the built-in ones.
    pub overlay: Option<PathBuf>,
    /// How often technicians' verdicts are looked at for the precision of rules, and the day for new cohorts.
    pub learn_every: Span,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self { overlay: None, learn_every: Span::from_hours(1) }
    }
}

impl Catalogue {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.learn_every < Span::from_secs(1) {
            return Err(ConfigError::invalid("catalogue.learn_every", "write at least \"1s\", or \"1h\""));
        }
        Ok(())
    }
}
