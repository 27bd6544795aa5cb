//! Units of signals, and what may be compared and combined with what.

use serde::{Deserialize, Serialize};

/// A unit as written in the catalogue, such as `kPa` or `degC`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Unit(pub String);
