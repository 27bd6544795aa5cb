//! decide: findings to cases. One live case per component; it lasts while any finding does.

use uuid::Uuid;

use crate::case::{Case, FindingChange, FindingKey, OpenFinding, Opened, PastCase, Proposal, case_id, shadow_case_id};
use crate::entry::rule::Mode;
use crate::rule_set::{Rule, RuleSet};
use crate::stage::effect::{CaseEffect, ChangeKind, Effect, FindingEffect, NoticeEffect, OrderEffect, ReviewEffect};
use crate::stage::gate::rests_until;
use crate::stage::scope::{StepScope, log};
use crate::unit::{Severity, Span, Text, Time};

/// How long a notice that something is over may still be given.
const RESOLVED_VALID: Span = Span::from_days(3);

/// Joins finding changes to the vehicle's cases, in the order they were found.
pub fn decide(scope: &mut StepScope<'_>, changes: Vec<FindingChange>) {
    for change in changes {
        match change {
            FindingChange::Opened(opened) => scope.open(&opened),
            FindingChange::Severity { key, severity, at } => scope.regrade(key, severity, at),
            FindingChange::Closed { key, at, because } => {
                let local = is_local(key, scope.set);
                scope.end(key, End { at, because, withdrawn: false, local });
            }
            FindingChange::Withdrawn { key, at, because } => {
                let local = is_local(key, scope.set);
                scope.end(key, End { at, because, withdrawn: true, local });
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

impl StepScope<'_> {
    fn open(&mut self, opened: &Opened) {
        let Some(rule) = self.set.rule(opened.key.rule) else { return };
        let mode = rule.source.mode;
        let is_same = |case: &Case| {
            case.component == opened.component && case.mode == mode && (mode == Mode::Live || owns(case, rule))
        };
        if let Some(place) = self.vehicle.cases.iter().position(is_same) {
            self.join(place, opened, rule);
        } else if self.is_refractory(opened, rule) {
            // It stays open as a finding of its rule; should it get worse, that opens a case.
            self.vehicle.watches.end(opened.key);
        } else {
            self.open_case(opened, rule);
        }
    }

    /// After a case closed its component rests, unless something worse or a fault code comes.
    fn is_refractory(&self, opened: &Opened, rule: &Rule) -> bool {
        let until = rests_until(self.vehicle, &opened.component, opened.severity, &rule.source);
        opened.key.code.is_none() && until.is_some_and(|until| opened.at < until)
    }

    fn open_case(&mut self, opened: &Opened, rule: &Rule) {
        let past = self.vehicle.past.iter().find(|past| past.component == opened.component);
        let episode = past.map_or(0, |past| past.episode) + 1;
        let (mode, key, version) = (rule.source.mode, &rule.source.key, rule.source.version);
        let (vehicle, life) = (&self.vehicle.id, self.vehicle.life);
        let id = match mode {
            Mode::Live => case_id(vehicle, life, &opened.component, episode),
            Mode::Shadow | Mode::Canary => shadow_case_id(vehicle, life, &opened.component, key, version, episode),
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
        self.write(Effect::Case(CaseEffect::Open {
            case: id,
            component: opened.component.clone(),
            episode,
            mode,
            severity: opened.severity,
            rule: key.clone(),
            version,
            opened_at: opened.at,
            received_at: self.received_at,
            confidence,
        }));
        let found = add_finding(&mut case, opened, rule);
        let line = log(&mut case, ChangeKind::Open, opened.at, opened.because.clone(), self.received_at);
        self.effects.written.extend([found, line]);
        // Most vehicles have one or none, and there are many vehicles.
        self.vehicle.cases.reserve_exact(1);
        self.vehicle.cases.push(case);
    }

    fn join(&mut self, place: usize, opened: &Opened, rule: &Rule) {
        let case = &mut self.vehicle.cases[place];
        let before = case.severity;
        if !rule.source.is_local() && case.findings.iter().all(|finding| is_local(finding.key, self.set)) {
            // What a dealer's own rule thinks of a component does not hold back what a rule for all finds there.
            case.confidence = (rule.source.probability * rule.precision) as f32;
        }
        let found = add_finding(case, opened, rule);
        self.write(found);
        self.take_worst(place, before, opened.at, opened.because.clone());
    }

    fn regrade(&mut self, key: FindingKey, severity: Severity, at: Time) {
        let Some(place) = self.holder_of(key) else { return };
        let case = &mut self.vehicle.cases[place];
        let before = case.severity;
        let Some(finding) = case.findings.iter_mut().find(|finding| finding.key == key) else { return };
        finding.severity = severity;
        let change = Effect::Finding(FindingEffect::Change { case: case.id, ordinal: finding.ordinal, severity });
        self.write(change);
        let because = Text::new(format!("其中一项现为{severity}"), format!("a finding is {severity} now"));
        self.take_worst(place, before, at, because);
    }

    fn end(&mut self, key: FindingKey, end: End) {
        let Some(place) = self.holder_of(key) else { return };
        let case = &mut self.vehicle.cases[place];
        let before = case.severity;
        let Some(at) = case.findings.iter().position(|finding| finding.key == key) else { return };
        let finding = case.findings.remove(at);
        let is_last = case.findings.is_empty();
        let ended = end_finding(case.id, &finding, &end);
        self.write(ended);
        if is_last {
            self.close_at(place, end);
        } else {
            self.take_worst(place, before, end.at, end.because);
        }
    }

    /// Ends a case as a whole at a measured time, with all the findings it still has.
    pub fn close(&mut self, case: Uuid, at: Time, because: &Text) {
        let Some(place) = self.place_of(case) else { return };
        let end = End { at, because: because.clone(), withdrawn: false, local: false };
        for finding in std::mem::take(&mut self.vehicle.cases[place].findings) {
            self.vehicle.watches.end(finding.key);
            let ended = end_finding(case, &finding, &end);
            self.write(ended);
        }
        self.close_at(place, end);
    }

    fn close_at(&mut self, place: usize, end: End) {
        let mut case = self.vehicle.cases.remove(place);
        let at = end.at.max(case.opened_at);
        let kind = if end.withdrawn { ChangeKind::Withdraw } else { ChangeKind::Close };
        self.write(Effect::Case(CaseEffect::End { case: case.id, withdrawn: end.withdrawn, at }));
        let line = log(&mut case, kind, at, end.because.clone(), self.received_at);
        self.write(line);
        if case.proposal == Proposal::InReview {
            self.write(Effect::Review(ReviewEffect::End { case: case.id }));
        }
        if end.withdrawn {
            self.take_back(&case, &end.because);
        }
        self.vehicle.snoozed.retain(|(snoozed, _)| *snoozed != case.id);
        self.remember(case, at, &end);
    }

    /// What was planned and said for a case that never was.
    fn take_back(&mut self, case: &Case, because: &Text) {
        if let Proposal::Ordered { order } = case.proposal {
            self.write(Effect::Order(OrderEffect::CancelOrFlag { order, case: case.id, because: because.clone() }));
            for visit in &mut self.vehicle.visits {
                visit.cases.retain(|id| *id != case.id);
            }
            self.vehicle.visits.retain(|visit| !visit.cases.is_empty());
        }
        let valid_until = self.received_at + RESOLVED_VALID;
        self.write(Effect::Notice(NoticeEffect::Resolve { case: case.id, created_at: self.received_at, valid_until }));
    }

    fn remember(&mut self, case: Case, at: Time, end: &End) {
        let closed_at = (!end.withdrawn && !end.local).then_some(at);
        match self.vehicle.past.iter_mut().find(|past| past.component == case.component) {
            Some(past) => {
                *past = PastCase {
                    episode: past.episode.max(case.episode),
                    closed_at: closed_at.or(past.closed_at),
                    severity: if end.local { past.severity } else { case.severity },
                    component: case.component,
                }
            }
            None => self.vehicle.past.push(PastCase {
                component: case.component,
                episode: case.episode,
                closed_at,
                severity: case.severity,
            }),
        }
    }

    /// Takes the severity of the worst finding over, and says in the history what kind of change that is.
    fn take_worst(&mut self, place: usize, before: Severity, at: Time, because: Text) {
        let case = &mut self.vehicle.cases[place];
        let Some(worst) = case.worst() else { return };
        let (severity, rule) = (worst.severity, self.set.rule(worst.key.rule));
        case.severity = severity;
        if let Some(rule) = rule {
            self.effects.written.push(Effect::Case(CaseEffect::Change {
                case: case.id,
                severity,
                rule: rule.source.key.clone(),
                version: rule.source.version,
            }));
        }
        let kind = match severity.cmp(&before) {
            std::cmp::Ordering::Less => ChangeKind::Escalate,
            std::cmp::Ordering::Greater => ChangeKind::Ease,
            std::cmp::Ordering::Equal => ChangeKind::Update,
        };
        let line = log(case, kind, at, because, self.received_at);
        self.write(line);
    }

    fn holder_of(&self, key: FindingKey) -> Option<usize> {
        self.vehicle.cases.iter().position(|case| case.findings.iter().any(|finding| finding.key == key))
    }
}

fn owns(case: &Case, rule: &Rule) -> bool {
    case.findings.iter().any(|finding| finding.key.rule == rule.no)
}

fn is_local(key: FindingKey, set: &RuleSet) -> bool {
    set.rule(key.rule).is_some_and(|rule| rule.source.is_local())
}

fn add_finding(case: &mut Case, opened: &Opened, rule: &Rule) -> Effect {
    case.ordinals += 1;
    let ordinal = case.ordinals;
    case.findings.reserve_exact(1);
    case.findings.push(OpenFinding { key: opened.key, ordinal, severity: opened.severity, opened_at: opened.at });
    Effect::Finding(FindingEffect::Open {
        case: case.id,
        ordinal,
        rule: rule.source.key.clone(),
        version: rule.source.version,
        subject: opened.key.code.map_or_else(|| rule.subject.clone(), |code| code.to_string()),
        severity: opened.severity,
        at: opened.at,
        evidence: Box::new(opened.evidence.clone()),
        because: opened.because.clone(),
    })
}

fn end_finding(case: Uuid, finding: &OpenFinding, end: &End) -> Effect {
    Effect::Finding(FindingEffect::End {
        case,
        ordinal: finding.ordinal,
        withdrawn: end.withdrawn,
        at: end.at.max(finding.opened_at),
        because: end.because.clone(),
    })
}
