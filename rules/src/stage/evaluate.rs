//! evaluate: the rules that read something a step touched, to findings that open and end.
//!
//! Three-valued throughout: only a true `when` opens and only a true end closes; what is unknown
//! for want of a reading does neither.

use crate::case::{FindingChange, FindingKey, Opened};
use crate::compact::RuleMask;
use crate::entry::fault_code::FaultCode;
use crate::entry::rule::RuleKind;
use crate::language::expr::{self, Cell, Program, Tri, View};
use crate::learned::Cohort;
use crate::observed::step::Step;
use crate::observed::window::Windows;
use crate::rule_set::{InMask, Rule, RuleSet};
use crate::stage::doubt::consider;
use crate::stage::effect::Effects;
use crate::stage::evidence::{evidence_of, reason_of};
use crate::stage::scope::StepScope;
use crate::state::outcome::take_outcome;
use crate::state::watches::Watch;
use crate::state::{Vehicle, is_obsolete};
use crate::unit::{Severity, Text, Time};
use crate::vehicle::Component;

/// Runs the rules that a settled step touched.
pub fn evaluate(scope: &mut StepScope<'_>, step: &Step) -> Vec<FindingChange> {
    consider(scope.vehicle, step, scope.set);
    let mask = scope.set.touched(&step.touched, step.faults, step.service);
    evaluate_mask(scope, mask, step.at)
}

/// Runs those rules of a mask that are in the vehicle's scope, as of `now`.
pub fn evaluate_mask(scope: &mut StepScope<'_>, mask: RuleMask, now: Time) -> Vec<FindingChange> {
    let mut changes = Vec::new();
    let set = scope.set;
    scope.effects.make_room_for(set.rules.len());
    let mut rules = set.in_mask(scope.vehicle.watches.in_scope(mask));
    while let Some((rule, held)) = next_with_consequences(scope, &mut rules, now) {
        match (held, &rule.component) {
            (Some(held), Some(component)) => {
                let asked = Asked { rule, component, cycle: None, now, set };
                follow_up(scope.vehicle, &asked, held, &mut changes);
            }
            _ => evaluate_codes(scope, rule, now, &mut changes),
        }
    }
    changes
}

/// Runs rules up to one that holds or has something to remember, and gives it with its verdict; one by code is not
/// run. Most rules are neither, most of the time: they share one view of the vehicle.
fn next_with_consequences<'a>(
    scope: &mut StepScope<'_>,
    rules: &mut InMask<'a>,
    now: Time,
) -> Option<(&'a Rule, Option<Tri>)> {
    let StepScope { vehicle, set, effects, .. } = scope;
    let Vehicle { watches, newest, last, faults, estimates, windows, odometer, resets, segment, .. } = &mut **vehicle;
    let view = View {
        now,
        newest: *newest,
        last,
        faults,
        code: None,
        service: &estimates.usage.items,
        windows: Windows { specs: &set.windows, states: windows, segment },
        cohort: Cohort { table: &set.cohorts, model: watches.model(), km: odometer.km },
    };
    for rule in rules {
        if rule.by_code {
            return Some((rule, None));
        }
        let Some(component) = &rule.component else { continue };
        if !resets.is_empty() && is_obsolete(resets, component, now) {
            continue;
        }
        let held = match rule.when.cells() {
            0 => expr::run(&rule.when, &view, &mut []),
            count => {
                let cells = watches.cells.fill(rule.when_cell, count, Cell::EMPTY).unwrap_or_default();
                expr::run(&rule.when, &view, cells)
            }
        };
        effects.count(rule.no, held);
        if held == Tri::True || watches.remembers(FindingKey { rule: rule.no, code: None }) {
            return Some((rule, Some(held)));
        }
    }
    None
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

fn evaluate_codes(scope: &mut StepScope<'_>, rule: &Rule, now: Time, changes: &mut Vec<FindingChange>) {
    let set = scope.set;
    let vehicle = &mut *scope.vehicle;
    let gone: Vec<FindingKey> = vehicle
        .watches
        .open()
        .map(|(key, _)| key)
        .filter(|key| key.rule == rule.no && !vehicle.faults.iter().any(|cycle| Some(cycle.code) == key.code))
        .collect();
    for key in gone {
        vehicle.watches.end(key);
        changes.push(FindingChange::Closed {
            key,
            at: now,
            because: Text::new("故障码已消失", "the fault code is gone"),
        });
    }
    let mut after = None;
    let effects = &mut *scope.effects;
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

fn run(vehicle: &mut Vehicle, asked: &Asked<'_>, program: &Program, first_cell: usize) -> Tri {
    let view = View {
        now: asked.now,
        newest: vehicle.newest,
        last: &vehicle.last,
        faults: &vehicle.faults,
        code: asked.cycle.and_then(|(place, _)| vehicle.faults.get(place)),
        service: &vehicle.estimates.usage.items,
        windows: Windows { specs: &asked.set.windows, states: &vehicle.windows, segment: &vehicle.segment },
        cohort: Cohort { table: &asked.set.cohorts, model: vehicle.watches.model(), km: vehicle.odometer.km },
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
    match rule.source.evidence {
        Some(evidence) if held != Tri::Unknown => {
            take_outcome(vehicle.watches.entry(key), evidence, held, vehicle.segment.trip, now)
        }
        _ => held,
    }
}

fn ended(rule: &Rule, key: FindingKey, opened_at: Time, now: Time) -> FindingChange {
    if rule.source.kind == RuleKind::Absence && now < opened_at {
        let because = Text::new("此前测得的数据后来才到达", "readings measured before it arrived later");
        return FindingChange::Withdrawn { key, at: now, because };
    }
    let because = match &rule.source.clear {
        Some(clear) => Text::new(format!("解除条件成立:`{clear}`"), format!("`{clear}` came true")),
        None => Text::new("触发条件不再成立", "the condition no longer holds"),
    };
    FindingChange::Closed { key, at: now, because }
}

fn open_finding(vehicle: &mut Vehicle, asked: &Asked<'_>) -> Opened {
    let Asked { rule, component, now, set, .. } = *asked;
    let key = asked.key();
    let cycle = asked.cycle.and_then(|(place, _)| vehicle.faults.get(place));
    let severity = rule.source.severity.or(cycle.map(|cycle| cycle.severity)).unwrap_or(Severity::S4);
    let evidence = evidence_of(vehicle, rule, cycle, now, set);
    let because = reason_of(rule, severity, &evidence, set);
    let watch = vehicle.watches.entry(key);
    watch.open_at = now;
    watch.severity = severity;
    Opened { key, component: component.clone(), severity, at: now, evidence, because }
}
