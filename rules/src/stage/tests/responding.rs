use super::*;
use crate::case::{Audience, NoticeStage};
use crate::stage::effect::{Notice, NoticeEffect, OrderEffect, ReviewEffect};
use crate::stage::respond::Plan;

fn notices(scene: &Scene) -> Vec<&Notice> {
    scene
        .effects
        .written
        .iter()
        .filter_map(|effect| match effect {
            Effect::Notice(NoticeEffect::Enqueue(notice)) => Some(&**notice),
            _ => None,
        })
        .collect()
}

fn due_of_orders(scene: &Scene) -> Vec<(Severity, Time)> {
    let due = |effect: &Effect| match effect {
        Effect::Order(OrderEffect::Propose { severity, due_at, .. }) => Some((*severity, *due_at)),
        _ => None,
    };
    scene.effects.written.iter().filter_map(due).collect()
}

#[test]
fn a_sure_s2_is_ordered_and_due_within_three_days() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH]);
    let plans = scene.respond();
    let Proposal::Ordered { order } = scene.proposal("drivetrain.clutch") else { panic!("no order") };
    assert_eq!(plans, [(scene.case("drivetrain.clutch").id, Plan::Ordered { order })]);
    assert_eq!(due_of_orders(&scene), [(Severity::S2, START + Span::from_days(3))]);
}

#[test]
fn an_unsure_s2_waits_for_an_advisor() {
    let mut scene = Scene::new();
    scene.open(&[UNSURE]);
    assert_eq!(scene.respond(), [(scene.case("chassis.other").id, Plan::Queued)]);
    assert_eq!(scene.proposal("chassis.other"), Proposal::InReview);
    assert!(scene.car.visits.is_empty());
}

#[test]
fn an_s3_alone_waits_for_an_advisor() {
    let mut scene = Scene::new();
    scene.open(&[STEERING]);
    scene.respond();
    assert_eq!(scene.proposal("chassis.steering"), Proposal::InReview);
}

#[test]
fn information_asks_for_nothing() {
    let mut scene = Scene::new();
    scene.open(&[NOTE]);
    assert!(scene.respond().is_empty());
    assert_eq!(scene.proposal("body.other"), Proposal::Nothing);
}

#[test]
fn a_shadow_asks_for_nothing() {
    let mut scene = Scene::new();
    scene.open(&[SHADOW]);
    assert!(scene.respond().is_empty());
    assert!(notices(&scene).is_empty());
}

#[test]
fn responding_again_proposes_nothing_again() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH, UNSURE, STEERING]);
    scene.respond();
    scene.written();
    assert!(scene.respond().is_empty());
    assert!(scene.written().is_empty());
}

#[test]
fn one_visit_bundles_what_waits_for_judgement() {
    let mut scene = Scene::new();
    scene.open(&[UNSURE, STEERING]);
    scene.respond();
    scene.open(&[CLUTCH]);
    scene.respond();
    assert_eq!(scene.car.visits.len(), 1);
    assert_eq!(scene.car.visits[0].cases.len(), 3);
    assert_eq!(scene.count(|effect| matches!(effect, Effect::Review(ReviewEffect::End { .. }))), 2);
}

#[test]
fn a_later_finding_joins_the_open_visit() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH]);
    scene.respond();
    scene.open(&[STEERING]);
    let order = scene.car.visits[0].order;
    assert_eq!(scene.respond(), [(scene.case("chassis.steering").id, Plan::Joined { order })]);
    assert_eq!(scene.count(|effect| matches!(effect, Effect::Order(OrderEffect::Propose { .. }))), 1);
}

#[test]
fn what_joins_after_check_in_is_extra_work() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH]);
    scene.respond();
    scene.car.visits[0].checked_in = true;
    scene.open(&[STEERING]);
    scene.respond();
    let extra = |effect: &Effect| matches!(effect, Effect::Order(OrderEffect::AddLine { extra_work: true, .. }));
    assert_eq!(scene.count(extra), 1);
}

#[test]
fn a_worse_finding_that_joins_hastens_the_visit() {
    let mut scene = Scene::new();
    scene.open(&[STEERING]);
    let case = scene.case("chassis.steering").id;
    scene.scope().open_accepted(case);
    assert_eq!(scene.car.visits[0].severity, Severity::S3);
    scene.open(&[CLUTCH]);
    scene.respond();
    assert_eq!(scene.car.visits[0].severity, Severity::S2);
    let due = START + Span::from_days(3);
    let hastened =
        |effect: &Effect| matches!(effect, Effect::Order(OrderEffect::Hasten { due_at, .. }) if *due_at == due);
    assert_eq!(scene.count(hastened), 1);
}

#[test]
fn s1_stands_alone_and_pulls_the_others_forward() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH]);
    scene.respond();
    scene.open(&[OIL_PRESSURE]);
    scene.respond();
    assert_eq!(scene.car.visits.len(), 2);
    assert!(scene.car.visits[1].alone && !scene.car.visits[0].alone);
    let first = scene.car.visits[0].order;
    let hastened =
        |effect: &Effect| matches!(effect, Effect::Order(OrderEffect::Hasten { order, .. }) if *order == first);
    assert_eq!(scene.count(hastened), 1);
}

#[test]
fn nothing_joins_an_s1() {
    let mut scene = Scene::new();
    scene.open(&[OIL_PRESSURE]);
    scene.respond();
    scene.open(&[CLUTCH]);
    scene.respond();
    assert_eq!(scene.car.visits.iter().map(|visit| visit.cases.len()).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn the_worst_is_planned_first() {
    let mut scene = Scene::new();
    scene.open(&[STEERING, CLUTCH]);
    let planned: Vec<Uuid> = scene.respond().into_iter().map(|(case, _)| case).collect();
    assert_eq!(planned, [scene.case("drivetrain.clutch").id, scene.case("chassis.steering").id]);
    assert_eq!(scene.car.visits.len(), 1, "the milder one found a visit to join");
}

#[test]
fn worse_on_the_branch_mutes_the_lesser_until_it_is_over() {
    let mut scene = Scene::new();
    scene.open(&[GEARBOX, DRIVETRAIN]);
    scene.respond();
    assert_eq!(scene.proposal("drivetrain.transmission"), Proposal::Nothing);
    scene.closed(DRIVETRAIN);
    scene.respond();
    assert_ne!(scene.proposal("drivetrain.transmission"), Proposal::Nothing);
}

#[test]
fn alike_on_the_branch_mutes_nothing() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH, DRIVETRAIN]);
    scene.respond();
    assert_eq!(scene.car.visits[0].cases.len(), 2);
}

#[test]
fn a_snoozed_case_waits_until_its_time() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH]);
    let until = START + Span::from_days(1);
    let case = scene.case("drivetrain.clutch").id;
    scene.car.snoozed.push((case, until));
    assert!(scene.respond().is_empty());
    scene.pass(Span::from_days(1));
    assert_eq!(scene.respond().len(), 1, "at its very end");
}

#[test]
fn no_snooze_holds_an_s1() {
    let mut scene = Scene::new();
    scene.open(&[OIL_PRESSURE]);
    let case = scene.case("engine.oil").id;
    scene.car.snoozed.push((case, START + Span::from_days(1)));
    assert_eq!(scene.respond().len(), 1);
}

#[test]
fn a_refused_case_is_asked_again_only_when_it_is_worse() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH_TOO]);
    scene.car.cases[0].proposal = Proposal::Refused { at: Severity::S3 };
    assert!(scene.respond().is_empty());
    scene.open(&[CLUTCH]);
    assert_eq!(scene.respond().len(), 1);
}

#[test]
fn a_waiting_case_that_becomes_s1_leaves_the_queue_for_an_order() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH_TOO]);
    scene.respond();
    let (key, at) = (key_of(CLUTCH_TOO), START);
    scene.decide(vec![FindingChange::Severity { key, severity: Severity::S1, at }]);
    scene.respond();
    assert!(scene.car.visits[0].alone);
    assert_eq!(scene.count(|effect| matches!(effect, Effect::Review(ReviewEffect::End { .. }))), 1);
}

#[test]
fn a_bundled_case_that_becomes_s1_gets_an_order_of_its_own() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH]);
    scene.respond();
    let (key, at) = (key_of(CLUTCH), START);
    scene.decide(vec![FindingChange::Severity { key, severity: Severity::S1, at }]);
    scene.respond();
    assert_eq!(scene.car.visits.len(), 2);
    assert!(scene.respond().is_empty(), "and only one");
}

#[test]
fn nothing_is_planned_while_a_backlog_is_folded() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH]);
    scene.car.backfill_until = Some(START + Span::from_mins(2));
    assert!(scene.respond().is_empty());
}

#[test]
fn owner_and_dealer_are_notified_of_an_order() {
    let mut scene = Scene::new();
    scene.open(&[CLUTCH]);
    scene.respond();
    let all = notices(&scene);
    let about: Vec<_> = all.iter().map(|notice| (notice.audience, notice.person, notice.stage)).collect();
    let owner = Some(Uuid::from_u128(7));
    assert_eq!(about, [(Audience::Owner, owner, NoticeStage::Opened), (Audience::Dealer, None, NoticeStage::Opened)]);
    assert_eq!((all[0].locale, all[0].valid_until), (Locale::En, START + Span::from_days(14)));
    assert_eq!(all[0].order, Some(scene.car.visits[0].order));
}

#[test]
fn without_consent_only_the_dealer_is_notified() {
    let mut scene = Scene::new();
    scene.car.profile.consents.clear();
    scene.open(&[CLUTCH]);
    scene.respond();
    assert_eq!(notices(&scene).iter().map(|notice| notice.audience).collect::<Vec<_>>(), [Audience::Dealer]);
}

#[test]
fn a_fresh_s1_says_stop_now_once() {
    let mut scene = Scene::new();
    scene.open(&[OIL_PRESSURE]);
    scene.respond();
    scene.respond();
    let stops: Vec<_> = notices(&scene).into_iter().filter(|notice| notice.stage == NoticeStage::StopNow).collect();
    assert_eq!(stops.len(), 1);
    assert_eq!((stops[0].severity, stops[0].valid_until), (Severity::S1, START + Span::from_days(1)));
    assert_eq!(stops[0].order, Some(scene.car.visits[0].order));
    assert!(scene.car.cases[0].warned);
}

#[test]
fn a_stale_s1_says_nothing_yet() {
    let mut scene = Scene::new();
    scene.open(&[OIL_PRESSURE]);
    scene.car.received = START + Span::from_mins(11);
    scene.respond();
    assert!(notices(&scene).iter().all(|notice| notice.stage != NoticeStage::StopNow));
    assert!(!scene.car.cases[0].warned);
}

#[test]
fn ten_minutes_are_still_fresh() {
    let mut scene = Scene::new();
    scene.open(&[OIL_PRESSURE]);
    scene.car.received = START + Span::from_mins(10);
    scene.respond();
    assert!(scene.car.cases[0].warned);
}

#[test]
fn a_line_names_the_work_once() {
    let mut scene = Scene::new();
    scene.open(&[OIL_PRESSURE]);
    scene.respond();
    let line = |effect: &Effect| match effect {
        Effect::Order(OrderEffect::AddLine { operations, labour_h, .. }) => Some((operations.clone(), *labour_h)),
        _ => None,
    };
    let (operations, labour_h) = scene.effects.written.iter().find_map(line).unwrap();
    let rule = &SET.find(OIL_PRESSURE, "").unwrap().source;
    let mut wanted = rule.operations.clone();
    wanted.sort_unstable();
    wanted.dedup();
    assert_eq!(operations, wanted);
    assert!(labour_h > 0.0);
}
