use super::*;
use crate::author::explain::explain;
use crate::compact::SlotSet;
use crate::observed::last::Last;
use crate::observed::step::Step;
use crate::stage::evaluate::evaluate;
use crate::stage::gate::{CaseGates, RuleGates};

impl Scene {
    /// One reading of the coolant, and what the rules make of it.
    fn measure(&mut self, celsius: f64) -> Vec<FindingChange> {
        self.pass(Span::from_secs(10));
        let slot = SET.catalogue.signals.slot_of_path(COOLANT).unwrap();
        let at = self.car.newest;
        self.car.last.set(slot.index(), Last { value: celsius, at });
        let mut touched = SlotSet::default();
        touched.insert(slot);
        let step = Step { at, touched, pause: Span::from_secs(10), faults: false, service: false };
        evaluate(&mut self.scope(), &step)
    }

    fn opened(&mut self, celsius: f64) -> Vec<String> {
        let key = |change: FindingChange| match change {
            FindingChange::Opened(opened) => Some(SET.rule(opened.key.rule).unwrap().source.key.clone()),
            _ => None,
        };
        let own = |key: &String| key.starts_with("own.");
        self.measure(celsius).into_iter().filter_map(key).filter(own).collect()
    }
}

#[test]
fn only_rules_that_hold_open() {
    let mut scene = Scene::new();
    assert_eq!(scene.opened(45.0), [NOTE]);
    assert_eq!(scene.opened(52.0), [CLUTCH_TOO, GEARBOX, STEERING], "and none opens twice");
}

#[test]
fn a_rule_closes_when_its_condition_no_longer_holds() {
    let mut scene = Scene::new();
    scene.measure(45.0);
    let changes = scene.measure(39.0);
    let closed = |change: &&FindingChange| matches!(change, FindingChange::Closed { key, .. } if *key == key_of(NOTE));
    assert_eq!(changes.iter().filter(closed).count(), 1);
}

#[test]
fn what_is_unknown_neither_opens_nor_closes() {
    let mut scene = Scene::new();
    scene.measure(45.0);
    assert!(scene.measure(f64::NAN).is_empty());
    assert_eq!(scene.car.watches.open().filter(|(key, _)| *key == key_of(NOTE)).count(), 1);
}

#[test]
fn one_trip_is_no_evidence_where_two_are_asked() {
    let mut scene = Scene::new();
    assert!(!scene.opened(56.0).contains(&TRIPS.to_owned()));
    assert!(!scene.opened(57.0).contains(&TRIPS.to_owned()), "the same trip says nothing new");
    scene.car.segment.trip += 1;
    assert!(scene.opened(56.0).contains(&TRIPS.to_owned()));
}

#[test]
fn evidence_of_trips_ends_with_a_full_window_without() {
    let mut scene = Scene::new();
    for _ in 0..2 {
        scene.car.segment.trip += 1;
        scene.measure(56.0);
    }
    let ended = |changes: &[FindingChange]| {
        changes.iter().any(|change| matches!(change, FindingChange::Closed { key, .. } if *key == key_of(TRIPS)))
    };
    for trip in 0..3 {
        scene.car.segment.trip += 1;
        assert_eq!(ended(&scene.measure(20.0)), trip == 2, "trip {trip}");
    }
}

#[test]
fn what_was_measured_before_a_repair_opens_nothing() {
    let mut scene = Scene::new();
    scene.car.resets.push((Component::new("drivetrain.clutch"), scene.car.newest + Span::from_days(1)));
    let opened = scene.opened(65.0);
    assert!(!opened.contains(&CLUTCH.to_owned()) && opened.contains(&UNSURE.to_owned()));
}

#[test]
fn a_verdict_is_counted_for_its_rule() {
    let mut scene = Scene::new();
    scene.measure(10.0);
    let no = usize::from(SET.find(CLUTCH, "").unwrap().no.0);
    assert_eq!((scene.effects.ready[no], scene.effects.not_ready[no]), (1, 0));
    scene.measure(f64::NAN);
    assert_eq!((scene.effects.ready[no], scene.effects.not_ready[no]), (1, 1));
}

#[test]
fn an_explanation_prints_the_gates_that_the_stages_stop_at() {
    let mut scene = Scene::new();
    scene.measure(65.0);
    scene.open(&[GEARBOX, DRIVETRAIN]);
    let case = scene.case("drivetrain.transmission").id;
    scene.car.snoozed.push((case, scene.car.received + Span::from_hours(1)));
    let source = &SET.find(GEARBOX, "").unwrap().source;
    let explained = explain(&scene.car, source, &SET);
    let passed = |name: &str| explained.instances[0].gates.iter().find(|gate| gate.name == name).unwrap().passed;
    let gates = CaseGates::of(&scene.car, scene.car.case(case).unwrap(), scene.car.received);
    assert!(!gates.wants_plan() && gates.muted_by.is_some() && gates.is_snoozed());
    assert_eq!(
        [passed("inhibition"), passed("snooze"), passed("back-fill"), passed("order")],
        [false, false, true, false]
    );
}

#[test]
fn gates_of_a_rule_stand_as_the_vehicle_does() {
    let mut scene = Scene::new();
    scene.open(&[STEERING]);
    scene.closed(STEERING);
    let rule = SET.find(STEERING, "").unwrap();
    let of = |car: &Vehicle| RuleGates::of(car, rule, key_of(STEERING), rule.component.as_ref(), car.newest);
    let gates = of(&scene.car);
    assert!(gates.in_scope && gates.is_consented && gates.is_repaired == Some(false) && gates.evidence.is_none());
    assert_eq!(gates.refractory_until, Some(START + Span::from_days(10)));
    scene.car.profile.consents.clear();
    scene.pass(Span::from_days(10));
    let gates = of(&scene.car);
    assert!(!gates.is_consented && gates.refractory_until.is_none());
}

#[test]
fn evidence_says_how_far_it_has_come() {
    let mut scene = Scene::new();
    scene.measure(56.0);
    let rule = SET.find(TRIPS, "").unwrap();
    let evidence = |car: &Vehicle| RuleGates::of(car, rule, key_of(TRIPS), None, car.newest).evidence.unwrap();
    assert_eq!((evidence(&scene.car).held, evidence(&scene.car).is_enough()), (1, false));
    scene.car.segment.trip += 1;
    scene.measure(56.0);
    assert!(evidence(&scene.car).is_enough());
}
