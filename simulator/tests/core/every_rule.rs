//! Every rule of the library with its fault fires, and without it stays silent; and how often a mixed
//! fleet sends what the rule needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rules::unit::{Span, Time};
use rules::vehicle::{Powertrain, VehicleId};
use simulator::climate::{local_day, local_time};
use simulator::driver::Habit;
use simulator::fault::{FAULTS, Planted, fault};
use simulator::fleet::{FleetPlan, PlantedIn};
use simulator::model::Specification;
use simulator::truth::Truth;
use simulator::vehicle::{Sampling, Vehicle};

use crate::judge::{Asked, Case, SET, Verdict, in_parallel, live, live_all, start};
use crate::planted::{Cause, NOT_WITHIN_A_TEST, ROWS, Row, Setting, YOUNG};

const SEED: u64 = 8;
/// What some of a mixed fleet have at any time: rules about codes are asked only where there are codes, and
/// trends only where something falls.
const COMMON: [&str; 6] =
    ["coolant-loss", "insulation-decay", "loose-wire", "misfire", "oil-consumption", "worn-catalyst"];

struct Outcome {
    verdict: Verdict,
    truth: Option<Truth>,
}

fn build(setting: &Setting, past: Option<(f64, i64)>, days: i64) -> Vehicle {
    let id = VehicleId::try_new("planted").expect("an id");
    let mut spec = Specification::draw(SEED, setting.number, id, start()).of_model(setting.model);
    spec.habit = setting.habit;
    if let Some((km, months)) = past {
        spec.odometer_km = km;
        spec.delivered_at = start() - Span::from_days(months * 30);
    }
    let sampling = if setting.coarse { Sampling::coarse() } else { Sampling::default() };
    let mut vehicle = Vehicle::new(SEED, spec, start(), sampling);
    for day in (1..days).step_by(2) {
        if let Some(km) = setting.errand_km {
            vehicle.send_on(local_time(local_day(start()) + day, 18.2), km);
        }
    }
    vehicle
}

fn outcome(setting: &Setting, cause: Option<Cause>, days: i64) -> Outcome {
    let past = match cause {
        Some(Cause::Past { km, months }) => Some((km, months)),
        _ => None,
    };
    let planting = setting.planting();
    let end = planting + Span::from_days(days);
    let mut vehicle = build(setting, past, days + setting.sound);
    if let Some(Cause::Fault(key, magnitude)) = cause {
        let quick = Planted::new(fault(key).expect("a fault"), planting);
        vehicle.plant(magnitude.map_or(quick, |magnitude| quick.of(magnitude)));
    }
    let verdict = live(&mut vehicle, end);
    Outcome { verdict, truth: vehicle.truths().into_iter().next() }
}

/// The vehicle of each row without its fault, watched as long as any row watches it.
fn sound() -> Vec<(Setting, bool, Verdict)> {
    let mut wanted: Vec<(Setting, bool, i64)> = Vec::new();
    for row in ROWS {
        let young = matches!(row.cause, Cause::Past { .. });
        match wanted.iter_mut().find(|(setting, other, _)| *setting == row.setting && *other == young) {
            Some((_, _, days)) => *days = row.days.max(*days),
            None => wanted.push((row.setting, young, row.days)),
        }
    }
    in_parallel(wanted, |(setting, young, days)| {
        (setting, young, outcome(&setting, young.then_some(YOUNG), days).verdict)
    })
}

/// Cases on components that the fault has nothing to do with.
fn stray(row: &Row, verdict: &Verdict) -> Vec<Case> {
    let Cause::Fault(key, _) = row.cause else { return Vec::new() };
    let fault = fault(key).expect("a fault");
    let explained =
        |case: &Case| case.component == fault.component(0) || fault.consequences.contains(&case.component.as_str());
    verdict.cases().into_iter().filter(|case| !explained(case)).collect()
}

fn ready() -> BTreeMap<String, Asked> {
    let mut plan = FleetPlan::new(42, 40, start());
    let planted = |key| Planted::new(fault(key).expect("a fault"), start() + Span::from_days(1));
    // A trend takes a week of readings: not of a car that stands all week.
    let daily =
        |vehicle: &&Vehicle| vehicle.spec.model.powertrain == Powertrain::Bev && vehicle.spec.habit != Habit::Weekend;
    let electric = plan.build().expect("a fleet").iter().find(daily).map(|vehicle| vehicle.spec.number);
    let place = |key: &str| electric.filter(|_| key == "insulation-decay");
    plan.faults = COMMON.iter().map(|key| PlantedIn { planted: planted(key), vehicle: place(key) }).collect();
    live_all(plan.build().expect("a fleet"), start() + Span::from_days(14)).asked
}

fn share(part: u64, of: u64) -> String {
    if of == 0 { "never".to_owned() } else { format!("{:.1} %", part as f64 * 100.0 / of as f64) }
}

#[test]
fn every_rule_fires_with_its_fault_and_stays_silent_without() {
    let outcomes = in_parallel(ROWS.to_vec(), |row| {
        let outcome = outcome(&row.setting, Some(row.cause), row.days);
        (row, outcome)
    });
    let (sound, ready) = (sound(), ready());
    let mut wrong = Vec::new();
    let mut table = format!(
        "{:<28} {:<22} {:<12} {:>10} {:>7} {:>9} {:>9}\n",
        "rule", "fault", "model", "fired", "silent", "ready", "days"
    );
    for key in SET.catalogue.rules.iter().map(|rule| rule.key.as_str()) {
        let Some((row, outcome)) = outcomes.iter().find(|(row, _)| row.rules.contains(&key)) else {
            if NOT_WITHIN_A_TEST.iter().all(|(other, _)| *other != key) {
                wrong.push(format!("{key}: no fault in the table"));
            }
            continue;
        };
        let young = matches!(row.cause, Cause::Past { .. });
        let without = sound.iter().find(|(setting, other, _)| *setting == row.setting && *other == young);
        let silent = without.is_some_and(|(_, _, verdict)| !verdict.fired.contains_key(key));
        let began =
            outcome.truth.as_ref().map_or(if young { start() } else { row.setting.planting() }, |truth| truth.start);
        let fired = outcome.verdict.fired.get(key).filter(|at| **at >= began);
        // What takes months to know is asked of a sound vehicle that is known for months.
        let patient = without.filter(|_| row.setting.coarse).map(|(_, _, verdict)| &verdict.asked);
        let asked = patient.unwrap_or(&ready).get(key).copied().unwrap_or_default();
        writeln!(
            table,
            "{key:<28} {:<22} {:<12} {:>10} {:>7} {:>9} {:>9}",
            name(row.cause),
            row.setting.model.key,
            fired.map_or("never".to_owned(), |at| after(*at, began)),
            if silent { "yes" } else { "NO" },
            share(asked.verdicts, asked.verdicts + asked.unknown),
            share(asked.days_with_verdict, asked.days_in_scope),
        )
        .expect("a line");
        if fired.is_none() || !silent || asked.verdicts == 0 || asked.days_with_verdict == 0 {
            wrong.push(format!("{key}: fired {fired:?}, silent without {silent}, {asked:?}"));
        }
    }
    println!("{table}");
    for (row, outcome) in &outcomes {
        let stray = stray(row, &outcome.verdict);
        if !stray.is_empty() {
            wrong.push(format!("{}: cases elsewhere {stray:?}", name(row.cause)));
        }
        // What creeps is forecast before its threshold is crossed, and may be watched no longer.
        let creeps = matches!(row.cause, Cause::Fault(_, Some(_)));
        let crossed = |truth: &Truth| truth.threshold.map_or(creeps, |at| at >= truth.start);
        let in_order = |truth: &Truth| truth.start >= row.setting.planting() && crossed(truth);
        if let Some(truth) = outcome.truth.as_ref().filter(|truth| !in_order(truth)) {
            wrong.push(format!("{truth:?} did not cross its threshold after its start"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_fault_is_for_some_rule() {
    let used: BTreeSet<&str> = ROWS.iter().map(|row| name(row.cause)).collect();
    let unused: Vec<_> = FAULTS.iter().map(|fault| fault.key).filter(|key| !used.contains(key)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

fn name(cause: Cause) -> &'static str {
    match cause {
        Cause::Fault(key, _) => key,
        Cause::Past { .. } => "(nearly due)",
    }
}

fn after(at: Time, since: Time) -> String {
    let hours = at.since(since).secs_f64() / 3_600.0;
    if hours < 48.0 { format!("{hours:.1} h") } else { format!("{:.1} d", hours / 24.0) }
}
