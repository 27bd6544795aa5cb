//! A catalogue being read: entries by kind, with their places, before they are checked.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::check_dealer::{self, refuse_others};
use super::check_learned::refuse_in_directory;
use super::layer::within_layer;
use super::read::{Document, Fault, Place, Placed};
use crate::entry::fault_code::{CodeClass, CodeEntry};
use crate::entry::model::Model;
use crate::entry::norm::NormEntry;
use crate::entry::operation::{Operation, Part};
use crate::entry::plan::{Item, PlanHead};
use crate::entry::rule::RuleSource;
use crate::entry::signal::Signal;
use crate::entry::template::TemplateEntry;
use crate::learned::date::DateEntry;
use crate::learned::{
    Bands, CALIBRATION_FILE, COHORTS_FILE, CalibrationEntry, CohortEntry, CohortHead, PRECISION_FILE, Precision,
};
use crate::unit::Locale;
use crate::vehicle::ComponentEntry;

/// Everything that was read, and everything that could not be.
#[derive(Default)]
pub struct Draft {
    pub faults: Vec<Fault>,
    pub signals: Vec<Placed<Signal>>,
    pub components: Vec<Placed<ComponentEntry>>,
    pub codes: Vec<Placed<CodeEntry>>,
    pub classes: Vec<Placed<CodeClass>>,
    pub operations: Vec<Placed<Operation>>,
    pub parts: Vec<Placed<Part>>,
    pub plans: Vec<Placed<PlanDraft>>,
    pub models: Vec<Placed<Model>>,
    pub templates: Vec<Placed<TemplateDraft>>,
    pub rules: Vec<Placed<RuleSource>>,
    pub norms: Vec<Placed<NormEntry>>,
    pub dates: Vec<Placed<DateEntry>>,
    pub precision: Vec<Placed<Precision>>,
    pub bands: Vec<Placed<Bands>>,
    pub cohorts: Vec<Placed<CohortEntry>>,
    pub cohort_head: Option<CohortHead>,
    pub calibration: Vec<Placed<CalibrationEntry>>,
}

/// A plan before its items are placed in the catalogue's list of codes.
pub struct PlanDraft {
    pub head: PlanHead,
    pub items: Vec<Placed<Item>>,
}

/// A template with the language of its folder.
pub struct TemplateDraft {
    pub locale: Locale,
    pub entry: TemplateEntry,
}

/// What the files of a catalogue may be called.
const FILES: [&str; 12] = [
    "signals.toml",
    "components.toml",
    "fault_codes.toml",
    "operations.toml",
    "parts.toml",
    "models.toml",
    "cohorts.toml",
    "estimators.toml",
    "plans/….toml",
    "rules/….toml",
    "templates/zh-CN/….toml",
    "templates/en/….toml",
];

/// Whether a path is one of a catalogue's.
pub fn is_known(path: &str) -> bool {
    path.contains('/') || FILES.contains(&path)
}

impl Draft {
    /// Reads one file, by the place it has in its layer.
    pub fn read(&mut self, path: &str, text: &str) {
        let faults = &mut self.faults;
        if refuse_in_directory(path, faults) || refuse_others(path, text, faults) {
            return;
        }
        match within_layer(path) {
            "cohorts.toml" => {
                let Some(document) = Document::parse(path, text, faults) else { return };
                self.bands.extend(document.rest(faults));
            }
            COHORTS_FILE => {
                let Some(mut document) = Document::parse(path, text, faults) else { return };
                self.cohorts.extend(document.entries("cohort", faults));
                self.cohort_head = document.rest(faults).map(|head| head.value);
            }
            CALIBRATION_FILE => table(path, text, "calibration", &mut self.calibration, faults),
            PRECISION_FILE => table(path, text, "precision", &mut self.precision, faults),
            "signals.toml" => table(path, text, "signal", &mut self.signals, faults),
            "components.toml" => table(path, text, "component", &mut self.components, faults),
            "operations.toml" => table(path, text, "operation", &mut self.operations, faults),
            "parts.toml" => table(path, text, "part", &mut self.parts, faults),
            "fault_codes.toml" => {
                let Some(mut document) = Document::parse(path, text, faults) else { return };
                self.codes.extend(document.entries("code", faults));
                self.classes.extend(document.entries("class", faults));
                document.finish(&["code", "class"], faults);
            }
            "estimators.toml" => {
                let Some(mut document) = Document::parse(path, text, faults) else { return };
                self.norms.extend(document.entries("norm", faults));
                self.dates.extend(document.entries("date", faults));
                document.finish(&["norm", "date"], faults);
            }
            "models.toml" => table(path, text, "model", &mut self.models, faults),
            other => self.read_in_folder(path, other, text),
        }
    }

    fn read_in_folder(&mut self, path: &str, within: &str, text: &str) {
        let faults = &mut self.faults;
        let (folder, file) = within.rsplit_once('/').unwrap_or_default();
        let is_toml = Path::new(file).extension().is_some_and(|extension| extension == "toml");
        let locale = Locale::ALL.into_iter().find(|locale| folder.strip_prefix("templates/") == Some(locale.tag()));
        match (folder, locale) {
            ("plans", _) if is_toml => self.plans.extend(plan(path, text, faults)),
            ("rules", _) if is_toml => {
                let mut entries = Vec::new();
                table(path, text, "rule", &mut entries, faults);
                self.rules.extend(entries.into_iter().map(|entry| check_dealer::scope(entry, faults)));
            }
            (_, Some(locale)) if is_toml => {
                let mut entries = Vec::new();
                table(path, text, "template", &mut entries, faults);
                for Placed { place, value } in entries {
                    self.templates.push(Placed { place, value: TemplateDraft { locale, entry: value } });
                }
            }
            _ => {
                let place = Place { file: path.to_owned(), line: 1 };
                faults.push(place.unknown("catalogue file", within, FILES));
            }
        }
    }
}

/// Reads a plan: its items one by one, then what is said of all of them.
fn plan(path: &str, text: &str, faults: &mut Vec<Fault>) -> Option<Placed<PlanDraft>> {
    let mut document = Document::parse(path, text, faults)?;
    let items = document.entries("item", faults);
    let Placed { place, value: head } = document.rest(faults)?;
    Some(Placed { place, value: PlanDraft { head, items } })
}

/// Reads a file of one kind of entry.
fn table<T: DeserializeOwned>(path: &str, text: &str, name: &str, to: &mut Vec<Placed<T>>, faults: &mut Vec<Fault>) {
    let Some(mut document) = Document::parse(path, text, faults) else { return };
    to.extend(document.entries(name, faults));
    document.finish(&[name], faults);
}
