//! A catalogue made ready to run: rules expanded, compiled and indexed by what they read.
//!
//! A set is immutable and named by the hash of the files it came from. Lanes switch sets between
//! batches; every journal row names the set it ran under.

use std::cell::RefCell;
use std::sync::Arc;

use super::rule::Rule;
use crate::catalogue::Catalogue;
use crate::compact::{MASK_WORDS, RuleMask, SlotSet};
use crate::entry::model::Model;
use crate::entry::rule::{Mode, RuleKind, RuleNo, RuleSource, about};
use crate::estimate::ESTIMATORS;
use crate::language::expr::{self, ExprError, Program};
use crate::learned::{CohortSpecs, CohortTable, Cohorts, PRIOR_PRECISION, Precision};
use crate::observed::known::Known;
use crate::observed::window::WindowSpecs;
use crate::rule_set::{EstimatorSet, InMask};
use crate::unit::{Severity, Span};
use crate::vehicle::{Component, KnownTraits, Profile, Slot, VehicleId};

/// Why a catalogue cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RuleSetError {
    #[error("rule `{rule}`: {field}: {error}")]
    Expression { rule: String, field: &'static str, error: ExprError },
    #[error("rule `{rule}`: `shows` names the unknown signal `{path}`")]
    Shows { rule: String, path: String },
    #[error("rule `{rule}`: {what}")]
    Rule { rule: String, what: &'static str },
    #[error("{count} {what} are more than the {most} a set can hold")]
    TooMany { what: &'static str, count: usize, most: usize },
}

/// A runnable catalogue.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// SHA-256 of the catalogue's files.
    pub hash: [u8; 32],
    pub catalogue: Arc<Catalogue>,
    pub rules: Vec<Rule>,
    pub known: Known,
    pub estimators: EstimatorSet,
    /// Words of a mask that are in use.
    words: usize,
    /// By slot, as many words each.
    by_slot: Vec<u64>,
    by_fault: RuleMask,
    by_service: RuleMask,
    absence: RuleMask,
    urgent: RuleMask,
    cells: usize,
    stuck: Vec<Slot>,
    pub windows: WindowSpecs,
    /// The quantiles that rules ask for, and what was learned of them.
    pub cohort_specs: CohortSpecs,
    pub cohorts: Cohorts,
    /// Of the vehicles that run under it.
    pub traits: KnownTraits,
    /// Numbers of the windows over each slot.
    windows_of: Vec<Vec<u16>>,
}

impl RuleSet {
    /// Compiles a catalogue; all errors at once.
    pub fn compile(catalogue: Arc<Catalogue>, hash: [u8; 32]) -> Result<Self, Vec<RuleSetError>> {
        let mut errors = Vec::new();
        let mut set = Self {
            hash,
            known: Known::find(&catalogue.signals),
            estimators: EstimatorSet::default(),
            words: 0,
            by_slot: Vec::new(),
            by_fault: [0; MASK_WORDS],
            by_service: [0; MASK_WORDS],
            absence: [0; MASK_WORDS],
            urgent: [0; MASK_WORDS],
            cells: 0,
            stuck: catalogue
                .signals
                .iter()
                .filter(|(_, signal)| signal.stuck_after.is_some())
                .map(|(slot, _)| slot)
                .collect(),
            rules: Vec::new(),
            windows: WindowSpecs::default(),
            cohort_specs: CohortSpecs::default(),
            cohorts: Cohorts::default(),
            traits: KnownTraits::default(),
            windows_of: vec![Vec::new(); catalogue.signals.len()],
            catalogue,
        };
        if set.catalogue.signals.len() > SlotSet::CAPACITY {
            errors.push(too_many("signals", set.catalogue.signals.len(), SlotSet::CAPACITY));
        }
        let catalogue = Arc::clone(&set.catalogue);
        for source in &catalogue.rules {
            let learned = catalogue.learned.precision.of(&source.key, source.version);
            let mode = match learned {
                Some(Precision { demoted: Some(_), .. }) if source.mode == Mode::Live => Mode::Shadow,
                _ => source.mode,
            };
            set.add(&Arc::new(RuleSource { mode, ..source.clone() }), learned.cloned().map(Arc::new), &mut errors);
        }
        if set.rules.len() > MASK_WORDS * 64 {
            errors.push(too_many("rules", set.rules.len(), MASK_WORDS * 64));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        set.index();
        set.lay_out_cohorts(&catalogue.learned.cohorts);
        Ok(set)
    }

    /// The same set under another table of cohorts, for examples that bring their own.
    #[must_use]
    pub fn with_cohorts(&self, table: &CohortTable) -> Self {
        let mut set = self.clone();
        set.lay_out_cohorts(table);
        set
    }

    fn lay_out_cohorts(&mut self, table: &CohortTable) {
        let Catalogue { cohort_bands, models, signals, .. } = &*self.catalogue;
        let models = models.keys().map(String::as_str);
        self.cohorts = Cohorts::new(table, cohort_bands, models, &self.cohort_specs, signals);
    }

    pub fn slot_count(&self) -> usize {
        self.catalogue.signals.len()
    }

    /// Signals that can be stuck, in order.
    pub fn stuck(&self) -> &[Slot] {
        &self.stuck
    }

    pub fn stuck_index(&self, slot: Slot) -> Option<usize> {
        self.stuck.binary_search(&slot).ok()
    }

    pub fn cell_count(&self) -> usize {
        self.cells
    }

    /// The windows that a reading of the slot goes into.
    pub fn windows_of(&self, slot: Slot) -> &[u16] {
        self.windows_of.get(slot.index()).map_or(&[], Vec::as_slice)
    }

    pub fn rule(&self, no: RuleNo) -> Option<&Rule> {
        self.rules.get(no.0 as usize)
    }

    /// The instance with this key and subject.
    pub fn find(&self, key: &str, subject: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.source.key == key && rule.subject == subject)
    }

    /// Rules that read something a step touched.
    pub fn touched(&self, touched: &SlotSet, faults: bool, service: bool) -> RuleMask {
        let mut mask = [0; MASK_WORDS];
        for slot in touched.iter() {
            let first = slot.index() * self.words;
            let row = self.by_slot.get(first..first + self.words).unwrap_or_default();
            for (to, from) in mask.iter_mut().zip(row) {
                *to |= from;
            }
        }
        for (on, other) in [(faults, &self.by_fault), (service, &self.by_service)] {
            if on {
                for (to, from) in mask.iter_mut().zip(&other[..self.words]) {
                    *to |= from;
                }
            }
        }
        mask
    }

    /// Rules that can come to hold because time passes.
    pub fn absence(&self) -> &RuleMask {
        &self.absence
    }

    pub fn by_service(&self) -> &RuleMask {
        &self.by_service
    }

    /// Those of a mask that can be S1: by their own severity, or by that of a fault code.
    pub fn urgent(&self, mut mask: RuleMask) -> RuleMask {
        for (to, from) in mask.iter_mut().zip(&self.urgent) {
            *to &= from;
        }
        mask
    }

    /// Rules of a mask, in order.
    pub fn in_mask(&self, mask: RuleMask) -> InMask<'_> {
        InMask::new(&self.rules, mask, self.words)
    }

    /// Rules whose scope includes the vehicle.
    pub fn scope_of(&self, vehicle: &VehicleId, profile: &Profile) -> RuleMask {
        let mut mask = [0; MASK_WORDS];
        for rule in &self.rules {
            if rule.source.runs_on(vehicle)
                && rule.source.scope.includes(profile)
                && profile.consents.contains(&rule.source.purpose)
            {
                mask[rule.no.0 as usize / 64] |= 1 << (rule.no.0 % 64);
            }
        }
        mask
    }

    /// Slots of the attributes a vehicle has: its model's, and its own over them.
    pub fn attributes_of(&self, profile: &Profile) -> Vec<(Slot, f64)> {
        let of_model = self.catalogue.model(&profile.model).map(Model::attributes).into_iter().flatten();
        let own = profile.attributes.iter();
        of_model
            .chain(own)
            .filter_map(|(name, value)| {
                self.catalogue.signals.slot_of_path(&format!("Attribute.{name}")).map(|slot| (slot, value))
            })
            .collect()
    }

    /// Whether any rule reads what a slot says.
    fn is_read(&self, slot: Slot) -> bool {
        let first = slot.index() * self.words;
        self.by_slot[first..first + self.words].iter().any(|word| *word != 0)
    }

    fn add(&mut self, source: &Arc<RuleSource>, learned: Option<Arc<Precision>>, errors: &mut Vec<RuleSetError>) {
        for subject in source.subjects() {
            match self.instance(source, subject) {
                Ok(rule) => self.rules.push(Rule {
                    precision: learned.as_ref().map_or(PRIOR_PRECISION, |learned| learned.precision),
                    learned: learned.clone(),
                    ..rule
                }),
                Err(mut found) => errors.append(&mut found),
            }
        }
    }

    fn instance(&mut self, source: &Arc<RuleSource>, subject: &str) -> Result<Rule, Vec<RuleSetError>> {
        let fill = |text: &str| about(text, subject);
        let by_code = source.is_by_code();
        if source.severity.is_none() && !by_code {
            return Err(vec![RuleSetError::Rule { rule: source.key.clone(), what: "`severity` is missing" }]);
        }
        let when = self.compile_text(source, "when", &fill(&source.when), source.for_, by_code)?;
        let ending = source.clear.as_deref().map(fill);
        // The line break keeps a comment at the end of the author's text a comment.
        let ending = ending.or_else(|| source.clear_for.map(|_| format!("!({}\n)", fill(&source.when))));
        let clear =
            ending.map(|text| self.compile_text(source, "clear", &text, source.clear_for, by_code)).transpose()?;
        let mut shows = Vec::new();
        for path in source.shows.iter().map(|path| fill(path)) {
            let Some(slot) = self.catalogue.signals.slot_of_path(&path) else {
                return Err(vec![RuleSetError::Shows { rule: source.key.clone(), path }]);
            };
            shows.push(slot);
        }
        let when_cell = self.cells;
        let clear_cell = when_cell + when.cells();
        self.cells = clear_cell + clear.as_ref().map_or(0, Program::cells);
        Ok(Rule {
            no: RuleNo(self.rules.len() as u16),
            subject: subject.to_owned(),
            component: (!by_code).then(|| Component::new(&fill(&source.component))),
            when,
            clear,
            when_cell,
            clear_cell,
            shows,
            by_code,
            source: Arc::clone(source),
            precision: PRIOR_PRECISION,
            learned: None,
        })
    }

    fn compile_text(
        &mut self,
        source: &RuleSource,
        field: &'static str,
        text: &str,
        held: Option<Span>,
        by_code: bool,
    ) -> Result<Program, Vec<RuleSetError>> {
        let windows = RefCell::new(std::mem::take(&mut self.windows));
        let cohorts = RefCell::new(std::mem::take(&mut self.cohort_specs));
        let context = expr::Context {
            signals: &self.catalogue.signals,
            items: self.catalogue.item_codes(),
            windows: &windows,
            cohorts: &cohorts,
            by_code,
        };
        let compiled = expr::compile_held(text, held.unwrap_or(Span::ZERO), &context);
        self.windows = windows.into_inner();
        self.cohort_specs = cohorts.into_inner();
        compiled.map_err(|found| {
            found.into_iter().map(|error| RuleSetError::Expression { rule: source.key.clone(), field, error }).collect()
        })
    }

    fn index(&mut self) {
        self.words = self.rules.len().div_ceil(64);
        self.by_slot = vec![0; self.catalogue.signals.len() * self.words];
        for (number, spec) in self.windows.iter() {
            self.windows_of[spec.slot.index()].push(number as u16);
        }
        for rule in &self.rules {
            let (word, bit) = (rule.no.0 as usize / 64, 1_u64 << (rule.no.0 % 64));
            for program in std::iter::once(&rule.when).chain(&rule.clear) {
                for slot in program.slots() {
                    self.by_slot[slot.index() * self.words + word] |= bit;
                }
                if program.reads_faults() {
                    self.by_fault[word] |= bit;
                }
                if program.reads_service() {
                    self.by_service[word] |= bit;
                }
                if program.absence() {
                    self.absence[word] |= bit;
                }
            }
            if rule.by_code {
                self.by_fault[word] |= bit;
            }
            if rule.source.severity.is_none_or(|severity| severity == Severity::S1) {
                self.urgent[word] |= bit;
            }
            if rule.source.kind == RuleKind::Absence {
                self.absence[word] |= bit;
            }
        }
        let service = self.by_service.iter().any(|word| *word != 0);
        self.estimators =
            EstimatorSet::resolve(ESTIMATORS, &self.catalogue.signals, service, |slot| self.is_read(slot));
        // What can end by a reading must be asked at every reading: silence ends with any of them.
        for (slot, _) in self.catalogue.signals.iter() {
            for rule in &self.rules {
                if rule.when.every_step() {
                    self.by_slot[slot.index() * self.words + rule.no.0 as usize / 64] |= 1 << (rule.no.0 % 64);
                }
            }
        }
    }
}

fn too_many(what: &'static str, count: usize, most: usize) -> RuleSetError {
    RuleSetError::TooMany { what, count, most }
}
