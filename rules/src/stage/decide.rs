//! decide: findings to cases. One live case per component; it lasts while any finding does.

use crate::case::{Case, FindingChange, FindingKey, OpenFinding, Opened, PastCase, Proposal, case_id, shadow_case_id};
use crate::entry::rule::{Mode, RuleKind, RuleSource};
use crate::rule_set::{Rule, RuleSet};
use crate::stage::effect::{
    CaseEffect, ChangeKind, Effect, Effects, FindingEffect, NoticeEffect, OrderEffect, ReviewEffect,
};
use crate::state::Vehicle;
use crate::unit::{Severity, Span, Text, Time};
use crate::vehicle::Component;

/// DOMAIN 5.0: no new case on a component for this long after one closed, unless worse.
const REFRACTORY: Span = Span::from_days(30);

/// Joins finding changes to the vehicle's cases, in the order they were found.
pub fn decide(
    vehicle: &mut Vehicle,
    changes: Vec<FindingChange>,
    received_at: Time,
    set: &RuleSet,
    effects: &mut Effects,
) {
    for change in changes {
        match change {
            FindingChange::Opened(opened) => open(vehicle, &opened, received_at, set, effects),
            FindingChange::Severity { key, severity, at } => {
                regrade(vehicle, key, severity, at, received_at, set, effects);
            }
            FindingChange::Closed { key, at, because } => {
                let local = is_local(key, set);
                end(vehicle, key, End { at, because, withdrawn: false, local }, received_at, set, effects);
            }
            FindingChange::Withdrawn { key, at, because } => {
                let local = is_local(key, set);
                end(vehicle, key, End { at, because, withdrawn: true, local }, received_at, set, effects);
            }
        }
    }
}

struct End {
    at: Time,
    because: Text,
    withdrawn: bool,
    /// What ended was a dealer's own finding: what holds for all vehicles need not rest after it.
    local: bool,
}

fn open(vehicle: &mut Vehicle, opened: &Opened, received_at: Time, set: &RuleSet, effects: &mut Effects) {
    let Some(rule) = set.rule(opened.key.rule) else { return };
    let mode = rule.source.mode;
    let same = |case: &&mut Case| {
        case.component == opened.component && case.mode == mode && (mode == Mode::Live || owns(case, rule))
    };
    if let Some(case) = vehicle.cases.iter_mut().find(same) {
        join(case, opened, rule, received_at, set, effects);
        return;
    }
    let past = vehicle.past.iter().find(|past| past.component == opened.component);
    if is_refractory(past, opened, rule) {
        // It stays open as a finding of its rule; should it get worse, that opens a case.
        vehicle.watches.end(opened.key);
        return;
    }
    let episode = past.map_or(0, |past| past.episode) + 1;
    let id = match mode {
        Mode::Live => case_id(&vehicle.id, vehicle.life, &opened.component, episode),
        Mode::Shadow | Mode::Canary => {
            let (key, version) = (&rule.source.key, rule.source.version);
            shadow_case_id(&vehicle.id, vehicle.life, &opened.component, key, version, episode)
        }
    };
    let confidence = rule.source.probability * rule.precision;
    let mut case = Case {
        id,
        component: opened.component.clone(),
        episode,
        mode,
        severity: opened.severity,
        opened_at: opened.at,
        confidence: confidence as f32,
        findings: Vec::new(),
        ordinals: 0,
        changes: 0,
        proposal: Proposal::Nothing,
        warned: false,
    };
    effects.written.push(Effect::Case(CaseEffect::Open {
        case: id,
        component: opened.component.clone(),
        episode,
        mode,
        severity: opened.severity,
        rule: rule.source.key.clone(),
        version: rule.source.version,
        opened_at: opened.at,
        received_at,
        confidence,
    }));
    add_finding(&mut case, opened, rule, effects);
    log(&mut case, ChangeKind::Open, opened.at, received_at, opened.because.clone(), effects);
    // Most vehicles have one or none, and there are many vehicles.
    vehicle.cases.reserve_exact(1);
    vehicle.cases.push(case);
}

fn owns(case: &Case, rule: &Rule) -> bool {
    case.findings.iter().any(|finding| finding.key.rule == rule.no)
}

/// After a case closed its component rests, unless something worse or a fault code comes; what
/// was withdrawn never was, and a due date is no relapse.
fn is_refractory(past: Option<&PastCase>, opened: &Opened, rule: &Rule) -> bool {
    let exempt = opened.key.code.is_some();
    !exempt && rests_until(past, opened.severity, &rule.source).is_some_and(|until| opened.at < until)
}

/// Until when nothing of a severity opens on a component whose case closed, exempt severities apart.
fn rests_until(past: Option<&PastCase>, severity: Severity, rule: &RuleSource) -> Option<Time> {
    let (past, closed_at) = past.and_then(|past| past.closed_at.map(|at| (past, at)))?;
    let exempt = severity <= Severity::S2 || severity < past.severity || rule.kind == RuleKind::Due;
    (!exempt).then(|| closed_at + rule.refractory.unwrap_or(REFRACTORY))
}

/// Until when a component rests for a rule at `at`, if it does; what has a fault code never rests.
pub fn refractory_until(vehicle: &Vehicle, component: &Component, rule: &RuleSource, at: Time) -> Option<Time> {
    let past = vehicle.past.iter().find(|past| past.component == *component);
    let severity = rule.severity.filter(|_| !rule.is_by_code())?;
    rests_until(past, severity, rule).filter(|until| at < *until)
}

fn join(case: &mut Case, opened: &Opened, rule: &Rule, received_at: Time, set: &RuleSet, effects: &mut Effects) {
    let before = case.severity;
    if !rule.source.is_local() && case.findings.iter().all(|finding| is_local(finding.key, set)) {
        // What a dealer's own rule thinks of a component does not hold back what a rule for all finds there.
        case.confidence = (rule.source.probability * rule.precision) as f32;
    }
    add_finding(case, opened, rule, effects);
    let kind = regraded(case, before, set, effects);
    log(case, kind, opened.at, received_at, opened.because.clone(), effects);
}

fn add_finding(case: &mut Case, opened: &Opened, rule: &Rule, effects: &mut Effects) {
    case.ordinals += 1;
    let ordinal = case.ordinals;
    case.findings.reserve_exact(1);
    case.findings.push(OpenFinding { key: opened.key, ordinal, severity: opened.severity, opened_at: opened.at });
    effects.written.push(Effect::Finding(FindingEffect::Open {
        case: case.id,
        ordinal,
        rule: rule.source.key.clone(),
        version: rule.source.version,
        subject: opened.key.code.map_or_else(|| rule.subject.clone(), |code| code.to_string()),
        severity: opened.severity,
        at: opened.at,
        evidence: Box::new(opened.evidence.clone()),
        because: opened.because.clone(),
    }));
}

fn regrade(
    vehicle: &mut Vehicle,
    key: FindingKey,
    severity: Severity,
    at: Time,
    received_at: Time,
    set: &RuleSet,
    effects: &mut Effects,
) {
    let Some(case) = vehicle.cases.iter_mut().find(|case| holds(case, key)) else { return };
    let before = case.severity;
    let Some(finding) = case.findings.iter_mut().find(|finding| finding.key == key) else { return };
    finding.severity = severity;
    effects.written.push(Effect::Finding(FindingEffect::Change { case: case.id, ordinal: finding.ordinal, severity }));
    let kind = regraded(case, before, set, effects);
    log(
        case,
        kind,
        at,
        received_at,
        Text::new(format!("其中一项现为{severity}"), format!("a finding is {severity} now")),
        effects,
    );
}

fn is_local(key: FindingKey, set: &RuleSet) -> bool {
    set.rule(key.rule).is_some_and(|rule| rule.source.is_local())
}

fn holds(case: &Case, key: FindingKey) -> bool {
    case.findings.iter().any(|finding| finding.key == key)
}

fn end(vehicle: &mut Vehicle, key: FindingKey, end: End, received_at: Time, set: &RuleSet, effects: &mut Effects) {
    let Some(index) = vehicle.cases.iter().position(|case| holds(case, key)) else { return };
    let case = &mut vehicle.cases[index];
    let before = case.severity;
    let Some(place) = case.findings.iter().position(|finding| finding.key == key) else { return };
    let finding = case.findings.remove(place);
    effects.written.push(Effect::Finding(FindingEffect::End {
        case: case.id,
        ordinal: finding.ordinal,
        withdrawn: end.withdrawn,
        at: end.at.max(finding.opened_at),
        because: end.because.clone(),
    }));
    if case.findings.is_empty() {
        close(vehicle, index, end, received_at, effects);
    } else {
        let kind = regraded(case, before, set, effects);
        log(case, kind, end.at, received_at, end.because, effects);
    }
}

/// Ends a case as a whole, with whatever findings it still has.
pub fn close_case(
    vehicle: &mut Vehicle,
    case: uuid::Uuid,
    at: Time,
    because: &Text,
    received_at: Time,
    effects: &mut Effects,
) {
    let Some(index) = vehicle.cases.iter().position(|open| open.id == case) else { return };
    for finding in std::mem::take(&mut vehicle.cases[index].findings) {
        vehicle.watches.end(finding.key);
        effects.written.push(Effect::Finding(FindingEffect::End {
            case,
            ordinal: finding.ordinal,
            withdrawn: false,
            at: at.max(finding.opened_at),
            because: because.clone(),
        }));
    }
    let end = End { at, because: because.clone(), withdrawn: false, local: false };
    close(vehicle, index, end, received_at, effects);
}

fn close(vehicle: &mut Vehicle, index: usize, end: End, received_at: Time, effects: &mut Effects) {
    let mut case = vehicle.cases.remove(index);
    let at = end.at.max(case.opened_at);
    let kind = if end.withdrawn { ChangeKind::Withdraw } else { ChangeKind::Close };
    effects.written.push(Effect::Case(CaseEffect::End { case: case.id, withdrawn: end.withdrawn, at }));
    log(&mut case, kind, at, received_at, end.because.clone(), effects);
    if case.proposal == Proposal::InReview {
        effects.written.push(Effect::Review(ReviewEffect::End { case: case.id }));
    }
    if end.withdrawn {
        if let Proposal::Ordered { order } = case.proposal {
            effects.written.push(Effect::Order(OrderEffect::CancelOrFlag {
                order,
                case: case.id,
                because: end.because,
            }));
            for visit in &mut vehicle.visits {
                visit.cases.retain(|id| *id != case.id);
            }
            vehicle.visits.retain(|visit| !visit.cases.is_empty());
        }
        effects.written.push(Effect::Notice(NoticeEffect::Resolve {
            case: case.id,
            created_at: received_at,
            valid_until: received_at + Span::from_days(3),
        }));
    }
    vehicle.snoozed.retain(|(snoozed, _)| *snoozed != case.id);
    let closed_at = (!end.withdrawn && !end.local).then_some(at);
    match vehicle.past.iter_mut().find(|past| past.component == case.component) {
        Some(past) => {
            *past = PastCase {
                episode: past.episode.max(case.episode),
                closed_at: closed_at.or(past.closed_at),
                severity: if end.local { past.severity } else { case.severity },
                component: case.component,
            }
        }
        None => vehicle.past.push(PastCase {
            component: case.component,
            episode: case.episode,
            closed_at,
            severity: case.severity,
        }),
    }
}

/// Takes the severity of the worst finding over; says what kind of change that is.
fn regraded(case: &mut Case, before: Severity, set: &RuleSet, effects: &mut Effects) -> ChangeKind {
    let Some(worst) = case.worst() else { return ChangeKind::Update };
    let (severity, rule) = (worst.severity, set.rule(worst.key.rule));
    case.severity = severity;
    if let Some(rule) = rule {
        effects.written.push(Effect::Case(CaseEffect::Change {
            case: case.id,
            severity,
            rule: rule.source.key.clone(),
            version: rule.source.version,
        }));
    }
    match severity.cmp(&before) {
        std::cmp::Ordering::Less => ChangeKind::Escalate,
        std::cmp::Ordering::Greater => ChangeKind::Ease,
        std::cmp::Ordering::Equal => ChangeKind::Update,
    }
}

fn log(case: &mut Case, kind: ChangeKind, measured_at: Time, received_at: Time, because: Text, effects: &mut Effects) {
    case.changes += 1;
    effects.written.push(Effect::Case(CaseEffect::Log {
        case: case.id,
        change_no: case.changes,
        kind,
        measured_at,
        received_at,
        because,
    }));
}
