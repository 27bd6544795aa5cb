//! `[catalogue]`: rules, signals and plans that replace or extend the built-in ones.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Catalogue {
    /// Folder laid out like `rules/catalogue/`; its entries win over the built-in ones.
    pub overlay: Option<PathBuf>,
}
