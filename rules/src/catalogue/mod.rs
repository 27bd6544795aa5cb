//! The catalogue: everything the product knows about vehicles, as data.
//!
//! Loaded all or nothing from a list of files: if anything is wrong, every fault is returned with
//! file, line and the nearest valid name, and nothing changes. The engine stores whole catalogues by
//! the hash of [`Catalogue::files`], so that every decision can be replayed under its own.

mod builtin;
mod check;
mod check_dealer;
mod check_learned;
mod check_plans;
mod check_rules;
mod check_words;
mod draft;
mod entry;
mod layer;
mod read;

use std::collections::BTreeMap;
use std::fmt;

use uuid::Uuid;

pub use check_words::is_chinese;
pub use entry::{Entry, EntryKey, EntryKind, entries};
pub use layer::{DEALERS, Layer, OVERLAY};
pub use read::{Fault, Place, Placed};

use crate::entry::fault_code::FaultCodes;
use crate::entry::model::Model;
use crate::entry::norm::Norms;
use crate::entry::operation::{Operation, Part};
use crate::entry::plan::{Item, Plan};
use crate::entry::rule::{Mode, RuleSource};
use crate::entry::signal::Signals;
use crate::entry::template::Template;
use crate::learned::date::Dates;
use crate::learned::{Bands, FOLDER, Learned, PrecisionTable};
use crate::unit::{Locale, Text};
use crate::vehicle::{Component, Components};
use check::Names;
use check_rules::Scope;
use draft::Draft;

/// One complete, checked catalogue.
#[derive(Clone, Debug)]
pub struct Catalogue {
    files: Vec<(String, String)>,
    wording: Wording,
    pub signals: Signals,
    pub components: Components,
    pub fault_codes: FaultCodes,
    /// By key.
    pub operations: BTreeMap<String, Operation>,
    /// By key.
    pub parts: BTreeMap<String, Part>,
    /// By key.
    pub models: BTreeMap<String, Model>,
    /// By key.
    pub plans: BTreeMap<String, Plan>,
    /// In key order; expressions are compiled by the rule set.
    pub rules: Vec<RuleSource>,
    /// Which vehicles are alike.
    pub cohort_bands: Bands,
    /// What estimators start from.
    pub norms: Norms,
    /// How well their dates of failure hold.
    pub dates: Dates,
    pub learned: Learned,
    item_codes: Vec<String>,
    /// The plan of each model, by the model's key.
    model_plans: BTreeMap<String, Plan>,
    /// By key, in the order of `Locale::ALL`.
    templates: BTreeMap<String, Vec<Template>>,
}

/// Whether texts are held to what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wording {
    Checked,
    /// What an earlier version let into force is replayed as it was; it is checked before it takes effect again.
    AsStored,
}

/// Everything that is wrong with a catalogue; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueError(pub Vec<Fault>);

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the catalogue has {} faults:", self.0.len())?;
        for fault in &self.0 {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CatalogueError {}

impl Catalogue {
    /// The catalogue the product ships with.
    pub fn builtin() -> Result<Self, CatalogueError> {
        Self::load(builtin::FILES)
    }

    /// Loads a list of files as [`Catalogue::files`] gives it: shipped ones by their path below
    /// `rules/catalogue/`, those of an overlay below [`OVERLAY`].
    pub fn load<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)]) -> Result<Self, CatalogueError> {
        Self::load_as(files, Wording::Checked)
    }

    /// The same for files that were in force once.
    pub fn load_stored<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)]) -> Result<Self, CatalogueError> {
        Self::load_as(files, Wording::AsStored)
    }

    /// This catalogue with its texts held to what is measured, as before it takes effect again.
    pub fn checked(self) -> Result<Self, CatalogueError> {
        if self.wording == Wording::Checked { Ok(self) } else { Self::load(&self.files) }
    }

    fn load_as<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)], wording: Wording) -> Result<Self, CatalogueError> {
        let mut owned: Vec<(String, String)> =
            files.iter().map(|(path, text)| (path.as_ref().to_owned(), text.as_ref().to_owned())).collect();
        owned.sort();
        let mut draft = Draft::default();
        for (path, text) in &owned {
            draft.read(path, text);
        }
        Self::check(draft, owned, wording)
    }

    /// This catalogue with the files of a directory laid over it: an entry replaces the shipped one
    /// of the same key, others are added. Paths are relative to that directory.
    pub fn overlay<P: AsRef<str>, T: AsRef<str>>(&self, files: &[(P, T)]) -> Result<Self, CatalogueError> {
        let over = files.iter().map(|(path, text)| (format!("{OVERLAY}{}", path.as_ref()), text.as_ref().to_owned()));
        let mut all: Vec<(String, String)> = over.collect();
        for (path, text) in &self.files {
            if !all.iter().any(|(other, _)| other == path) {
                all.push((path.clone(), text.clone()));
            }
        }
        Self::load(&all)
    }

    /// This catalogue with the rules of a directory instead of its own; what else lies in it is laid
    /// over. A file beside the catalogue's folders holds rules.
    pub fn with_rules_of<P: AsRef<str>, T: AsRef<str>>(&self, files: &[(P, T)]) -> Result<Self, CatalogueError> {
        let place = |path: &str| if draft::is_known(path) { path.to_owned() } else { format!("rules/{path}") };
        let over =
            files.iter().map(|(path, text)| (format!("{OVERLAY}{}", place(path.as_ref())), text.as_ref().to_owned()));
        let own = self.files.iter().filter(|(path, _)| !path.starts_with("rules/")).cloned();
        Self::load(&own.chain(over).collect::<Vec<_>>())
    }

    /// This catalogue with learned tables instead of its own, as [`Catalogue::learned_files`] gives them.
    pub fn with_learned<P: AsRef<str>, T: AsRef<str>>(&self, tables: &[(P, T)]) -> Result<Self, CatalogueError> {
        let tables = tables.iter().map(|(path, text)| (path.as_ref().to_owned(), text.as_ref().to_owned()));
        Self::load_as(&self.written_files().cloned().chain(tables).collect::<Vec<_>>(), self.wording)
    }

    /// This catalogue with one of the learned tables instead of its own.
    pub fn with_learned_file(&self, path: &str, text: String) -> Result<Self, CatalogueError> {
        let others = self.learned_files().into_iter().filter(|(other, _)| other != path);
        self.with_learned(&others.chain([(path.to_owned(), text)]).collect::<Vec<_>>())
    }

    /// This catalogue with the files of a dealer instead of what that dealer had; they replace nothing of anybody
    /// else's. Paths are relative to the dealer's own directory.
    pub fn with_dealer<P: AsRef<str>, T: AsRef<str>>(
        &self,
        dealer: Uuid,
        files: &[(P, T)],
    ) -> Result<Self, CatalogueError> {
        let own =
            files.iter().map(|(path, text)| (format!("{DEALERS}{dealer}/{}", path.as_ref()), text.as_ref().to_owned()));
        let others = self.files.iter().filter(|(path, _)| Layer::of(path) != Layer::Dealer(dealer)).cloned();
        Self::load(&others.chain(own).collect::<Vec<_>>())
    }

    /// The files of a layer.
    pub fn layer_files(&self, wanted: impl Fn(Layer) -> bool) -> impl Iterator<Item = &(String, String)> {
        self.written_files().filter(move |(path, _)| wanted(Layer::of(path)))
    }

    /// The same with every rule live, demoted ones too: for trying them.
    #[must_use]
    pub fn all_live(mut self) -> Self {
        self.learned.precision = PrecisionTable::default();
        for rule in &mut self.rules {
            rule.mode = Mode::Live;
        }
        self
    }

    /// Path and text of every file, sorted: what to hash, and what to store to load it again.
    pub fn files(&self) -> &[(String, String)] {
        &self.files
    }

    /// The files of the learned tables.
    pub fn learned_files(&self) -> Vec<(String, String)> {
        self.files.iter().filter(|(path, _)| path.starts_with(FOLDER)).cloned().collect()
    }

    /// The files that people wrote: all but the learned tables.
    pub fn written_files(&self) -> impl Iterator<Item = &(String, String)> {
        self.files.iter().filter(|(path, _)| !path.starts_with(FOLDER))
    }

    pub fn operation(&self, key: &str) -> Option<&Operation> {
        self.operations.get(key)
    }

    pub fn part(&self, key: &str) -> Option<&Part> {
        self.parts.get(key)
    }

    pub fn component_title(&self, component: &Component) -> Option<&Text> {
        self.components.title(component)
    }

    pub fn model(&self, key: &str) -> Option<&Model> {
        self.models.get(key)
    }

    /// Whether people are shown when parts fail by this estimator: by what came of such dates for the model, else by
    /// the score card. The one place that decides it, for pages, messages and answers alike.
    pub fn shows_date(&self, estimator: &str, model: &str) -> bool {
        self.learned.calibration.date_holds(estimator, model).unwrap_or_else(|| self.dates.hold(estimator))
    }

    /// The service plan of a model.
    pub fn plan_of(&self, model: &str) -> Option<&Plan> {
        self.model_plans.get(model)
    }

    /// The item of a model's plan that a component such as `service.oil` stands for.
    pub fn service_item(&self, model: &str, component: &Component) -> Option<&Item> {
        self.plan_of(model)?.item(component.as_str().strip_prefix("service.")?)
    }

    /// Codes of all service items of all plans: their index is that of `View.service`.
    pub fn item_codes(&self) -> &[String] {
        &self.item_codes
    }

    pub fn template(&self, key: &str, locale: Locale) -> Option<&Template> {
        let place = Locale::ALL.into_iter().position(|other| other == locale)?;
        self.templates.get(key)?.get(place)
    }

    /// The version a template has in every language.
    pub fn template_version(&self, key: &str) -> Option<u32> {
        self.template(key, Locale::ZhCn).map(|template| template.version)
    }

    pub fn template_keys(&self) -> impl Iterator<Item = &str> {
        self.templates.keys().map(String::as_str)
    }

    fn check(mut draft: Draft, files: Vec<(String, String)>, wording: Wording) -> Result<Self, CatalogueError> {
        let mut faults = std::mem::take(&mut draft.faults);
        if wording == Wording::Checked {
            check_words::languages(&draft, &mut faults);
        }
        let signals = check::signals(draft.signals, &mut faults);
        let components = check::components(draft.components, &mut faults);
        let operations = check::operations(draft.operations, &mut faults);
        let parts = check::parts(draft.parts, &mut faults);
        let names = Names {
            components: &components,
            operations: operations.keys().map(String::as_str).collect(),
            parts: parts.keys().map(String::as_str).collect(),
        };
        let fault_codes = check::fault_codes(draft.codes, draft.classes, &names, &mut faults);
        check_plans::item_models(&draft.plans, &draft.models, &mut faults);
        let (plans, item_codes) = check_plans::plans(draft.plans, &names, &mut faults);
        let (models, model_plans) = check_plans::models(draft.models, &plans, &mut faults);
        let dealers_templates = check_dealer::templates_of(&draft.templates);
        let templates = check_plans::templates(draft.templates, &mut faults);
        let scope = Scope {
            names: &names,
            signals: &signals,
            templates: &templates,
            dealers_templates: &dealers_templates,
            models: models.keys().map(String::as_str).collect(),
            items: &item_codes,
            files: &files,
            wording,
        };
        let rules = check_rules::rules(draft.rules, &scope, &mut faults);
        let norms = check_plans::norms(draft.norms, &models, &mut faults);
        let dates = check_plans::dates(draft.dates, &mut faults);
        let cohort_bands = check_learned::bands(draft.bands, &mut faults);
        let cohorts = check_learned::cohorts(draft.cohorts, draft.cohort_head, &mut faults);
        let precision = check_learned::precision(draft.precision, &rules, &mut faults);
        let calibration = check_learned::calibration(draft.calibration, &mut faults);
        let learned = Learned { precision, cohorts, calibration };
        match fault_codes {
            Some(fault_codes) if faults.is_empty() => Ok(Self {
                files,
                wording,
                signals,
                components,
                fault_codes,
                operations,
                parts,
                models,
                plans,
                rules,
                cohort_bands,
                norms,
                dates,
                learned,
                item_codes,
                model_plans,
                templates,
            }),
            _ => Err(CatalogueError(faults)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ships_without_faults() {
        if let Err(error) = Catalogue::builtin() {
            panic!("{error}");
        }
    }
}
