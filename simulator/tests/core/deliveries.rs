//! Bad deliveries: they open no case, and hide none.

use rules::unit::Span;
use simulator::fault::{Planted, fault};
use simulator::fleet::{FleetPlan, PlantedIn};
use simulator::model::COMPACT_ICE;
use simulator::trouble::Troubles;

use crate::judge::{in_parallel, judge, start};

#[test]
fn bad_deliveries_open_no_case() {
    let outcomes = in_parallel(Troubles::suite(), |(row, troubles)| {
        let mut plan = FleetPlan::new(17, 12, start());
        plan.end = Some(start() + Span::from_days(14));
        plan.troubles = troubles;
        (row, judge(&plan).cases())
    });
    let opened: Vec<_> = outcomes.into_iter().filter(|(_, cases)| !cases.is_empty()).collect();
    assert!(opened.is_empty(), "{opened:#?}");
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
    let cases = judge(&plan).cases();
    assert_eq!(cases.len(), 1, "{cases:?}");
    assert_eq!((cases[0].vehicle.as_str(), cases[0].component.as_str()), ("sim-00001", "engine.cooling"));
}
