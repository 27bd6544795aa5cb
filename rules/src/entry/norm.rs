//! What a feature is in sound vehicles: the fleet's knowledge that a new vehicle starts from.
//!
//! Settings of the catalogue (`catalogue/estimators.toml`), per model where models differ.

use serde::{Deserialize, Serialize};

/// The features that have a norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Logarithm of the warm-up time over the expected one.
    WarmUp,
    /// Mean of short and long-term trim of a trip, percent.
    FuelTrim,
    /// Median voltage of a running trip at 25 degC ambient, volts.
    Charging,
    /// Voltage of a start above the load-test line, volts.
    CrankMargin,
    /// Voltage after four hours of rest, volts.
    RestVoltage,
    /// Voltage with the ignition on before a cold engine turns, volts.
    KeyOn,
    /// Coolant of a trip once the thermostat has its say, degC.
    Regulation,
}

/// Mean of a feature over vehicles, its scatter between them, and from trip to trip within one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Norm {
    pub mean: f64,
    pub between: f64,
    pub within: f64,
    /// What it changes by per kelvin of ambient temperature, and is corrected for.
    #[serde(default)]
    pub per_k: f64,
}

/// One `[[norm]]` of `estimators.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormEntry {
    pub feature: Feature,
    /// Key of the model; empty for all that have no entry of their own.
    #[serde(default)]
    pub model: String,
    pub mean: f64,
    pub between: f64,
    pub within: f64,
    #[serde(default)]
    pub per_k: f64,
    pub source: String,
}

/// All norms.
#[derive(Clone, Debug, Default)]
pub struct Norms(Vec<NormEntry>);

impl Norms {
    pub fn new(entries: impl IntoIterator<Item = NormEntry>) -> Self {
        Self(entries.into_iter().collect())
    }

    /// That of the model, or that of all; `None` where the catalogue has neither, and nothing is judged.
    pub fn of(&self, feature: Feature, model: &str) -> Option<Norm> {
        let find = |model: &str| self.0.iter().find(|entry| entry.feature == feature && entry.model == model);
        find(model).or_else(|| find("")).map(NormEntry::norm)
    }
}

impl NormEntry {
    const fn norm(&self) -> Norm {
        Norm { mean: self.mean, between: self.between, within: self.within, per_k: self.per_k }
    }
}
