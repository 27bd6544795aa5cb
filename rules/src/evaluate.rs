//! evaluate: the rules that read something a step touched, to findings that open and end.
//!
//! Three-valued throughout: only a true `when` opens and only a true end closes; what is unknown
//! for want of a reading does neither.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::component::Component;
use crate::effect::Effects;
use crate::expr::{self, Cell, FaultCycle, FaultPhase, Program, Tri};
use crate::fault_code::FaultCode;
use crate::finding::{Evidence, EvidenceFault, EvidenceReading, EvidenceSignal, FindingChange, FindingKey, Opened};
use crate::learned::{Cohort, NO_MODEL};
use crate::rule::{OnChange, Per, RuleKind};
use crate::rule_mask::{MASK_WORDS, RuleMask};
use crate::rule_set::{Rule, RuleNo, RuleSet};
use crate::severity::Severity;
use crate::sparse::Sparse;
use crate::state::Vehicle;
use crate::state::fold::Step;
use crate::text::Text;
use crate::time::Time;
use crate::vehicle::{Locale, Profile, VehicleId};
use crate::window::Windows;

/// What the rules remember of a vehicle: cells of `held`, evidence, open findings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watches {
    cells: Sparse<Cell>,
    /// Sparse: only rules with something to remember; sorted by key.
    list: Vec<Watch>,
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
struct Watch {
    key: FindingKey,
    /// Outcomes of the last samples, trips or days, newest in bit 0.
    outcomes: u32,
    /// Which of them had an outcome at all.
    judged: u32,
    /// Trip or day of bit 0.
    period: i32,
    /// When the finding opened; `NEVER` unless it is open.
    open_at: Time,
    severity: Severity,
}

impl Watch {
    fn open_at(&self) -> Option<Time> {
        Some(self.open_at).filter(|at| *at != Time::NEVER)
    }
}

impl Watches {
    pub fn new(set: &RuleSet) -> Self {
        Self {
            cells: Sparse::new(set.cell_count()),
            list: Vec::new(),
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
        for rule in &set.rules {
            if rule.component.as_ref().is_some_and(|own| own.same_branch(component)) {
                self.cells.clear(rule.when_cell, rule.cells());
                self.keep(|watch| watch.key.rule != rule.no);
            }
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

    /// What a function of a rule remembers.
    pub fn cell(&self, index: usize) -> Option<Cell> {
        self.cells.get(index).copied()
    }

    /// Of the last samples, trips or days: in how many a rule was true, and in how many it was judged.
    pub fn outcomes(&self, key: FindingKey) -> (u32, u32) {
        self.find(key).map_or((0, 0), |watch| (watch.outcomes.count_ones(), watch.judged.count_ones()))
    }

    #[inline]
    fn remembers(&self, key: FindingKey) -> bool {
        self.listed & bit_of(key) != 0 && self.find(key).is_some()
    }

    /// Drops what is not to be kept.
    fn keep(&mut self, wanted: impl Fn(&Watch) -> bool) {
        self.list.retain(wanted);
        self.listed = self.list.iter().fold(0, |bits, watch| bits | bit_of(watch.key));
    }

    fn find(&self, key: FindingKey) -> Option<&Watch> {
        self.list.binary_search_by_key(&key, |watch| watch.key).ok().map(|index| &self.list[index])
    }

    fn entry(&mut self, key: FindingKey) -> &mut Watch {
        let index = self.list.binary_search_by_key(&key, |watch| watch.key).unwrap_or_else(|index| {
            let fresh =
                Watch { key, outcomes: 0, judged: 0, period: i32::MIN, open_at: Time::NEVER, severity: Severity::S4 };
            self.list.reserve_exact(1);
            self.list.insert(index, fresh);
            self.listed |= bit_of(key);
            index
        });
        &mut self.list[index]
    }
}

const fn bit_of(key: FindingKey) -> u64 {
    1 << (key.rule.0 % 64)
}

/// Runs the rules that a settled step touched.
pub fn evaluate(vehicle: &mut Vehicle, step: &Step, set: &RuleSet, effects: &mut Effects) -> Vec<FindingChange> {
    let mask = set.touched(&step.touched, step.faults, step.service);
    evaluate_mask(vehicle, mask, step.at, set, effects)
}

/// Runs those rules of a mask that are in the vehicle's scope, as of `now`.
pub fn evaluate_mask(
    vehicle: &mut Vehicle,
    mask: RuleMask,
    now: Time,
    set: &RuleSet,
    effects: &mut Effects,
) -> Vec<FindingChange> {
    let mut changes = Vec::new();
    effects.make_room_for(set.rules.len());
    for rule in set.in_mask(vehicle.watches.in_scope(mask)) {
        if rule.by_code {
            evaluate_codes(vehicle, rule, now, set, effects, &mut changes);
        } else if let Some(component) = &rule.component {
            let asked = Asked { rule, component, cycle: None, now, set };
            evaluate_one(vehicle, &asked, effects, &mut changes);
        }
    }
    changes
}

/// A rule that is asked about a vehicle as of `now`.
struct Asked<'a> {
    rule: &'a Rule,
    component: &'a Component,
    /// Place among the vehicle's fault cycles of the one it is asked about, and its code.
    cycle: Option<(usize, FaultCode)>,
    now: Time,
    set: &'a RuleSet,
}

impl Asked<'_> {
    const fn key(&self) -> FindingKey {
        FindingKey {
            rule: self.rule.no,
            code: match self.cycle {
                Some((_, code)) => Some(code),
                None => None,
            },
        }
    }
}

fn evaluate_codes(
    vehicle: &mut Vehicle,
    rule: &Rule,
    now: Time,
    set: &RuleSet,
    effects: &mut Effects,
    changes: &mut Vec<FindingChange>,
) {
    let gone: Vec<FindingKey> = vehicle
        .watches
        .list
        .iter()
        .filter(|watch| watch.key.rule == rule.no && watch.open_at().is_some())
        .map(|watch| watch.key)
        .filter(|key| !vehicle.faults.iter().any(|cycle| Some(cycle.code) == key.code))
        .collect();
    for key in gone {
        vehicle.watches.end(key);
        changes.push(FindingChange::Closed { key, at: now, because: "the fault code is gone".to_owned() });
    }
    let mut after = None;
    // Code by code in their order, without a list of them.
    while let Some(code) =
        vehicle.faults.iter().map(|cycle| cycle.code).filter(|code| after.is_none_or(|last| *code > last)).min()
    {
        after = Some(code);
        // The worst report speaks where several ECUs report one code.
        let worst = (0..vehicle.faults.len())
            .filter(|place| vehicle.faults[*place].code == code)
            .min_by_key(|place| vehicle.faults[*place].severity);
        let Some(place) = worst else { continue };
        let component = rule.component.clone().unwrap_or_else(|| vehicle.faults[place].component.clone());
        let asked = Asked { rule, component: &component, cycle: Some((place, code)), now, set };
        evaluate_one(vehicle, &asked, effects, changes);
    }
}

fn evaluate_one(vehicle: &mut Vehicle, asked: &Asked<'_>, effects: &mut Effects, changes: &mut Vec<FindingChange>) {
    if vehicle.is_obsolete(asked.component, asked.now) {
        return;
    }
    let held = run(vehicle, asked, &asked.rule.when, asked.rule.when_cell);
    effects.count(asked.rule.no, held);
    if held != Tri::True && !vehicle.watches.remembers(asked.key()) {
        // Nothing is remembered and there is nothing to remember: most rules, most of the time.
        return;
    }
    follow_up(vehicle, asked, held, changes);
}

/// What the verdict means for a rule that holds or has something to remember.
fn follow_up(vehicle: &mut Vehicle, asked: &Asked<'_>, held: Tri, changes: &mut Vec<FindingChange>) {
    let Asked { rule, now, .. } = *asked;
    let key = asked.key();
    let open = vehicle.watches.find(key).and_then(Watch::open_at);
    let satisfied = gather(vehicle, rule, key, held, now);
    let Some(opened_at) = open else {
        if satisfied == Tri::True {
            changes.push(FindingChange::Opened(Box::new(open_finding(vehicle, asked))));
        }
        return;
    };
    let ends = match &rule.clear {
        Some(clear) => run(vehicle, asked, clear, rule.clear_cell) == Tri::True,
        None => satisfied == Tri::False,
    };
    if ends {
        vehicle.watches.end(key);
        changes.push(ended(rule, key, opened_at, now));
    } else if let Some((place, _)) = asked.cycle {
        let severity = vehicle.faults[place].severity;
        let watch = vehicle.watches.entry(key);
        if rule.source.severity.is_none() && watch.severity != severity {
            watch.severity = severity;
            changes.push(FindingChange::Severity { key, severity, at: now });
        }
    }
}

#[inline]
fn run(vehicle: &mut Vehicle, asked: &Asked<'_>, program: &Program, first_cell: usize) -> Tri {
    let view = expr::View {
        now: asked.now,
        newest: vehicle.newest,
        last: &vehicle.last,
        faults: &vehicle.faults,
        code: asked.cycle.and_then(|(place, _)| vehicle.faults.get(place)),
        service: &vehicle.estimates.usage.items,
        windows: Windows { specs: &asked.set.windows, states: &vehicle.windows },
        cohort: Cohort { table: &asked.set.cohorts, model: vehicle.watches.model, km: vehicle.odometer.km },
    };
    let count = program.cells();
    let cells = match count {
        0 => &mut [],
        _ => vehicle.watches.cells.fill(first_cell, count, Cell::EMPTY).unwrap_or_default(),
    };
    expr::run(program, &view, cells)
}

/// Applies `n of m`: true once enough periods were true, false once none of a full window was.
fn gather(vehicle: &mut Vehicle, rule: &Rule, key: FindingKey, held: Tri, now: Time) -> Tri {
    let Some(evidence) = rule.source.evidence else { return held };
    if held == Tri::Unknown {
        return Tri::Unknown;
    }
    let period = match evidence.per {
        Per::Sample => i32::MAX,
        Per::Trip => vehicle.segment.trip as i32,
        Per::Day => now.day(),
    };
    let watch = vehicle.watches.entry(key);
    if watch.period != period || evidence.per == Per::Sample {
        watch.outcomes <<= 1;
        watch.judged <<= 1;
        watch.period = period;
    }
    let window = u32::MAX >> (32 - u32::from(evidence.of.clamp(1, 32)));
    // The last word of a period is its outcome.
    watch.outcomes = ((watch.outcomes & !1) | u32::from(held == Tri::True)) & window;
    watch.judged = (watch.judged | 1) & window;
    let enough = watch.outcomes.count_ones() >= u32::from(evidence.n);
    let none = watch.outcomes == 0 && watch.judged == window;
    if enough {
        return Tri::True;
    }
    // An open finding ends only with a full window in which nothing was true.
    if watch.open_at().is_some() && !none { Tri::Unknown } else { Tri::False }
}

fn ended(rule: &Rule, key: FindingKey, opened_at: Time, now: Time) -> FindingChange {
    if rule.source.kind == RuleKind::Absence && now < opened_at {
        let because = "readings measured before it arrived later".to_owned();
        return FindingChange::Withdrawn { key, at: now, because };
    }
    let because = match &rule.source.clear {
        Some(clear) => format!("`{clear}` came true"),
        None => "the condition no longer holds".to_owned(),
    };
    FindingChange::Closed { key, at: now, because }
}

fn open_finding(vehicle: &mut Vehicle, asked: &Asked<'_>) -> Opened {
    let Asked { rule, component, now, set, .. } = *asked;
    let key = asked.key();
    let cycle = asked.cycle.and_then(|(place, _)| vehicle.faults.get(place));
    let severity = rule.source.severity.or(cycle.map(|cycle| cycle.severity)).unwrap_or(Severity::S4);
    let evidence = evidence_of(vehicle, rule, cycle, now, set);
    let because = reason_of(rule, &evidence, set);
    let watch = vehicle.watches.entry(key);
    watch.open_at = now;
    watch.severity = severity;
    Opened { key, component: component.clone(), severity, at: now, evidence, because }
}

/// The evidence of an open finding as the state has it now.
pub fn evidence_now(vehicle: &Vehicle, key: FindingKey, since: Time, set: &RuleSet) -> Option<Evidence> {
    let cycle = key.code.and_then(|code| vehicle.faults.iter().find(|cycle| cycle.code == code));
    set.rule(key.rule).map(|rule| evidence_of(vehicle, rule, cycle, since, set))
}

fn evidence_of(vehicle: &Vehicle, rule: &Rule, cycle: Option<&FaultCycle>, at: Time, set: &RuleSet) -> Evidence {
    let shown = if rule.shows.is_empty() { rule.when.evidence_slots().to_vec() } else { rule.shows.clone() };
    let readings: Vec<EvidenceReading> = shown
        .iter()
        .map(|slot| (*slot, vehicle.last(Some(*slot))))
        .filter(|(_, last)| last.at != Time::NEVER && !last.value.is_nan())
        .map(|(slot, last)| EvidenceReading {
            signal: set.catalogue.signals.get(slot).no,
            at: last.at,
            value: last.value,
        })
        .collect();
    let faults = match cycle {
        Some(cycle) => vec![fault_of(cycle)],
        None if rule.when.reads_faults() => {
            vehicle.faults.iter().filter(|cycle| cycle.phase != FaultPhase::Stored).take(16).map(fault_of).collect()
        }
        None => Vec::new(),
    };
    let item = set
        .catalogue
        .item_codes()
        .iter()
        .position(|code| *code == rule.subject)
        .and_then(|index| vehicle.estimates.usage.items.get(index));
    let (clock, shift) = vehicle.clock.told();
    Evidence {
        signals: shown
            .iter()
            .map(|slot| set.catalogue.signals.get(*slot))
            .map(|signal| EvidenceSignal { no: signal.no, path: signal.path.clone() })
            .collect(),
        limit: rule.source.limit,
        above_limit: shown.first().and_then(|slot| rule.when.asks_above(*slot)),
        value: shown.first().map(|slot| vehicle.last(Some(*slot)).value).filter(|value| !value.is_nan()),
        readings,
        faults,
        since: at,
        odometer_km: Some(vehicle.odometer.km).filter(|km| !km.is_nan()),
        days_left: item.map(|item| item.days_left).filter(|days| days.is_finite()),
        km_left: item.map(|item| item.km_left).filter(|km| km.is_finite()),
        clock,
        clock_shift_s: shift.secs_f64(),
    }
}

fn fault_of(cycle: &FaultCycle) -> EvidenceFault {
    EvidenceFault {
        code: cycle.code.to_string(),
        ecu: cycle.ecu.to_string(),
        status: cycle.status,
        first_at: cycle.first_at,
        at: cycle.last_at,
    }
}

/// The rule's reason with `{value}`, `{limit}`, `{code}`, `{km}`, `{days}` and `{each}` filled in.
fn reason_of(rule: &Rule, evidence: &Evidence, set: &RuleSet) -> Text {
    let fill = |locale: Locale| {
        let mut text = rule.source.reason.in_locale(locale).to_owned();
        for (name, value) in crate::respond::variables(rule, evidence, locale, set) {
            text = text.replace(&format!("{{{name}}}"), &value);
        }
        text
    };
    Text { zh_cn: fill(Locale::ZhCn), en: fill(Locale::En) }
}
