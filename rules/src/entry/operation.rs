//! What a workshop does and fits: operations with their labour and skill, parts, and price bands.

use serde::{Deserialize, Serialize};

use crate::unit::Text;

/// What a technician must be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skill {
    General,
    Electrical,
    /// Certified for high-voltage systems.
    HighVoltage,
    Tyre,
}

impl Skill {
    pub const ALL: [Self; 4] = [Self::General, Self::Electrical, Self::HighVoltage, Self::Tyre];

    /// The word in the store and in the catalogue.
    pub const fn label(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Electrical => "electrical",
            Self::HighVoltage => "high_voltage",
            Self::Tyre => "tyre",
        }
    }
}

/// Lowest and highest usual price, CNY.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "(f64, f64)", into = "(f64, f64)")]
pub struct PriceBand {
    low: f64,
    high: f64,
}

/// Why two numbers are not a price band.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a price band is [low, high] with 0 <= low <= high")]
pub struct PriceBandError;

impl PriceBand {
    pub const FREE: Self = Self { low: 0.0, high: 0.0 };

    pub fn try_new(low: f64, high: f64) -> Result<Self, PriceBandError> {
        if 0.0 <= low && low <= high && high.is_finite() { Ok(Self { low, high }) } else { Err(PriceBandError) }
    }

    pub const fn low(self) -> f64 {
        self.low
    }

    pub const fn high(self) -> f64 {
        self.high
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { low: self.low + other.low, high: self.high + other.high }
    }
}

impl TryFrom<(f64, f64)> for PriceBand {
    type Error = PriceBandError;

    fn try_from((low, high): (f64, f64)) -> Result<Self, PriceBandError> {
        Self::try_new(low, high)
    }
}

impl From<PriceBand> for (f64, f64) {
    fn from(band: PriceBand) -> Self {
        (band.low, band.high)
    }
}

/// One `[[operation]]` of `operations.toml`; its price is without parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    pub key: String,
    pub title: Text,
    pub labour_h: f64,
    pub price: PriceBand,
    pub skill: Skill,
}

/// One `[[part]]` of `parts.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub key: String,
    pub title: Text,
    pub price: PriceBand,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_runs_upwards_from_zero() {
        assert!(PriceBand::try_new(80.0, 150.0).is_ok());
        for (low, high) in [(150.0, 80.0), (-1.0, 5.0), (0.0, f64::INFINITY), (f64::NAN, 1.0)] {
            assert!(PriceBand::try_new(low, high).is_err(), "{low} {high}");
        }
    }

    #[test]
    fn skills_have_the_words_of_the_catalogue() {
        for skill in Skill::ALL {
            assert_eq!(serde_json::to_value(skill).unwrap(), skill.label());
        }
    }
}
