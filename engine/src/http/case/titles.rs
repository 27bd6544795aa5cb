//! Words of the catalogue for pages: what a component, rule, operation, part, signal or code is called.
//!
//! Rows of the store name catalogue entries of the past too: what the loaded catalogue does not know
//! is shown by its key, made readable.

use std::sync::Arc;

use chrono::TimeDelta;
use rules::catalogue::Catalogue;
use rules::entry::fault_code::FaultCode;
use rules::entry::plan::Plan;
use rules::entry::signal::{Kind, Signal};
use rules::unit::{Locale, Text};
use rules::vehicle::{Component, SignalNo};
use serde_json::Value;

use crate::http::page::show::number;

/// Titles of one catalogue in one language.
#[derive(Clone, Debug)]
pub struct Titles {
    catalogue: Arc<Catalogue>,
    locale: Locale,
}

/// How a signal is shown.
#[derive(Clone, Debug)]
pub struct SignalSign<'a> {
    pub title: String,
    pub unit: &'a str,
    /// From the catalogue's unit to the shown one.
    pub factor: f64,
    pub names: &'a [String],
    pub max_gap: TimeDelta,
    pub feature: bool,
}

impl SignalSign<'_> {
    /// A value with its unit: `12.41 V`, `ON`.
    pub fn value(&self, value: f64) -> String {
        if !self.names.is_empty() {
            return self.names.get(value as usize).cloned().unwrap_or_else(|| number(value));
        }
        let shown = number(value * self.factor);
        if self.unit.is_empty() { shown } else { format!("{shown} {}", self.unit) }
    }
}

impl Titles {
    pub fn new(catalogue: Arc<Catalogue>, locale: Locale) -> Self {
        Self { catalogue, locale }
    }

    pub fn component(&self, key: &str) -> String {
        let title = self.catalogue.components.title(&Component::new(key));
        title.map_or_else(|| readable(key), |title| capital(self.said(title)))
    }

    pub fn rule(&self, key: &str) -> String {
        let rules = &self.catalogue.rules;
        let found = rules.binary_search_by(|rule| rule.key.as_str().cmp(key)).ok().and_then(|at| rules.get(at));
        found.map_or_else(|| readable(key), |rule| capital(self.said(&rule.title)))
    }

    pub fn model(&self, key: &str) -> String {
        self.catalogue.model(key).map_or_else(|| readable(key), |model| capital(self.said(&model.title)))
    }

    /// The service plan of a model.
    pub fn plan(&self, model: &str) -> Option<&Plan> {
        self.catalogue.plan_of(model)
    }

    pub fn text(&self, text: &Text) -> String {
        capital(self.said(text))
    }

    pub fn operation(&self, key: &str) -> String {
        self.catalogue.operations.get(key).map_or_else(|| readable(key), |found| capital(self.said(&found.title)))
    }

    pub fn part(&self, key: &str) -> String {
        self.catalogue.parts.get(key).map_or_else(|| readable(key), |found| capital(self.said(&found.title)))
    }

    /// What a fault code means, by itself or by its class.
    pub fn fault(&self, code: &str) -> String {
        let known: Result<FaultCode, _> = code.parse();
        known.map(|code| capital(self.said(self.catalogue.fault_codes.meaning(code)))).unwrap_or_default()
    }

    /// A signal as pages name it; `None` for what is not known, and for what says when a part fails: people read the
    /// calibrated forecast instead, with a date where such dates hold.
    pub fn signal(&self, no: i16) -> Option<SignalSign<'_>> {
        self.known(no).filter(|signal| signal.forecast.is_none()).map(|signal| self.sign(signal))
    }

    /// Whether a signal says when a part fails.
    pub fn withholds(&self, no: i16) -> bool {
        self.known(no).is_some_and(|signal| signal.forecast.is_some())
    }

    fn known(&self, no: i16) -> Option<&Signal> {
        u16::try_from(no).ok().and_then(|no| self.catalogue.signals.by_no(SignalNo(no)))
    }

    /// The number of a signal, as the store keeps it.
    pub fn number_of(&self, path: &str) -> Option<i16> {
        self.catalogue.signals.by_path(path).and_then(|signal| i16::try_from(signal.no.0).ok())
    }

    fn sign<'a>(&self, signal: &'a Signal) -> SignalSign<'a> {
        let (unit, factor) = shown_unit(signal.unit.as_str());
        SignalSign {
            title: capital(self.said(&signal.title)),
            unit,
            factor,
            names: match &signal.kind {
                Kind::Words(words) => words,
                _ => &[],
            },
            max_gap: TimeDelta::microseconds(signal.max_gap.micros()),
            feature: signal.feature,
        }
    }

    /// A sentence stored in both languages, such as the reason of a finding.
    pub fn stored(&self, sentence: &Value) -> String {
        let tag = self.locale.tag();
        let said = sentence.get(tag).or_else(|| sentence.get(Locale::En.tag())).unwrap_or(sentence);
        said.as_str().map(str::to_owned).unwrap_or_default()
    }

    /// A reason stored as text: of the engine in both languages, of a person as it was typed.
    pub fn worded(&self, stored: &str) -> String {
        let sentence = serde_json::from_str(stored).ok().filter(Value::is_object);
        sentence.map_or_else(|| stored.to_owned(), |sentence| self.stored(&sentence))
    }

    fn said<'a>(&self, text: &'a Text) -> &'a str {
        text.in_locale(self.locale)
    }
}

/// The unit people read, and the factor to it.
fn shown_unit(unit: &str) -> (&str, f64) {
    match unit {
        "degC" => ("°C", 1.0),
        "m" => ("km", 0.001),
        "kOhm" => ("kΩ", 1.0),
        "ohm/V" => ("Ω/V", 1.0),
        "m/s2" => ("m/s²", 1.0),
        "l/100km" => ("L/100 km", 1.0),
        "deg" => ("°", 1.0),
        other => (other, 1.0),
    }
}

/// `engine.oil_pressure` becomes `Engine oil pressure`.
pub fn readable(key: &str) -> String {
    capital(&key.replace(['.', '_', '-'], " "))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_the_catalogue_knows_and_reads_out_what_it_does_not() {
        let titles = Titles::new(Arc::new(Catalogue::builtin().unwrap()), Locale::En);
        assert_eq!(titles.component("engine.cooling"), "Engine cooling");
        assert_eq!(titles.component("engine.flux_capacitor"), "Engine flux capacitor");
        assert!(!titles.fault("P0301").is_empty());
        assert_eq!(titles.signal(1).unwrap().value(48_211_300.0), "48\u{2009}211 km");
        assert_eq!(titles.signal(3).unwrap().value(4.0), "ON");
    }

    #[test]
    fn reads_stored_sentences_in_the_language_asked_for() {
        let titles = Titles::new(Arc::new(Catalogue::builtin().unwrap()), Locale::ZhCn);
        let sentence = serde_json::json!({ "zh-CN": "水温过高", "en": "too hot" });
        assert_eq!(titles.stored(&sentence), "水温过高");
        assert_eq!(titles.stored(&serde_json::json!("plain")), "plain");
        assert_eq!(titles.stored(&serde_json::json!(null)), "");
        assert_eq!(titles.worded(&sentence.to_string()), "水温过高");
        for typed in ["sold", "12", "{\"half"] {
            assert_eq!(titles.worded(typed), typed);
        }
    }
}
