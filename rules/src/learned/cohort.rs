//! Cohorts: what is usual for a car of the same model and mileage.
//!
//! A job reads the last values of all vehicles and freezes the quantiles that rules ask for. A rule compares a
//! car with its like by `cohort(signal, 0.95)`: one look-up in a dense grid, nothing kept by vehicle but the
//! number of its model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::entry::signal::Signals;
use crate::vehicle::Slot;

/// A quantile that moved by less than this share of the middle half of its cohort is the same.
const NOTICEABLE: f64 = 0.1;

/// `cohorts.toml`: which vehicles are alike.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bands {
    /// Where each band of mileage begins; the last one has no end.
    pub from_km: Vec<f64>,
    /// Fewer vehicles say nothing about what is usual.
    pub least_vehicles: u32,
    pub source: String,
}

impl Bands {
    /// The band of a distance; none if it is unknown.
    pub fn of(&self, km: f64) -> Option<usize> {
        band(&self.from_km, km)
    }
}

#[inline]
fn band(from_km: &[f64], km: f64) -> Option<usize> {
    from_km.iter().rposition(|from| km >= *from)
}

/// A quantile of a signal that some rule of a set asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CohortSpec {
    pub slot: Slot,
    pub quantile: f64,
}

/// The quantiles of a rule set: each once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CohortSpecs(Vec<CohortSpec>);

impl CohortSpecs {
    /// The number of the quantile.
    pub fn ask_for(&mut self, slot: Slot, quantile: f64) -> u16 {
        let spec = CohortSpec { slot, quantile };
        let known = self.0.iter().position(|known| *known == spec);
        let index = known.unwrap_or_else(|| {
            self.0.push(spec);
            self.0.len() - 1
        });
        index as u16
    }

    pub fn iter(&self) -> impl Iterator<Item = &CohortSpec> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is asked for, in words that stay the same when slots are numbered anew; sorted.
    pub fn words(&self, signals: &Signals) -> Vec<String> {
        let mut words: Vec<String> =
            self.0.iter().map(|spec| format!("{} {}", signals.get(spec.slot).path, spec.quantile)).collect();
        words.sort();
        words
    }
}

/// One quantile of one cohort, `[[cohort]]` of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortEntry {
    pub signal: String,
    pub model: String,
    /// Where its band begins.
    pub from_km: f64,
    pub quantile: f64,
    pub value: f64,
    /// Width of the cohort's middle half: the measure of what is a noticeable move.
    pub spread: f64,
    pub vehicles: u32,
}

/// When a table was made, and for which questions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortHead {
    /// The day, such as `2026-11-22`.
    pub on: String,
    /// As [`CohortSpecs::words`] says them.
    pub asked: Vec<String>,
}

/// What was learned of cohorts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CohortTable {
    pub head: CohortHead,
    pub entries: Vec<CohortEntry>,
}

#[derive(Serialize)]
struct File<'a> {
    on: &'a str,
    asked: &'a [String],
    cohort: &'a [CohortEntry],
}

type Key<'a> = (&'a str, &'a str, u64, u64);

impl CohortTable {
    /// The file of the table.
    pub fn to_toml(&self) -> String {
        let file = File { on: &self.head.on, asked: &self.head.asked, cohort: &self.entries };
        // Plain tables can always be written.
        let body = toml::to_string(&file).unwrap_or_default();
        format!("# Learned from the last readings of all vehicles; the engine writes it, nobody else.\n\n{body}")
    }

    /// Whether a quantile came, went or moved noticeably.
    pub fn decides_otherwise(&self, other: &Self) -> bool {
        !self.moved(other).is_empty()
    }

    /// What moved, as signal with quantile and sentence.
    pub fn differences(&self, other: &Self) -> Vec<(String, String)> {
        let mut by_question: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, sentence) in self.moved(other) {
            let question = format!("cohort({}, {})", key.0, f64::from_bits(key.3));
            by_question.entry(question).or_default().push(sentence);
        }
        by_question.into_iter().map(|(question, sentences)| (question, sentences.join("; "))).collect()
    }

    fn by_key(&self) -> BTreeMap<Key<'_>, &CohortEntry> {
        let key = |entry: &CohortEntry| (entry.from_km.to_bits(), entry.quantile.to_bits());
        self.entries
            .iter()
            .map(|entry| ((entry.signal.as_str(), entry.model.as_str(), key(entry).0, key(entry).1), entry))
            .collect()
    }

    fn moved<'a>(&'a self, other: &'a Self) -> BTreeMap<Key<'a>, String> {
        let (old, new) = (self.by_key(), other.by_key());
        let figure = |entry: Option<&&CohortEntry>| entry.map_or("unknown".to_owned(), |entry| entry.value.to_string());
        let keys = old.keys().chain(new.keys());
        keys.filter_map(|key| {
            let (old, new) = (old.get(key), new.get(key));
            let same = old.zip(new).is_some_and(|(old, new)| {
                (old.value - new.value).abs() <= NOTICEABLE * old.spread || old.value == new.value
            });
            let vehicles = new.or(old).map_or(0, |entry| entry.vehicles);
            let sentence = || {
                let from_km = f64::from_bits(key.2);
                format!("{} from {from_km} km: {} -> {} ({vehicles} vehicles)", key.1, figure(old), figure(new))
            };
            (!same).then(|| (*key, sentence()))
        })
        .collect()
    }
}

/// A table laid out for look-ups: model, then band, then question.
#[derive(Clone, Debug, Default)]
pub struct Cohorts {
    models: Vec<String>,
    from_km: Vec<f64>,
    questions: usize,
    /// NaN where nothing is known.
    grid: Vec<f64>,
    vehicles: Vec<u32>,
}

/// The model of a vehicle that is not in the catalogue.
pub const NO_MODEL: u16 = u16::MAX;

impl Cohorts {
    pub fn new<'a>(
        table: &CohortTable,
        bands: &Bands,
        models: impl Iterator<Item = &'a str>,
        specs: &CohortSpecs,
        signals: &Signals,
    ) -> Self {
        let models: Vec<String> = models.map(str::to_owned).collect();
        let (from_km, questions) = (bands.from_km.clone(), specs.0.len());
        let size = models.len() * from_km.len() * questions;
        let mut cohorts = Self { models, from_km, questions, grid: vec![f64::NAN; size], vehicles: vec![0; size] };
        for entry in table.entries.iter().filter(|entry| entry.vehicles >= bands.least_vehicles) {
            let model = cohorts.model(&entry.model);
            let band = cohorts.from_km.iter().position(|from| *from == entry.from_km);
            let slot = signals.slot_of_path(&entry.signal);
            let question = specs.0.iter().position(|spec| Some(spec.slot) == slot && spec.quantile == entry.quantile);
            let place = band.zip(question).and_then(|(band, question)| cohorts.at(model, band, question));
            if let Some(place) = place {
                cohorts.grid[place] = entry.value;
                cohorts.vehicles[place] = entry.vehicles;
            }
        }
        cohorts
    }

    /// The number of a model.
    pub fn model(&self, key: &str) -> u16 {
        self.models.iter().position(|model| model == key).map_or(NO_MODEL, |place| place as u16)
    }

    fn at(&self, model: u16, band: usize, question: usize) -> Option<usize> {
        let model = usize::from(model);
        (model < self.models.len()).then(|| (model * self.from_km.len() + band) * self.questions + question)
    }
}

/// The cohort of one vehicle.
#[derive(Clone, Copy, Debug)]
pub struct Cohort<'a> {
    pub table: &'a Cohorts,
    pub model: u16,
    /// NaN before the first odometer reading.
    pub km: f64,
}

impl Cohort<'_> {
    fn place(&self, question: u16) -> Option<usize> {
        self.table.at(self.model, band(&self.table.from_km, self.km)?, usize::from(question))
    }

    /// The answer to a question; NaN, which is unknown, where nothing is known of vehicles like this one.
    pub fn ask(&self, question: u16) -> f64 {
        self.place(question).and_then(|place| self.table.grid.get(place)).copied().unwrap_or(f64::NAN)
    }

    /// How many vehicles gave it.
    pub fn vehicles(&self, question: u16) -> Option<u32> {
        let vehicles = self.place(question).and_then(|place| self.table.vehicles.get(place)).copied();
        vehicles.filter(|vehicles| *vehicles > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(model: &str, from_km: f64, value: f64, vehicles: u32) -> CohortEntry {
        let signal = "Vehicle.Speed".to_owned();
        CohortEntry { signal, model: model.to_owned(), from_km, quantile: 0.95, value, spread: 10.0, vehicles }
    }

    fn table(entries: Vec<CohortEntry>) -> CohortTable {
        let head = CohortHead { on: "2026-03-02".to_owned(), asked: vec!["Vehicle.Speed 0.95".to_owned()] };
        CohortTable { head, entries }
    }

    #[test]
    fn a_vehicle_is_compared_with_its_model_and_band_and_with_enough_of_them() {
        let signals = crate::catalogue::Catalogue::builtin().unwrap().signals;
        let slot = signals.slot_of_path("Vehicle.Speed").unwrap();
        let mut specs = CohortSpecs::default();
        assert_eq!((specs.ask_for(slot, 0.5), specs.ask_for(slot, 0.95), specs.ask_for(slot, 0.5)), (0, 1, 0));
        let bands = Bands { from_km: vec![0.0, 20_000.0, 50_000.0], least_vehicles: 30, source: String::new() };
        let table = table(vec![entry("b", 20_000.0, 77.0, 30), entry("b", 50_000.0, 88.0, 29)]);
        let cohorts = Cohorts::new(&table, &bands, ["a", "b"].into_iter(), &specs, &signals);
        let ask =
            |model: &str, km: f64, question| Cohort { table: &cohorts, model: cohorts.model(model), km }.ask(question);
        assert_eq!((ask("b", 20_000.0, 1), ask("b", 49_999.0, 1)), (77.0, 77.0));
        // Another band, too few vehicles, another question, another model, no model, no odometer.
        for unknown in [
            ask("b", 19_999.0, 1),
            ask("b", 50_000.0, 1),
            ask("b", 20_000.0, 0),
            ask("a", 20_000.0, 1),
            ask("c", 20_000.0, 1),
            ask("b", f64::NAN, 1),
            ask("b", -1.0, 1),
        ] {
            assert!(unknown.is_nan(), "{unknown}");
        }
    }

    #[test]
    fn only_what_moved_noticeably_is_another_table() {
        let old = table(vec![entry("a", 0.0, 70.0, 40), entry("b", 0.0, 50.0, 40)]);
        assert!(!old.decides_otherwise(&table(vec![entry("a", 0.0, 71.0, 90), entry("b", 0.0, 50.0, 40)])));
        let new = table(vec![entry("a", 0.0, 71.5, 90)]);
        assert!(old.decides_otherwise(&new));
        let said = "a from 0 km: 70 -> 71.5 (90 vehicles); b from 0 km: 50 -> unknown (40 vehicles)";
        assert_eq!(old.differences(&new), [("cohort(Vehicle.Speed, 0.95)".to_owned(), said.to_owned())]);
    }
}
