use super::*;
use crate::stage::apply::{apply, seen};
use crate::stage::effect::{FindingEffect, NoticeEffect, OrderEffect};
use crate::vehicle::{Command, Life, OrderMove, ReviewAnswer};

fn order(event: OrderMove, scene: &Scene) -> Command {
    Command::Order { order: scene.car.visits[0].order, event, effective_at: START }
}

fn closed(component: &str) -> OrderMove {
    OrderMove::Closed { delivered: vec![Component::new(component)], odometer_km: None }
}

/// A car with an order about its clutch.
fn ordered() -> Scene {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH]);
    scene.respond();
    scene.written();
    scene
}

#[test]
fn an_accepted_case_is_ordered_whatever_its_severity() {
    let mut scene = Scene::new();
    scene.open(&[STEERING]);
    scene.respond();
    let case = scene.case("chassis.steering").id;
    apply(&mut scene.scope(), &Command::Review { case, answer: ReviewAnswer::Accept });
    assert!(scene.proposal("chassis.steering").order().is_some());
}

#[test]
fn accepting_twice_orders_once() {
    let mut scene = Scene::new();
    scene.open(&[STEERING]);
    let case = scene.case("chassis.steering").id;
    for _ in 0..2 {
        apply(&mut scene.scope(), &Command::Review { case, answer: ReviewAnswer::Accept });
    }
    assert_eq!(scene.car.visits.len(), 1);
    assert_eq!(scene.car.visits[0].cases, [case]);
}

#[test]
fn an_accepted_case_joins_the_open_visit() {
    let mut scene = ordered();
    scene.open(&[STEERING]);
    let case = scene.case("chassis.steering").id;
    apply(&mut scene.scope(), &Command::Review { case, answer: ReviewAnswer::Accept });
    assert_eq!(scene.car.visits.len(), 1);
}

#[test]
fn a_dismissed_case_is_refused_at_its_severity() {
    let mut scene = Scene::new();
    scene.open(&[STEERING, UNSURE]);
    let case = scene.case("chassis.steering").id;
    apply(&mut scene.scope(), &Command::Review { case, answer: ReviewAnswer::Dismiss });
    assert_eq!(scene.proposal("chassis.steering"), Proposal::Refused { at: Severity::S3 });
    assert_eq!(scene.proposal("chassis.other"), Proposal::Nothing, "and no other");
}

#[test]
fn check_in_keeps_the_visit_open() {
    let mut scene = ordered();
    let command = order(OrderMove::CheckedIn, &scene);
    apply(&mut scene.scope(), &command);
    assert!(scene.car.visits[0].checked_in);
    assert!(scene.proposal("drivetrain.clutch").order().is_some());
}

#[test]
fn a_cancelled_order_is_planned_for_again() {
    for event in [OrderMove::Cancelled, OrderMove::Expired] {
        let mut scene = ordered();
        let command = order(event, &scene);
        apply(&mut scene.scope(), &command);
        assert_eq!(scene.proposal("drivetrain.clutch"), Proposal::Nothing);
        scene.respond();
        assert_eq!(scene.car.visit_count, 2);
    }
}

#[test]
fn a_declined_order_is_a_no_to_its_cases() {
    let mut scene = ordered();
    let command = order(OrderMove::Declined, &scene);
    apply(&mut scene.scope(), &command);
    assert_eq!(scene.proposal("drivetrain.clutch"), Proposal::Refused { at: Severity::S2 });
    assert!(scene.car.visits.is_empty());
}

#[test]
fn a_delivered_repair_closes_the_case_and_forgets_what_was_learned() {
    let mut scene = ordered();
    scene.car.watches.entry(key_of(CLUTCH)).open_at = START;
    let command = order(closed("drivetrain.clutch"), &scene);
    apply(&mut scene.scope(), &command);
    assert!(scene.car.cases.is_empty());
    assert_eq!(scene.car.watches.open().count(), 0);
    assert!(scene.car.is_obsolete(&Component::new("drivetrain.clutch"), START - Span::from_secs(1)));
    assert!(
        !scene.car.is_obsolete(&Component::new("drivetrain.clutch"), START),
        "what is measured from then on counts"
    );
}

#[test]
fn what_was_not_delivered_stays_open() {
    let mut scene = ordered();
    let command = order(closed("chassis.steering"), &scene);
    apply(&mut scene.scope(), &command);
    assert_eq!(scene.proposal("drivetrain.clutch"), Proposal::Nothing);
}

#[test]
fn an_order_of_another_vehicle_changes_nothing() {
    let mut scene = ordered();
    let command = Command::Order { order: Uuid::nil(), event: OrderMove::Declined, effective_at: START };
    apply(&mut scene.scope(), &command);
    assert_eq!(scene.car.visits.len(), 1);
    assert!(scene.written().is_empty());
}

#[test]
fn a_person_closes_a_case_in_their_own_words() {
    let mut scene = ordered();
    let case = scene.case("drivetrain.clutch").id;
    apply(&mut scene.scope(), &Command::CloseCase { case, why: "sold".to_owned() });
    assert!(scene.car.cases.is_empty());
    let said =
        |effect: &Effect| matches!(effect, Effect::Finding(FindingEffect::End { because, .. }) if because.en == "sold");
    assert_eq!(scene.count(said), 1);
}

#[test]
fn a_new_snooze_replaces_the_old_one() {
    let mut scene = Scene::new();
    let case = Uuid::from_u128(1);
    for days in [1, 2] {
        let until = START + Span::from_days(days);
        apply(&mut scene.scope(), &Command::Snooze { case, until });
    }
    assert_eq!(&*scene.car.snoozed, [(case, START + Span::from_days(2))]);
}

#[test]
fn a_replaced_part_ends_the_cases_of_its_branch_only() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH, GEARBOX, STEERING]);
    let component = Component::new("drivetrain.clutch");
    apply(&mut scene.scope(), &Command::Replaced { component, effective_at: START });
    let open: Vec<_> = scene.car.cases.iter().map(|case| case.component.as_str().to_owned()).collect();
    assert_eq!(open, ["drivetrain.transmission", "chassis.steering"]);
}

#[test]
fn a_second_replacement_counts_from_its_own_time() {
    let mut scene = Scene::new();
    for days in [0, 5] {
        let effective_at = START + Span::from_days(days);
        apply(&mut scene.scope(), &Command::Replaced { component: Component::new("drivetrain.clutch"), effective_at });
    }
    assert_eq!(scene.car.resets.len(), 1);
    assert_eq!(scene.car.resets[0].1, START + Span::from_days(5));
}

#[test]
fn erasure_ends_cases_flags_orders_and_notifies_nobody() {
    let mut scene = ordered();
    apply(&mut scene.scope(), &Command::Erase);
    assert!(scene.car.cases.is_empty());
    assert_eq!(scene.count(|effect| matches!(effect, Effect::Order(OrderEffect::CancelOrFlag { .. }))), 1);
    assert_eq!(
        scene.count(|effect| matches!(effect, Effect::Notice(NoticeEffect::Resolve { .. } | NoticeEffect::Enqueue(_)))),
        0
    );
}

#[test]
fn a_withdrawn_consent_takes_rules_out_of_scope() {
    let mut scene = Scene::new();
    let rule = SET.find(CLUTCH, "").unwrap().no;
    let mut mask = [0; crate::compact::MASK_WORDS];
    mask[usize::from(rule.0) / 64] |= 1 << (rule.0 % 64);
    assert_ne!(scene.car.watches.in_scope(mask), [0; crate::compact::MASK_WORDS]);
    apply(&mut scene.scope(), &Command::Consent { purposes: BTreeSet::new() });
    assert_eq!(scene.car.watches.in_scope(mask), [0; crate::compact::MASK_WORDS]);
}

#[test]
fn a_life_only_rises() {
    let mut scene = Scene::new();
    for life in [2, 1] {
        apply(&mut scene.scope(), &Command::Life { life: Life(life) });
    }
    assert_eq!(scene.car.life, Life(2));
}

#[test]
fn a_new_odometer_counts_on_from_the_old_one() {
    let mut scene = Scene::new();
    scene.car.odometer.km = 90_000.0;
    apply(&mut scene.scope(), &Command::OdometerReplaced { odometer_km: 10.0, effective_at: START });
    assert_eq!(scene.car.odometer.offset_km, 89_990.0);
}

#[test]
fn seen_notices_are_written_and_none_are_not() {
    let mut effects = Effects::default();
    seen(&[], START, &mut effects);
    assert!(effects.written.is_empty());
    seen(&[Uuid::nil()], START, &mut effects);
    assert_eq!(effects.written, [Effect::Notice(NoticeEffect::Seen { notices: vec![Uuid::nil()], at: START })]);
}
