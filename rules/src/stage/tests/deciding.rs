use super::*;
use crate::entry::rule::Mode;
use crate::stage::effect::{CaseEffect, ChangeKind, FindingEffect, NoticeEffect, OrderEffect, ReviewEffect};

fn kinds(scene: &mut Scene) -> Vec<ChangeKind> {
    let kind = |effect: Effect| match effect {
        Effect::Case(CaseEffect::Log { kind, .. }) => Some(kind),
        _ => None,
    };
    scene.written().into_iter().filter_map(kind).collect()
}

#[test]
fn a_finding_opens_a_case_with_its_first_line_of_history() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH]);
    let case = scene.case("drivetrain.clutch");
    assert_eq!((case.severity, case.episode, case.findings.len(), case.changes), (Severity::S2, 1, 1, 1));
    assert!((f64::from(case.confidence) - 0.63).abs() < 1e-6, "probability times the prior precision");
    let names: Vec<bool> =
        scene.written().iter().map(|effect| matches!(effect, Effect::Case(CaseEffect::Open { .. }))).collect();
    assert_eq!(names, [true, false, false], "case, finding, history, in the order of the store");
}

#[test]
fn a_second_finding_of_the_component_joins_its_case() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH, CLUTCH_TOO]);
    assert_eq!(scene.car.cases.len(), 1);
    let case = scene.case("drivetrain.clutch");
    assert_eq!((case.findings.len(), case.ordinals, case.severity), (2, 2, Severity::S2));
    assert_eq!(kinds(&mut scene), [ChangeKind::Open, ChangeKind::Update]);
}

#[test]
fn a_worse_finding_escalates_the_case() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH_TOO, CLUTCH]);
    assert_eq!(scene.case("drivetrain.clutch").severity, Severity::S2);
    let changed = |effect: &Effect| matches!(effect, Effect::Case(CaseEffect::Change { rule, .. }) if rule == CLUTCH);
    assert_eq!(scene.count(changed), 1, "the worst finding names the rule of the case");
    assert_eq!(kinds(&mut scene), [ChangeKind::Open, ChangeKind::Escalate]);
}

#[test]
fn findings_of_two_components_are_two_cases() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH, STEERING]);
    assert_eq!(scene.car.cases.len(), 2);
    assert_ne!(scene.car.cases[0].id, scene.car.cases[1].id);
}

#[test]
fn the_case_eases_when_its_worst_finding_closes() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH, CLUTCH_TOO]);
    scene.written();
    scene.closed(CLUTCH);
    let case = scene.case("drivetrain.clutch");
    assert_eq!((case.severity, case.findings.len()), (Severity::S3, 1));
    assert_eq!(kinds(&mut scene), [ChangeKind::Ease]);
}

#[test]
fn the_case_closes_only_with_its_last_finding() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH, CLUTCH_TOO]);
    scene.closed(CLUTCH_TOO);
    assert_eq!(scene.car.cases.len(), 1);
    scene.closed(CLUTCH);
    assert!(scene.car.cases.is_empty());
    let past = &scene.car.past[0];
    assert_eq!((past.episode, past.closed_at, past.severity), (1, Some(START), Severity::S2));
    let ended =
        |effect: &Effect| matches!(effect, Effect::Case(CaseEffect::End { withdrawn: false, at, .. }) if *at == START);
    assert_eq!(scene.count(ended), 1);
}

#[test]
fn closing_what_is_not_open_changes_nothing() {
    let mut scene = Scene::new();
    scene.closed(CLUTCH);
    assert!(scene.written().is_empty() && scene.car.past.is_empty());
}

#[test]
fn a_finding_never_ends_before_it_opened() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH]);
    let (key, at) = (key_of(CLUTCH), START - Span::from_hours(1));
    scene.decide(vec![FindingChange::Closed { key, at, because: Text::new("好了", "over") }]);
    let early = |effect: &Effect| matches!(effect, Effect::Finding(FindingEffect::End { at, .. }) | Effect::Case(CaseEffect::End { at, .. }) if *at < START);
    assert_eq!(scene.count(early), 0);
}

#[test]
fn a_closed_component_rests() {
    let mut scene = Scene::new();
    scene.open(&[GEARBOX]);
    scene.closed(GEARBOX);
    scene.pass(Span::from_days(29));
    scene.open(&[GEARBOX]);
    assert!(scene.car.cases.is_empty(), "30 days by default");
    scene.pass(Span::from_days(2));
    scene.open(&[GEARBOX]);
    assert_eq!(scene.case("drivetrain.transmission").episode, 2);
}

#[test]
fn a_rule_may_rest_for_less() {
    let mut scene = Scene::new();
    scene.open(&[STEERING]);
    scene.closed(STEERING);
    scene.pass(Span::from_days(9));
    scene.open(&[STEERING]);
    assert!(scene.car.cases.is_empty());
    scene.pass(Span::from_days(1));
    scene.open(&[STEERING]);
    assert_eq!(scene.car.cases.len(), 1, "10 days are over at their end");
}

#[test]
fn what_is_worse_does_not_rest() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH_TOO]);
    scene.closed(CLUTCH_TOO);
    scene.open(&[CLUTCH]);
    assert_eq!(scene.case("drivetrain.clutch").episode, 2);
}

#[test]
fn a_rested_finding_is_remembered_no_longer() {
    let mut scene = Scene::new();
    scene.open(&[GEARBOX]);
    scene.closed(GEARBOX);
    scene.car.watches.entry(key_of(GEARBOX)).open_at = START;
    scene.open(&[GEARBOX]);
    assert_eq!(scene.car.watches.open().count(), 0);
}

#[test]
fn nothing_rests_after_a_withdrawal() {
    let mut scene = Scene::new();
    scene.open(&[GEARBOX]);
    scene.withdrawn(GEARBOX);
    scene.open(&[GEARBOX]);
    assert_eq!(scene.case("drivetrain.transmission").episode, 2);
}

#[test]
fn a_withdrawal_gives_the_all_clear() {
    let mut scene = Scene::new();
    scene.open(&[GEARBOX]);
    scene.withdrawn(GEARBOX);
    let valid = START + Span::from_days(3);
    let resolved = |effect: &Effect| matches!(effect, Effect::Notice(NoticeEffect::Resolve { valid_until, .. }) if *valid_until == valid);
    assert_eq!(scene.count(resolved), 1);
    assert_eq!(kinds(&mut scene), [ChangeKind::Open, ChangeKind::Withdraw]);
}

#[test]
fn a_close_gives_no_all_clear() {
    let mut scene = Scene::new();
    scene.open(&[GEARBOX]);
    scene.closed(GEARBOX);
    assert_eq!(scene.count(|effect| matches!(effect, Effect::Notice(NoticeEffect::Resolve { .. }))), 0);
}

#[test]
fn a_withdrawn_case_leaves_its_visit_and_an_empty_visit_goes() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH, STEERING]);
    scene.respond();
    assert_eq!(scene.car.visits[0].cases.len(), 2);
    scene.withdrawn(STEERING);
    assert_eq!(scene.car.visits[0].cases, [scene.case("drivetrain.clutch").id]);
    scene.withdrawn(CLUTCH);
    assert!(scene.car.visits.is_empty());
    assert_eq!(scene.count(|effect| matches!(effect, Effect::Order(OrderEffect::CancelOrFlag { .. }))), 2);
}

#[test]
fn a_case_that_closes_in_review_leaves_the_queue() {
    let mut scene = Scene::new();
    scene.open(&[UNSURE]);
    scene.respond();
    scene.closed(UNSURE);
    assert_eq!(scene.count(|effect| matches!(effect, Effect::Review(ReviewEffect::End { .. }))), 1);
}

#[test]
fn a_case_that_closes_takes_its_snooze_along() {
    let mut scene = Scene::new();
    scene.open(&[GEARBOX]);
    let case = scene.case("drivetrain.transmission").id;
    scene.car.snoozed.push((case, START + Span::from_days(1)));
    scene.closed(GEARBOX);
    assert!(scene.car.snoozed.is_empty());
}

#[test]
fn a_shadow_lives_beside_the_live_case() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH, SHADOW]);
    let modes: Vec<Mode> = scene.car.cases.iter().map(|case| case.mode).collect();
    assert_eq!(modes, [Mode::Live, Mode::Shadow]);
    assert_ne!(scene.car.cases[0].id, scene.car.cases[1].id);
}

#[test]
fn a_changed_severity_of_a_finding_regrades_its_case() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH_TOO]);
    let (key, at) = (key_of(CLUTCH_TOO), START);
    scene.decide(vec![FindingChange::Severity { key, severity: Severity::S1, at }]);
    assert_eq!(scene.case("drivetrain.clutch").severity, Severity::S1);
    let changed = |effect: &Effect| {
        matches!(effect, Effect::Finding(FindingEffect::Change { ordinal: 1, severity: Severity::S1, .. }))
    };
    assert_eq!(scene.count(changed), 1);
}

#[test]
fn ids_follow_from_vehicle_component_and_episode() {
    let (mut one, mut other) = (Scene::new(), Scene::new());
    one.open(&[CLUTCH]);
    other.open(&[CLUTCH]);
    assert_eq!(one.car.cases[0].id, other.car.cases[0].id);
    assert_eq!(one.written(), other.written(), "deciding is deterministic");
}
