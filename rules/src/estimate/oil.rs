//! Oil consumption, DOMAIN 5.12, from what cars really tell: whether the level is normal or low. From the last time
//! it was found full to the low mark it is one litre.

use serde::{Deserialize, Serialize};

use super::State;
use super::entry::{EmitAt, Entry, ReadAt};
use super::feature::Features;
use super::given::{Given, Observed};
use super::states::read;

pub const ENTRY: Entry = Entry {
    key: "oil",
    what: "how much oil the engine burns, from the distance between a full sump and the low mark",
    wakes: &["Vehicle.Powertrain.CombustionEngine.EngineOil.Level"],
    emits: &["Feature.Powertrain.CombustionEngine.OilConsumption"],
    components: &["engine.oil"],
    update,
    // A repair restarts nothing: the level that was full stays so.
    read: |bytes| read(bytes).map(State::Oil),
    ..Entry::PLAIN
};
const LEVEL: ReadAt = ReadAt(0);
const CONSUMPTION: EmitAt = EmitAt(0);

/// Litres between the marks of a dipstick.
const BETWEEN_MARKS: f64 = 1.0;
/// Readings in a row that make a level: oil sloshes.
const AGREEING: u8 = 2;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Oil {
    /// Odometer when the level became normal, or was first heard of so, km.
    full_km: f32,
    is_low: bool,
    /// Readings in a row that say otherwise.
    otherwise: u8,
}

impl Default for Oil {
    fn default() -> Self {
        Self { full_km: f32::NAN, is_low: false, otherwise: 0 }
    }
}

impl Oil {
    /// Takes a level; litres per 1,000 km when it has just come to the low mark. The first stretch counts as well:
    /// whatever was burnt before it was heard of makes it an upper bound of distance, and so of nothing less.
    pub fn take(&mut self, is_low: bool, km: f32) -> Option<f64> {
        if self.full_km.is_nan() {
            self.is_low = is_low;
            self.full_km = if is_low { f32::NAN } else { km };
            return None;
        }
        self.otherwise = if is_low == self.is_low { 0 } else { self.otherwise + 1 };
        if self.otherwise < AGREEING {
            return None;
        }
        (self.is_low, self.otherwise) = (is_low, 0);
        let driven = f64::from(km - self.full_km);
        if !is_low {
            self.full_km = km;
            return None;
        }
        (driven > 1.0).then(|| BETWEEN_MARKS / (driven / 1_000.0))
    }
}

fn update(state: &mut State, observed: &Observed<'_>, _: &Given<'_>, features: &mut Features<'_>) {
    let Some(level) = features.measured(LEVEL) else { return };
    let km = observed.odometer_km as f32;
    if km.is_nan() {
        return;
    }
    let is_low = matches!(features.word(LEVEL, level), Some("LOW" | "CRITICALLY_LOW"));
    let State::Oil(oil) = state.or(|| State::Oil(Oil::default())) else { return };
    if let Some(consumption) = oil.take(is_low, km) {
        features.emit(CONSUMPTION, consumption);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_litre_in_800_km_is_a_thirst() {
        let mut oil = Oil::default();
        let levels = [(0.0, false), (100.0, true), (200.0, false), (700.0, false), (780.0, true), (800.0, true)];
        let found: Vec<f64> = levels.into_iter().filter_map(|(km, is_low)| oil.take(is_low, km)).collect();
        assert_eq!(found, [1.25], "one reading that sloshed is none");
    }
}
