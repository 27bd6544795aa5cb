//! The fleet of `premend demo`: a history that shows every kind of fault, and one that happens now.
//!
//! The plan depends only on seed, size and the instant of the first run, which the demo must keep:
//! started again with the same three, the fleet goes on where it stopped.

use rules::time::{Span, Time};
use rules::vehicle::Powertrain;

use crate::fault::{Fault, Planted, fault};
use crate::fleet::{FleetError, FleetPlan, PlantedIn};
use crate::vehicle::Vehicle;

/// A fault of the demo: its key, when it begins before the first run, its onset if not its own.
type Act = (&'static str, Span, Option<Span>);

/// What has happened before anybody looks.
const HISTORY: &[Act] = &[
    ("battery-ageing", Span::from_days(13), Some(Span::from_days(9))),
    ("insulation-decay", Span::from_days(12), Some(Span::from_days(10))),
    ("silent", Span::from_days(10), None),
    ("low-charging", Span::from_days(7), None),
    ("slow-leak", Span::from_days(6), None),
    ("misfire", Span::from_days(4), None),
    ("brake-fluid-loss", Span::from_days(4), None),
    ("code-storm", Span::from_days(2), None),
];

/// What happens on the road while somebody looks: seconds after the first run.
const LIVE: &[(&str, i64)] = &[("coolant-loss", 20), ("fast-leak", 90), ("cell-overheating", 180)];

/// The demo's fleet, its history beginning `history` before `first_run`.
///
/// Faults go to vehicles in the order of their numbers, as far as the fleet has vehicles that can
/// have them; most vehicles stay healthy.
pub fn plan(seed: u64, vehicles: u32, history: Span, first_run: Time) -> Result<FleetPlan, FleetError> {
    let mut plan = FleetPlan::new(seed, vehicles, first_run - history);
    "demo-".clone_into(&mut plan.prefix);
    let fleet = plan.build()?;
    let mut taken = Vec::new();
    for (key, before, onset) in HISTORY {
        let at = (first_run - *before).max(plan.start);
        if let Some((number, fault)) = cast(&fleet, key, &mut taken) {
            let planted = Planted { onset: *onset, ..Planted::new(fault, at) };
            plan.faults.push(PlantedIn { planted, vehicle: Some(number) });
        }
    }
    for (key, after) in LIVE {
        let at = first_run + Span::from_secs(*after);
        if let Some((number, fault)) = cast(&fleet, key, &mut taken) {
            // A stop-now fault should not take its time before an audience.
            let onset = Some(Span::from_secs(60));
            plan.faults
                .push(PlantedIn { planted: Planted { onset, ..Planted::new(fault, at) }, vehicle: Some(number) });
            plan.errands.push((number, first_run - Span::from_mins(12), 40.0));
        }
    }
    Ok(plan)
}

/// The first vehicle that can have the fault and has none yet; at most a third of the fleet.
fn cast(fleet: &[Vehicle], key: &str, taken: &mut Vec<u32>) -> Option<(u32, &'static Fault)> {
    let fault = fault(key)?;
    let fits = |powertrain: Powertrain| fault.powertrains.contains(&powertrain);
    let free = fleet.iter().filter(|vehicle| !taken.contains(&vehicle.spec.number));
    let number = free.map(|vehicle| &vehicle.spec).find(|spec| fits(spec.model.powertrain))?.number;
    if (taken.len() + 1) * 3 > fleet.len() {
        return None;
    }
    taken.push(number);
    Some((number, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_known_at_the_first_run_and_live_faults_soon_after() {
        let first_run = Time::parse("2026-11-22T02:00:00Z").unwrap();
        let mut plan = plan(7, 40, Span::from_days(14), first_run).unwrap();
        plan.end = Some(first_run + Span::from_mins(15));
        let mut fleet = plan.frames().unwrap();
        while fleet.next().is_some() {}
        let truths = fleet.truths();
        assert_eq!(truths.len(), HISTORY.len() + LIVE.len(), "{truths:#?}");
        let known = truths.iter().filter(|truth| truth.threshold.is_some_and(|at| at <= first_run)).count();
        assert!(known >= HISTORY.len() - 2, "{truths:#?}");
        let live = truths.iter().filter(|truth| truth.start > first_run);
        assert!(live.clone().count() >= 2, "{truths:#?}");
        assert!(live.filter(|truth| truth.threshold.is_some()).count() >= 2, "{truths:#?}");
    }

    #[test]
    fn a_small_fleet_stays_mostly_healthy() {
        let first_run = Time::parse("2026-11-22T02:00:00Z").unwrap();
        assert!(plan(7, 9, Span::from_days(14), first_run).unwrap().faults.len() <= 3);
    }
}
