//! How strong planted faults are: the checked-in catalogue `simulator/catalogue/faults.toml`.
//!
//! A fault's file says what it does, the catalogue how much of it and how soon, with where the numbers come from.
//! A magnitude is drawn for each vehicle around its entry, so that no two of a fleet fail alike; without one a fault
//! comes as quickly as a demonstration needs it, always the same.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rand_chacha::ChaCha8Rng;
use rules::unit::Span;
use serde::{Deserialize, Deserializer, Serialize};

use crate::random::bounded;

const FILE: &str = include_str!("../../catalogue/faults.toml");

static ENTRIES: LazyLock<BTreeMap<String, Entry>> =
    LazyLock::new(|| toml::from_str(FILE).expect("the embedded catalogue is read by a test"));

/// How strong a fault is, by what workshops meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Magnitude {
    /// About as large as what healthy vehicles scatter by, or as slow as it gets.
    Small,
    Typical,
    /// Beyond any limit, or as fast as it gets.
    Severe,
}

impl Magnitude {
    pub const ALL: [Self; 3] = [Self::Small, Self::Typical, Self::Severe];

    pub const fn key(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Typical => "typical",
            Self::Severe => "severe",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|magnitude| magnitude.key() == text)
    }
}

/// What one fault is like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What its numbers are, for people.
    pub means: String,
    /// Where they come from.
    pub source: String,
    /// How much vehicles differ, as a relative standard deviation.
    #[serde(default = "usual_spread")]
    pub spread: f64,
    pub quick: Effect,
    pub small: Option<Effect>,
    pub typical: Option<Effect>,
    pub severe: Option<Effect>,
}

/// How much of a fault there is.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// The full effect, in the fault's own unit.
    #[serde(default)]
    pub strength: f64,
    /// What works from the first day on, in the fault's own unit.
    #[serde(default)]
    pub rate: f64,
    /// From the first sign to the full effect.
    #[serde(default, deserialize_with = "span")]
    pub onset: Span,
}

impl Effect {
    /// Nothing at all: a fault that the catalogue does not know.
    const NONE: Self = Self { strength: 0.0, rate: 0.0, onset: Span::ZERO };

    /// The same for one vehicle.
    #[must_use]
    pub fn drawn(self, spread: f64, rng: &mut ChaCha8Rng) -> Self {
        let part = bounded(rng, 1.0, spread, 2.0);
        let pace = bounded(rng, 1.0, spread, 2.0);
        let onset = Span::from_micros((self.onset.micros() as f64 * pace) as i64);
        Self { strength: self.strength * part, rate: self.rate * part, onset }
    }
}

/// What the catalogue says of a fault.
pub fn entry(key: &str) -> Option<&'static Entry> {
    ENTRIES.get(key)
}

/// A fault's effect as the catalogue has it; `None`: quick. A fault that is there or not has one effect only.
pub fn effect(key: &str, magnitude: Option<Magnitude>) -> Effect {
    let Some(entry) = entry(key) else { return Effect::NONE };
    let asked = match magnitude {
        None => None,
        Some(Magnitude::Small) => entry.small,
        Some(Magnitude::Typical) => entry.typical,
        Some(Magnitude::Severe) => entry.severe,
    };
    asked.unwrap_or(entry.quick)
}

const fn usual_spread() -> f64 {
    0.1
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let text = String::deserialize(deserializer)?;
    Span::parse(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FAULTS;

    #[test]
    fn has_every_fault_and_no_other_with_its_source() {
        let keys: Vec<_> = ENTRIES.keys().map(String::as_str).collect();
        let faults: Vec<_> = FAULTS.iter().map(|fault| fault.key).collect();
        assert_eq!(keys, faults);
        assert!(ENTRIES.values().all(|entry| !entry.source.is_empty() && !entry.means.is_empty()));
    }

    #[test]
    fn magnitudes_grow_and_do_not_overlap_by_more_than_their_spread() {
        for (key, entry) in ENTRIES.iter() {
            let Some(small) = entry.small else {
                assert!(entry.typical.is_none() && entry.severe.is_none(), "{key}");
                continue;
            };
            let pace = |effect: &Effect| effect.strength / effect.onset.days_f64().max(1e-6) + effect.rate;
            let (typical, severe) = (entry.typical.unwrap(), entry.severe.unwrap());
            for (less, more) in [(small, typical), (typical, severe)] {
                assert!(less.strength < more.strength || pace(&less) < pace(&more), "{key} {less:?} {more:?}");
                assert!(less.strength <= more.strength && less.onset >= more.onset, "{key} {less:?} {more:?}");
            }
        }
    }
}
