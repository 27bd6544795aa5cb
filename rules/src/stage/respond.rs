//! respond: what to do about open cases. Plans are idempotent: what has been proposed is not
//! proposed again, so respond may run after any step and at the end of a back-fill.

use uuid::Uuid;

use crate::case::{Audience, Case, Evidence, Proposal, notice_id, order_id};
use crate::entry::rule::Mode;
use crate::rule_set::{Rule, RuleSet};
use crate::stage::effect::{Effect, Effects, Notice, Stage};
use crate::stage::stop_now::warn_of_open_cases;
use crate::stage::variables::values;
use crate::state::{Vehicle, Visit};
use crate::unit::{Locale, Severity, Span, Text, Time};

/// DOMAIN 5.0: below this confidence an advisor judges first.
pub const ORDER_GATE: f64 = 0.6;
/// Plans for every open live case that has no answer yet.
pub fn respond(vehicle: &mut Vehicle, received_at: Time, set: &RuleSet, effects: &mut Effects) {
    let mut waiting: Vec<(Severity, Time, Uuid)> = vehicle
        .cases
        .iter()
        .filter(|case| case.mode == Mode::Live && needs_plan(vehicle, case, received_at))
        .map(|case| (case.severity, case.opened_at, case.id))
        .collect();
    // Worst first: the milder ones then find a visit to join. Alike ones in the order in which they came.
    waiting.sort_unstable();
    for (_, _, id) in waiting {
        plan(vehicle, id, received_at, set, effects);
    }
    warn_of_open_cases(vehicle, received_at, set, effects);
}

fn needs_plan(vehicle: &Vehicle, case: &Case, received_at: Time) -> bool {
    let snoozed = vehicle.snoozed.iter().any(|(id, until)| *id == case.id && received_at < *until);
    let muted = vehicle.cases.iter().any(|other| {
        other.mode == Mode::Live
            && other.id != case.id
            && other.severity < case.severity
            && other.component.same_branch(&case.component)
    });
    match case.proposal {
        _ if case.severity == Severity::S4 || (snoozed && case.severity > Severity::S1) => false,
        // Worse on the same branch mutes the lesser; it is planned for when that is over.
        Proposal::Nothing => !muted,
        Proposal::Refused { at } => case.severity < at,
        // An escalation lifts a waiting case over the gate, or an order out of its bundle.
        Proposal::InReview => case.severity <= Severity::S2 && passes_gate(case),
        Proposal::Ordered { order } => {
            case.severity == Severity::S1 && vehicle.visits.iter().any(|visit| visit.order == order && !visit.alone)
        }
    }
}

fn passes_gate(case: &Case) -> bool {
    case.severity == Severity::S1 || f64::from(case.confidence) >= ORDER_GATE
}

fn plan(vehicle: &mut Vehicle, id: Uuid, received_at: Time, set: &RuleSet, effects: &mut Effects) {
    let Some(case) = vehicle.case(id).cloned() else { return };
    if case.proposal == Proposal::InReview {
        effects.written.push(Effect::EndReview { case: id });
    }
    if case.severity == Severity::S1 {
        open_order(vehicle, &case, true, received_at, set, effects);
        hasten_others(vehicle, &case, received_at, effects);
    } else if let Some(place) = vehicle.visits.iter().position(|visit| !visit.alone) {
        join_visit(vehicle, place, &case, set, effects);
    } else if case.severity == Severity::S2 && passes_gate(&case) {
        open_order(vehicle, &case, false, received_at, set, effects);
        bundle(vehicle, set, effects);
    } else {
        queue_review(vehicle, &case, received_at, effects);
    }
}

/// Opens an order for an accepted case, whatever its severity.
pub fn open_accepted(vehicle: &mut Vehicle, id: Uuid, received_at: Time, set: &RuleSet, effects: &mut Effects) {
    let Some(case) = vehicle.case(id).cloned() else { return };
    if matches!(case.proposal, Proposal::Ordered { .. }) {
        return;
    }
    if let Some(place) = vehicle.visits.iter().position(|visit| !visit.alone) {
        join_visit(vehicle, place, &case, set, effects);
    } else {
        open_order(vehicle, &case, false, received_at, set, effects);
        bundle(vehicle, set, effects);
    }
}

fn open_order(
    vehicle: &mut Vehicle,
    case: &Case,
    alone: bool,
    received_at: Time,
    set: &RuleSet,
    effects: &mut Effects,
) {
    vehicle.visit_count += 1;
    let order = order_id(&vehicle.id, vehicle.life, vehicle.visit_count);
    let Some(rule) = case.worst().and_then(|worst| set.rule(worst.key.rule)) else { return };
    effects.written.push(Effect::ProposeOrder {
        order,
        visit: vehicle.visit_count,
        severity: case.severity,
        due_at: due_at(case.severity, received_at),
        opened_at: received_at,
        because: Text::new(
            format!("{}({}),置信度{:.2}", rule.source.title.zh_cn, rule.source.key, case.confidence),
            format!("{} ({}), confidence {:.2}", rule.source.title.en, rule.source.key, case.confidence),
        ),
    });
    vehicle.visits.push(Visit { order, severity: case.severity, alone, checked_in: false, cases: Vec::new() });
    let place = vehicle.visits.len() - 1;
    add_line(vehicle, place, case, set, effects);
    notify(vehicle, case, order, received_at, set, effects);
}

fn join_visit(vehicle: &mut Vehicle, place: usize, case: &Case, set: &RuleSet, effects: &mut Effects) {
    add_line(vehicle, place, case, set, effects);
    let visit = &mut vehicle.visits[place];
    if case.severity < visit.severity {
        visit.severity = case.severity;
        effects.written.push(Effect::HastenOrder {
            order: visit.order,
            severity: case.severity,
            due_at: due_at(case.severity, vehicle.received),
        });
    }
}

fn add_line(vehicle: &mut Vehicle, place: usize, case: &Case, set: &RuleSet, effects: &mut Effects) {
    let visit = &mut vehicle.visits[place];
    let order = visit.order;
    visit.cases.push(case.id);
    let rules: Vec<&Rule> = case.findings.iter().filter_map(|finding| set.rule(finding.key.rule)).collect();
    let mut operations: Vec<String> = rules.iter().flat_map(|rule| rule.source.operations.clone()).collect();
    let mut parts: Vec<String> = rules.iter().flat_map(|rule| rule.source.parts.clone()).collect();
    for code in case.findings.iter().filter_map(|finding| finding.key.code) {
        if let Some(entry) = set.catalogue.fault_codes.entry(code) {
            operations.extend(entry.operations.iter().cloned());
            parts.extend(entry.parts.iter().cloned());
        }
    }
    if let Some(item) = set.catalogue.service_item(&vehicle.profile.model, &case.component) {
        operations.extend(item.operations.iter().cloned());
        parts.extend(item.parts.iter().cloned());
    }
    for list in [&mut operations, &mut parts] {
        list.sort_unstable();
        list.dedup();
    }
    let by_rule = rules.iter().map(|rule| rule.source.labour_h).fold(0.0, f64::max);
    let by_operation: f64 =
        operations.iter().filter_map(|key| set.catalogue.operation(key)).map(|operation| operation.labour_h).sum();
    effects.written.push(Effect::AddLine {
        order,
        case: case.id,
        component: case.component.clone(),
        severity: case.severity,
        operations,
        parts,
        labour_h: if by_rule > 0.0 { by_rule } else { by_operation },
        extra_work: visit.checked_in,
    });
    if let Some(open) = vehicle.case_mut(case.id) {
        open.proposal = Proposal::Ordered { order };
    }
}

/// One visit bundles what is due anyway: every other open case that waits for judgement.
fn bundle(vehicle: &mut Vehicle, set: &RuleSet, effects: &mut Effects) {
    let Some(place) = vehicle.visits.iter().position(|visit| !visit.alone) else { return };
    let joining: Vec<Case> = vehicle
        .cases
        .iter()
        .filter(|case| case.mode == Mode::Live && case.proposal == Proposal::InReview && case.severity > Severity::S1)
        .cloned()
        .collect();
    for case in joining {
        effects.written.push(Effect::EndReview { case: case.id });
        add_line(vehicle, place, &case, set, effects);
    }
}

/// S1 gets its own order and pulls the others forward: the car comes in anyway.
fn hasten_others(vehicle: &mut Vehicle, case: &Case, received_at: Time, effects: &mut Effects) {
    for visit in
        vehicle.visits.iter().filter(|visit| !visit.alone && !visit.checked_in && !visit.cases.contains(&case.id))
    {
        effects.written.push(Effect::HastenOrder {
            order: visit.order,
            severity: visit.severity,
            due_at: due_at(Severity::S1, received_at),
        });
    }
}

fn queue_review(vehicle: &mut Vehicle, case: &Case, received_at: Time, effects: &mut Effects) {
    let because = if case.severity == Severity::S2 {
        Text::new(
            format!("置信度{:.2}低于{ORDER_GATE:.2}", case.confidence),
            format!("confidence {:.2} is below {ORDER_GATE:.2}", case.confidence),
        )
    } else {
        Text::new(format!("{}由服务顾问安排", case.severity), format!("{} is planned by an advisor", case.severity))
    };
    effects.written.push(Effect::Review { case: case.id, severity: case.severity, because, queued_at: received_at });
    if let Some(open) = vehicle.case_mut(case.id) {
        open.proposal = Proposal::InReview;
    }
}

fn due_at(severity: Severity, from: Time) -> Time {
    from + severity.time_limit()
}

/// Tells the owner by consent, and the dealer's people always; who must stop now is another matter.
fn notify(vehicle: &Vehicle, case: &Case, order: Uuid, received_at: Time, set: &RuleSet, effects: &mut Effects) {
    let Some(worst) = case.worst() else { return };
    let Some(rule) = set.rule(worst.key.rule) else { return };
    let evidence = crate::stage::evidence::evidence_now(vehicle, worst.key, worst.opened_at, set);
    let agreed = case.severity > Severity::S1 && vehicle.profile.consents.contains(&rule.source.purpose);
    if let Some(owner) = vehicle.profile.owner.as_ref().filter(|_| agreed) {
        let about = About {
            case: case.id,
            order: Some(order),
            stage: Stage::Opened,
            severity: case.severity,
            person: Some(owner.person),
            audience: Audience::Owner,
        };
        enqueue(vehicle, about, rule, evidence.as_ref(), received_at, set, effects);
    }
    let about = About {
        case: case.id,
        order: Some(order),
        stage: Stage::Opened,
        severity: case.severity,
        person: None,
        audience: Audience::Dealer,
    };
    enqueue(vehicle, about, rule, evidence.as_ref(), received_at, set, effects);
}

/// The stop-now notice of a case, to whoever drives; the same id whether peeked or settled.
pub fn stop_now(
    vehicle: &Vehicle,
    case: Uuid,
    order: Option<Uuid>,
    rule: &Rule,
    evidence: Option<&Evidence>,
    received_at: Time,
    set: &RuleSet,
    effects: &mut Effects,
) {
    let about =
        About { case, order, stage: Stage::StopNow, severity: Severity::S1, person: None, audience: Audience::Owner };
    enqueue(vehicle, about, rule, evidence, received_at, set, effects);
}

struct About {
    case: Uuid,
    order: Option<Uuid>,
    stage: Stage,
    severity: Severity,
    person: Option<Uuid>,
    audience: Audience,
}

fn enqueue(
    vehicle: &Vehicle,
    about: About,
    rule: &Rule,
    evidence: Option<&Evidence>,
    received_at: Time,
    set: &RuleSet,
    effects: &mut Effects,
) {
    let template = rule.source.template_for(about.severity);
    let Some(version) = set.catalogue.template_version(template) else { return };
    let locale = vehicle.profile.owner.as_ref().map_or(Locale::ZhCn, |owner| owner.locale);
    let subject = if about.stage == Stage::StopNow { about.case } else { about.order.unwrap_or(about.case) };
    let valid_for = if about.severity == Severity::S1 { Span::from_days(1) } else { Span::from_days(14) };
    effects.written.push(Effect::Notify(Box::new(Notice {
        id: notice_id(subject, about.stage.label(), about.person),
        person: about.person,
        audience: about.audience,
        case: about.case,
        order: about.order,
        stage: about.stage,
        severity: about.severity,
        purpose: rule.source.purpose,
        template: template.to_owned(),
        template_version: version,
        locale,
        variables: evidence.map(|evidence| values(rule, about.severity, evidence, set)).unwrap_or_default(),
        created_at: received_at,
        valid_until: received_at + valid_for,
    })));
}
