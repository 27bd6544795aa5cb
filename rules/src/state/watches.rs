//! What the rules remember of a vehicle from step to step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::case::FindingKey;
use crate::compact::{List, MASK_WORDS, RuleMask, Sparse};
use crate::entry::rule::{OnChange, Per, RuleNo};
use crate::language::expr::Cell;
use crate::learned::NO_MODEL;
use crate::rule_set::RuleSet;
use crate::unit::{Severity, Span, Time};
use crate::vehicle::{Component, Profile, VehicleId};

/// What the rules remember of a vehicle: cells of `held`, evidence, open findings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watches {
    pub(crate) cells: Sparse<Cell>,
    /// Sparse: only rules with something to remember; sorted by key.
    list: Vec<Watch>,
    /// Of rules that read what waits for a witness.
    pub(crate) doubts: List<Doubt>,
    /// A bit per rule number modulo 64, set for every rule in the list: most rules are not, and need no search.
    #[serde(skip)]
    listed: u64,
    /// As long as the set has rules, unlike a whole [`RuleMask`].
    #[serde(skip)]
    scope: Box<[u64]>,
    /// Number of the vehicle's model among the cohorts of the set.
    #[serde(skip)]
    model: u16,
}

/// Memory of one rule instance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Watch {
    pub key: FindingKey,
    /// Outcomes of the last samples, trips or days, newest in bit 0.
    pub outcomes: u32,
    /// Which of them had an outcome at all.
    pub judged: u32,
    /// Trip or day of bit 0.
    pub period: i32,
    /// When the finding opened; `NEVER` unless it is open.
    pub open_at: Time,
    pub severity: Severity,
}

impl Watch {
    /// One that remembers nothing yet.
    pub const fn new(key: FindingKey) -> Self {
        Self { key, outcomes: 0, judged: 0, period: i32::MIN, open_at: Time::NEVER, severity: Severity::S4 }
    }

    pub fn open_at(&self) -> Option<Time> {
        Some(self.open_at).filter(|at| *at != Time::NEVER)
    }
}

impl Watch {
    /// Moves what a rule remembers by a step of the clock.
    pub fn move_by(&mut self, by: Span, set: &RuleSet) {
        self.open_at = self.open_at.stepped(by);
        let evidence = set.rule(self.key.rule).and_then(|rule| rule.source.evidence);
        if evidence.is_some_and(|evidence| evidence.per == Per::Day) && self.period != i32::MIN {
            self.period = self.period.saturating_add(by.whole_days());
        }
    }
}

impl Watches {
    pub fn new(set: &RuleSet) -> Self {
        Self {
            cells: Sparse::new(set.cell_count()),
            list: Vec::new(),
            doubts: List::new(),
            listed: 0,
            scope: Box::default(),
            model: NO_MODEL,
        }
    }

    pub fn rescope(&mut self, vehicle: &VehicleId, profile: &Profile, set: &RuleSet) {
        self.scope = set.scope_of(vehicle, profile)[..set.rules.len().div_ceil(64)].into();
        self.model = set.cohorts.model(&profile.model);
        self.keep(|_| true);
    }

    pub const fn model(&self) -> u16 {
        self.model
    }

    /// The rules of a mask that are meant for this vehicle.
    pub fn in_scope(&self, mut mask: RuleMask) -> RuleMask {
        let (used, rest) = mask.split_at_mut(self.scope.len().min(MASK_WORDS));
        used.iter_mut().zip(&self.scope).for_each(|(word, scope)| *word &= scope);
        rest.fill(0);
        mask
    }

    /// Forgets what rules of a component have gathered, after a repair.
    pub fn reset(&mut self, component: &Component, set: &RuleSet) {
        self.doubts.clear();
        for rule in &set.rules {
            if rule.component.as_ref().is_some_and(|own| own.same_branch(component)) {
                self.cells.clear(rule.when_cell, rule.cells());
                self.keep(|watch| watch.key.rule != rule.no);
            }
        }
    }

    /// Moves what rules remember by a step of the clock.
    pub fn move_by(&mut self, by: Span, set: &RuleSet) {
        for (_, cell) in self.cells.iter_mut() {
            cell.move_by(by);
        }
        self.list.iter_mut().for_each(|watch| watch.move_by(by, set));
        for doubt in &mut self.doubts {
            doubt.move_by(by, set);
        }
    }

    /// Takes over from another set what rules remember, as far as their counterparts say so. Open
    /// findings of rules that have one stay open.
    pub fn carry(&mut self, from: &RuleSet, to: &RuleSet, counterpart: impl Fn(RuleNo) -> Option<(RuleNo, OnChange)>) {
        let mut cells = Sparse::new(to.cell_count());
        for old in &from.rules {
            let goes_on = counterpart(old.no).filter(|(_, what)| *what != OnChange::Reset);
            let Some(rule) = goes_on.and_then(|(no, _)| to.rule(no)) else { continue };
            for index in 0..old.cells().min(rule.cells()) {
                if let Some(cell) = self.cells.get(old.when_cell + index) {
                    cells.set(rule.when_cell + index, *cell);
                }
            }
        }
        self.cells = cells;
        self.doubts.clear();
        let mut list: Vec<Watch> = self
            .list
            .iter()
            .filter_map(|watch| counterpart(watch.key.rule).map(|(rule, what)| (rule, what, *watch)))
            .filter(|(_, what, watch)| *what != OnChange::Reset || watch.open_at().is_some())
            .map(|(rule, what, watch)| {
                let key = FindingKey { rule, ..watch.key };
                match what {
                    OnChange::Reset => Watch { key, outcomes: 0, judged: 0, period: i32::MIN, ..watch },
                    OnChange::Keep | OnChange::Migrate => Watch { key, ..watch },
                }
            })
            .collect();
        list.sort_by_key(|watch| watch.key);
        self.list = list;
        self.keep(|_| true);
    }

    /// Marks a finding as over that something else than its rule ended.
    pub fn end(&mut self, key: FindingKey) {
        self.keep(|watch| watch.key != key);
    }

    /// Makes these findings the open ones; everything else that was open is forgotten.
    pub fn adopt(&mut self, open: &BTreeMap<FindingKey, (Time, Severity)>) {
        self.doubts.clear();
        self.keep(|watch| watch.open_at().is_none() || open.contains_key(&watch.key));
        for (key, (at, severity)) in open {
            let watch = self.entry(*key);
            (watch.open_at, watch.severity) = (*at, *severity);
        }
    }

    /// Open findings by key, for carrying state to another rule set and for tests.
    pub fn open(&self) -> impl Iterator<Item = (FindingKey, Time)> + '_ {
        self.list.iter().filter_map(|watch| watch.open_at().map(|at| (watch.key, at)))
    }

    /// Open findings of a severity, and when they opened.
    pub fn open_at_severity(&self, severity: Severity) -> impl Iterator<Item = (FindingKey, Time)> + '_ {
        self.list
            .iter()
            .filter(move |watch| watch.severity == severity)
            .filter_map(|watch| watch.open_at().map(|at| (watch.key, at)))
    }

    /// What a function of a rule remembers.
    pub fn cell(&self, index: usize) -> Option<Cell> {
        self.cells.get(index).copied()
    }

    /// Of the last samples, trips or days: in how many a rule was true, and in how many it was judged.
    pub fn outcomes(&self, key: FindingKey) -> (u32, u32) {
        self.find(key).map_or((0, 0), |watch| (watch.outcomes.count_ones(), watch.judged.count_ones()))
    }

    #[inline]
    pub(crate) fn remembers(&self, key: FindingKey) -> bool {
        self.listed & bit_of(key) != 0 && self.find(key).is_some()
    }

    /// Drops what is not to be kept.
    fn keep(&mut self, wanted: impl Fn(&Watch) -> bool) {
        self.list.retain(wanted);
        self.listed = self.list.iter().fold(0, |bits, watch| bits | bit_of(watch.key));
    }

    pub(crate) fn find(&self, key: FindingKey) -> Option<&Watch> {
        self.list.binary_search_by_key(&key, |watch| watch.key).ok().map(|index| &self.list[index])
    }

    pub(crate) fn entry(&mut self, key: FindingKey) -> &mut Watch {
        let index = self.list.binary_search_by_key(&key, |watch| watch.key).unwrap_or_else(|index| {
            self.list.reserve_exact(1);
            self.list.insert(index, Watch::new(key));
            self.listed |= bit_of(key);
            index
        });
        &mut self.list[index]
    }
}

const fn bit_of(key: FindingKey) -> u64 {
    1 << (key.rule.0 % 64)
}

/// Memory of one rule instance while something that it reads waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Doubt {
    pub rule: RuleNo,
    pub cells: Box<[Cell]>,
    pub watch: Watch,
}

impl Doubt {
    /// Moves it by a step of the clock.
    pub fn move_by(&mut self, by: Span, set: &RuleSet) {
        self.cells.iter_mut().for_each(|cell| cell.move_by(by));
        self.watch.move_by(by, set);
    }
}
