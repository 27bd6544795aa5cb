//! Simulated vehicles straight into the core: the wire's bytes are admitted and judged by the rules
//! that ship, without broker, lanes and store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use ingest::admit::{Admission, Envelope};
use ingest::topic;
use rules::catalogue::Catalogue;
use rules::effect::{Effect, Effects};
use rules::reading::{Reason, What};
use rules::recipe::{take, wake};
use rules::rule_set::RuleSet;
use rules::shelf::Shelf;
use rules::signal::SignalNo;
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::time::{Span, Time};
use rules::vehicle::{Profile, Purpose};
use simulator::fault::{FAULTS, Planted, fault};
use simulator::fleet::{FleetPlan, PlantedIn};
use simulator::model::{COMPACT_BEV, COMPACT_ICE, Specification};
use simulator::signal;
use simulator::trouble::Troubles;

static SET: LazyLock<RuleSet> = LazyLock::new(|| {
    let catalogue = Catalogue::builtin().expect("the catalogue that ships");
    RuleSet::compile(Arc::new(catalogue), [0; 32]).expect("the rules that ship compile")
});

fn start() -> Time {
    Time::parse("2026-01-11T16:00:00Z").expect("a time")
}

fn profile(spec: &Specification) -> Profile {
    Profile {
        model: spec.model.key.to_owned(),
        model_year: 2024,
        powertrain: spec.model.powertrain,
        region: String::new(),
        software: String::new(),
        tier: String::new(),
        dealer: uuid::Uuid::nil(),
        owner: None,
        consents: BTreeSet::from([Purpose::Diagnostics, Purpose::Maintenance]),
        allowed: None,
        delivered_at: spec.delivered_at,
        attributes: spec.attributes.clone().into(),
    }
}

/// A case as an advisor would list it.
#[derive(Clone, Debug, PartialEq)]
struct Case {
    vehicle: String,
    component: String,
    rule: String,
    opened_at: Time,
}

/// Everything the core makes of a fleet; service that falls due is no fault and left out.
struct Verdict {
    cases: Vec<Case>,
    unused: BTreeMap<(Reason, Option<SignalNo>), u64>,
    refused: u64,
}

fn judge(plan: &FleetPlan) -> Verdict {
    let bounds = Bounds::default();
    let admission = Admission::new(&SET.catalogue.signals);
    let fleet = plan.build().expect("a fleet");
    let mut known: Vec<_> =
        fleet.iter().map(|vehicle| Vehicle::new(vehicle.spec.id.clone(), profile(&vehicle.spec), &SET)).collect();
    let mut cases = BTreeMap::new();
    let mut verdict = Verdict { cases: Vec::new(), unused: BTreeMap::new(), refused: 0 };
    let mut effects = Effects::default();
    for delivery in plan.deliveries().expect("deliveries") {
        let vehicle = &mut known[delivery.number as usize];
        pass_time(vehicle, delivery.due, bounds, &mut effects);
        let topic = topic::telemetry(vehicle.id.as_str());
        let payload = delivery.encode();
        let envelope =
            Envelope { topic: &topic, client: None, vehicle: None, payload: &payload, received_at: delivery.due };
        match admission.admit(&envelope, Some(&vehicle.profile), &mut Shelf::default()) {
            Ok(admitted) => {
                verdict.refused += admitted.refused.iter().map(|refused| u64::from(refused.count)).sum::<u64>();
                take(vehicle, What::Message(admitted.message), &SET, &bounds, &mut effects);
            }
            Err(_) => verdict.refused += 1,
        }
        for (reason, signal) in effects.unused.drain(..) {
            *verdict.unused.entry((reason, signal)).or_default() += 1;
        }
        collect(&mut cases, vehicle, &mut effects);
    }
    for vehicle in &mut known {
        pass_time(vehicle, plan.end.expect("an end"), bounds, &mut effects);
        collect(&mut cases, vehicle, &mut effects);
    }
    verdict.cases = cases.into_values().filter(|case: &Case| !case.component.starts_with("service")).collect();
    verdict
}

fn pass_time(vehicle: &mut Vehicle, until: Time, bounds: Bounds, effects: &mut Effects) {
    while let Some(at) = wake(vehicle, &SET, &bounds).filter(|at| *at <= until) {
        take(vehicle, What::Timer { at }, &SET, &bounds, effects);
    }
}

fn collect(cases: &mut BTreeMap<uuid::Uuid, Case>, vehicle: &Vehicle, effects: &mut Effects) {
    for effect in effects.written.drain(..) {
        match effect {
            Effect::OpenCase { case, component, rule, opened_at, .. } => {
                let vehicle = vehicle.id.to_string();
                cases.insert(case, Case { vehicle, component: component.to_string(), rule, opened_at });
            }
            Effect::EndCase { case, withdrawn: true, .. } => {
                cases.remove(&case);
            }
            _ => {}
        }
    }
    effects.clear();
}

#[test]
fn healthy_fleets_open_no_case_in_winter_or_summer() {
    for season in ["2026-01-11T16:00:00Z", "2026-07-05T16:00:00Z"] {
        let mut plan = FleetPlan::new(31, 30, Time::parse(season).expect("a time"));
        plan.end = Some(plan.start + Span::from_days(21));
        let verdict = judge(&plan);
        assert_eq!(verdict.cases, [], "{season}");
        assert_eq!(verdict.refused, 0, "{season}");
        // The supply dips at every start, and is not believed at once, nor is what a night has changed;
        // hardly anything else should be.
        let volts = SET.catalogue.signals.by_path(signal::VOLTAGE_12).map(|signal| signal.no);
        let odd =
            verdict.unused.iter().filter(|((reason, signal), _)| *reason != Reason::Unwitnessed && *signal != volts);
        assert!(odd.clone().map(|(_, count)| count).sum::<u64>() < 400, "{season} {:?}", odd.collect::<Vec<_>>());
    }
}

#[test]
fn every_planted_fault_opens_a_case_where_it_is_and_nowhere_else() {
    let mut missed = Vec::new();
    for fault in FAULTS {
        let mut plan = FleetPlan::new(8, 3, start());
        let able = fault.powertrains.contains(&COMPACT_ICE.powertrain);
        plan.model = Some(if able { COMPACT_ICE } else { COMPACT_BEV });
        let planted = start() + Span::from_days(5);
        plan.faults = vec![PlantedIn { planted: Planted::new(fault, planted), vehicle: Some(2) }];
        plan.end = Some(planted + fault.onset + Span::from_days(16));
        let cases = judge(&plan).cases;
        let expected = fault.component(0);
        let found = cases.iter().any(|case| case.component == expected && case.opened_at >= planted);
        let stray: Vec<_> = cases.iter().filter(|case| case.component != expected).collect();
        if !found || !stray.is_empty() {
            missed.push(format!("{}: found {found}, stray {stray:?}", fault.key));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn bad_deliveries_open_no_case() {
    for troubles in [
        "late=0.05:30m,doubled=0.05,shuffled=120s",
        "backlog=3d",
        "spikes=0.01",
        "hole=0.01,lost-store=0.0005,corrupt=0.01",
        "skewed=4m",
    ] {
        let mut plan = FleetPlan::new(17, 12, start());
        plan.end = Some(start() + Span::from_days(14));
        plan.troubles = Troubles::parse(troubles).expect("troubles");
        assert_eq!(judge(&plan).cases, [], "{troubles}");
    }
}

#[test]
fn a_fault_is_found_through_bad_deliveries_too() {
    let mut plan = FleetPlan::new(17, 4, start());
    plan.model = Some(COMPACT_ICE);
    let planted = start() + Span::from_days(6);
    let fault = fault("coolant-loss").expect("a fault");
    plan.faults = vec![PlantedIn { planted: Planted::new(fault, planted), vehicle: Some(1) }];
    plan.end = Some(start() + Span::from_days(10));
    plan.troubles = Troubles::parse("late=0.05:90s,doubled=0.05,spikes=0.01").expect("troubles");
    let cases = judge(&plan).cases;
    assert_eq!(cases.len(), 1, "{cases:?}");
    assert_eq!((cases[0].vehicle.as_str(), cases[0].component.as_str()), ("sim-00001", "engine.cooling"));
}
