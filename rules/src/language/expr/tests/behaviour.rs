//! What expressions mean, from text to verdict.

use super::*;
use crate::entry::plan::items::{Anchor, ItemState};
use crate::observed::fault_cycle::{FaultCycle, FaultPhase};
use crate::unit::Severity;
use crate::vehicle::Component;

const T: Tri = Tri::True;
const F: Tri = Tri::False;
const U: Tri = Tri::Unknown;

#[test]
fn compares_readings_with_limits() {
    let mut car = Car::new();
    car.at(0, &[(SPEED, 80.0), (VOLTAGE, 12.4)]);
    for (text, outcome) in [
        ("Vehicle.Speed > 60", T),
        ("60 < Vehicle.Speed", T),
        ("Vehicle.Speed <= 79.5", F),
        ("Vehicle.Speed > 60 && Vehicle.LowVoltageBattery.CurrentVoltage < 12", F),
        ("Vehicle.Speed > 60 || Vehicle.LowVoltageBattery.CurrentVoltage < 12", T),
        ("!(Vehicle.Speed > 60)", F),
        ("Vehicle.Speed in [70, 80]", T),
        ("Vehicle.Speed in [70, 81]", F),
        ("(Vehicle.Speed > 60 ? 1 : 2) == 1", T),
        ("abs(Vehicle.Speed - 100) < 25", T),
        ("max(Vehicle.Speed, 100, 90) == 100", T),
        ("min(Vehicle.Speed, 100, 90) == 80", T),
        ("floor(Vehicle.Speed / 30) == 2", T),
        ("Vehicle.Speed % 30 == 20", T),
        ("-Vehicle.Speed < -79", T),
        ("to(Vehicle.Speed, \"m/s\") > 22.2", T),
        ("to(Vehicle.Speed, \"m/s\") > 22.3", F),
        ("given(Vehicle.Speed, Vehicle.LowVoltageBattery.CurrentVoltage > 12) > 60", T),
        ("given(Vehicle.Speed > 90, Vehicle.LowVoltageBattery.CurrentVoltage > 12)", F),
        ("given(Vehicle.Speed > 60, Vehicle.LowVoltageBattery.CurrentVoltage < 12)", U),
        ("given(Vehicle.Speed > 60, Vehicle.Coolant > 12)", U),
    ] {
        assert_eq!(car.says(text), outcome, "{text}");
    }
}

#[test]
fn what_is_missing_or_too_old_is_unknown() {
    let mut car = Car::new();
    car.at(0, &[(SPEED, 80.0)]);
    assert_eq!(car.says("Vehicle.Coolant > 100"), U);
    assert_eq!(car.says("Vehicle.Speed > 60 && Vehicle.Coolant > 100"), U);
    assert_eq!(car.says("Vehicle.Speed > 90 && Vehicle.Coolant > 100"), F);
    assert_eq!(car.says("Vehicle.Speed > 60 || Vehicle.Coolant > 100"), T);
    assert_eq!(car.says("max(Vehicle.Coolant, 50) > 10"), U);
    car.at(10, &[(VOLTAGE, 12.0)]);
    assert_eq!(car.says("Vehicle.Speed > 60"), T);
    assert_eq!(car.says("has(Vehicle.Speed)"), T);
    car.at(11, &[(VOLTAGE, 12.0)]);
    assert_eq!(car.says("Vehicle.Speed > 60"), U);
    assert_eq!(car.says("has(Vehicle.Speed)"), F);
}

#[test]
fn a_result_that_is_no_number_is_unknown() {
    let mut car = Car::new();
    car.at(0, &[(SPEED, 0.0), ("Feature.Level", 0.0)]);
    assert_eq!(car.says("Vehicle.Speed / Feature.Level > 1"), U);
    assert_eq!(car.says("100 / Vehicle.Speed > 1"), U);
    assert_eq!(car.says("Vehicle.Speed % Vehicle.Speed == 0"), U);
}

#[test]
fn flags_and_words_are_compared_by_name() {
    let mut car = Car::new();
    car.at(0, &[("Vehicle.IsMoving", 1.0), (STATE, 2.0)]);
    for (text, outcome) in [
        ("Vehicle.IsMoving", T),
        ("!Vehicle.IsMoving", F),
        ("Vehicle.IsMoving == true", T),
        ("Vehicle.IsMoving != true", F),
        ("Vehicle.LowVoltageSystemState == \"ON\"", T),
        ("\"OFF\" == Vehicle.LowVoltageSystemState", F),
        ("Vehicle.LowVoltageSystemState in ['ON', 'START']", T),
        ("(Vehicle.IsMoving ? Vehicle.LowVoltageSystemState == 'ON' : false)", T),
    ] {
        assert_eq!(car.says(text), outcome, "{text}");
    }
}

#[test]
fn held_counts_measured_time() {
    let program = compiled("held(Vehicle.Speed > 60, \"10s\")");
    let mut car = Car::new();
    let mut outcomes = Vec::new();
    for (second, speed) in [(0, 50.0), (5, 61.0), (10, 62.0), (15, 63.0), (20, 64.0), (25, 10.0)] {
        outcomes.push(car.at(second, &[(SPEED, speed)]).run(&program));
    }
    assert_eq!(outcomes, [F, F, F, T, T, F]);
    assert_eq!(program.cells(), 1);
}

#[test]
fn a_condition_with_a_span_is_as_if_inside_held() {
    let (signals, items) = (signals(), items());
    let context = Context {
        signals: &signals,
        items: &items,
        windows: &RefCell::default(),
        cohorts: &RefCell::default(),
        by_code: false,
    };
    let program = compile_held("Vehicle.Speed > 60 // fast", Span::from_secs(10), &context).unwrap();
    let mut car = Car::new();
    for (second, outcome) in [(0, U), (6, U), (10, T)] {
        assert_eq!(car.at(second, &[(SPEED, 61.0)]).run(&program), outcome);
    }
    let steps = trace(&program, &car.view(), &car.cells);
    assert_eq!(steps[0].text, "held(Vehicle.Speed > 60, \"10s\")");
    assert_eq!(steps[0].state, State::Held { since: Some(Time::from_secs(0)) });
    assert_eq!(steps[1].text, "Vehicle.Speed > 60");
    let errors = compile_held("Vehicle.Sped > 60", Span::from_secs(10), &context).unwrap_err();
    assert_eq!(errors[0].column, 1);
    assert_eq!(compile_held("Vehicle.IsMoving", Span::ZERO, &context).unwrap().cells(), 0);
}

#[test]
fn a_backlog_in_order_satisfies_no_duration_at_once() {
    let program = compiled("held(Vehicle.Speed > 60, \"10m\")");
    let mut car = Car::new();
    assert_eq!(car.at(0, &[(SPEED, 61.0)]).run(&program), U);
    assert_eq!(car.at(100_000, &[(SPEED, 61.0)]).run(&program), U);
}

#[test]
fn a_timer_neither_ends_nor_breaks_a_duration() {
    let program = compiled("held(Vehicle.Speed > 60, \"10s\")");
    let mut car = Car::new();
    car.at(0, &[(SPEED, 10.0)]).run(&program);
    car.at(1, &[(SPEED, 70.0)]).run(&program);
    car.at(8, &[(SPEED, 70.0)]).run(&program);
    let before = car.cells.clone();
    assert_eq!(car.at(12, &[]).run(&program), F);
    assert_eq!(car.at(3_600, &[]).run(&program), U);
    assert_eq!(car.cells, before);
    assert_eq!(car.at(11, &[(SPEED, 70.0)]).run(&program), T);
}

#[test]
fn held_sees_every_step_even_when_it_cannot_matter() {
    let program = compiled("Vehicle.LowVoltageBattery.CurrentVoltage > 13 && held(Vehicle.Speed > 60, \"10s\")");
    let mut car = Car::new();
    car.at(0, &[(SPEED, 10.0), (VOLTAGE, 12.0)]).run(&program);
    for second in [1, 6, 10] {
        assert_eq!(car.at(second, &[(SPEED, 70.0), (VOLTAGE, 12.0)]).run(&program), F);
    }
    assert_eq!(car.at(11, &[(SPEED, 70.0), (VOLTAGE, 14.0)]).run(&program), T);
}

#[test]
fn silence_is_true_after_its_span_and_knows_when() {
    let program = compiled("stale(Vehicle.Speed, \"1h\") || silent(\"2h\")");
    assert!(program.absence() && program.every_step());
    let mut car = Car::new();
    assert_eq!(car.run(&program), U);
    assert_eq!(next_change(&program, &car.view(), |_| None), None);
    car.at(100, &[(SPEED, 1.0)]);
    assert_eq!(car.run(&program), F);
    assert_eq!(next_change(&program, &car.view(), |_| None), Some(Time::from_secs(3_700)));
    car.at(3_700, &[]);
    assert_eq!(car.run(&program), T);
    assert_eq!(next_change(&program, &car.view(), |_| None), Some(Time::from_secs(7_300)));
    car.at(7_300, &[]);
    assert_eq!(next_change(&program, &car.view(), |_| None), None);
}

#[test]
fn age_is_in_seconds() {
    let mut car = Car::new();
    assert_eq!(car.says("age(Vehicle.Speed) < 60"), U);
    car.at(0, &[(SPEED, 1.0)]).at(59, &[]);
    assert_eq!(car.says("age(Vehicle.Speed) < 60"), T);
    car.at(60, &[]);
    assert_eq!(car.says("age(Vehicle.Speed) < 60"), F);
}

#[test]
fn service_items_have_phases_days_and_probabilities() {
    let mut car = Car::new();
    for index in [0, 1] {
        car.service.set_anchor(index, Anchor::new(0.0, f32::NAN, Time::NEVER, false));
    }
    car.service.set(0, ItemState::new(Some(1), 21.0, 5.0, 900.0));
    car.service.set(1, ItemState::new(None, 0.0, 0.0, 0.0));
    for (text, outcome) in [
        ("service(\"oil\") == due_soon", T),
        ("service(\"oil\") >= due", F),
        ("service(\"oil\") in [due, due_soon]", T),
        ("service_days(\"oil\") < 22", T),
        ("service_km(\"oil\") < to(to(1000000, \"m\"), \"km\")", T),
        ("service_probability(\"oil\", \"21d\") >= 0.49 && service_probability(\"oil\", \"21d\") <= 0.51", T),
        ("service_probability(\"oil\", \"30d\") > 0.9", T),
        ("service(\"brake_fluid\") >= due", U),
        ("service_days(\"brake_fluid\") < 5", U),
    ] {
        assert_eq!(car.says(text), outcome, "{text}");
    }
    let program = compiled("service(\"oil\") >= due");
    assert!(program.reads_service() && program.needs_timer() && !program.absence());
    assert_eq!(next_change(&program, &car.view(), |_| None), Some(Time::from_secs(86_400)));
}

fn cycle(code: &str, phase: FaultPhase, held_until: Option<i64>) -> FaultCycle {
    FaultCycle {
        code: code.parse().unwrap(),
        ecu: "7E8".into(),
        status: 0x2f,
        phase,
        first_at: Time::from_secs(0),
        last_at: Time::from_secs(0),
        trips: 1,
        severity: Severity::S2,
        component: Component::new("engine.ignition"),
        held_until: held_until.map(Time::from_secs),
    }
}

#[test]
fn fault_codes_match_by_pattern_and_phase() {
    let mut car = Car::new();
    car.faults = vec![
        cycle("P0301", FaultPhase::Confirmed, None),
        cycle("P0171", FaultPhase::Pending, None),
        cycle("C0035", FaultPhase::Stored, None),
        cycle("U0100", FaultPhase::Confirmed, Some(100)),
    ];
    car.at(99, &[(SPEED, 1.0)]);
    for (text, outcome) in [
        ("fault(\"P0301\")", T),
        ("fault(\"P03*\", \"confirmed\")", T),
        ("fault(\"P03*\", \"pending\")", F),
        ("fault(\"P0171\")", T),
        ("fault(\"C*\")", F),
        ("fault(\"C*\", \"stored\")", T),
        ("fault(\"U*\")", F),
        ("fault_count(\"*\") == 2", T),
        ("fault(\"P0420\")", F),
    ] {
        assert_eq!(car.says(text), outcome, "{text}");
    }
    car.at(100, &[(SPEED, 1.0)]);
    assert_eq!(car.says("fault(\"U*\")"), T);
    assert!(compiled("fault(\"U*\")").reads_faults());
}

#[test]
fn rules_by_fault_code_look_at_one_cycle() {
    let (signals, items) = (signals(), items());
    let context = Context {
        signals: &signals,
        items: &items,
        windows: &RefCell::default(),
        cohorts: &RefCell::default(),
        by_code: true,
    };
    let program = compile("code.severity <= 2 && code.confirmed && code.active && !code.stored", &context).unwrap();
    let mut car = Car::new();
    assert_eq!(car.run(&program), U);
    car.code = Some(cycle("P0301", FaultPhase::Confirmed, None));
    assert_eq!(car.run(&program), T);
    car.code = Some(cycle("P0301", FaultPhase::Pending, None));
    assert_eq!(car.run(&program), F);
    car.code = Some(cycle("P0301", FaultPhase::Confirmed, Some(1)));
    assert_eq!(car.run(&program), U);
}

#[test]
fn a_program_says_what_it_reads() {
    let program =
        compiled("stale(Vehicle.Coolant, \"1h\") && Vehicle.Speed > 1 && Feature.Level < 1 && Vehicle.Speed < 9");
    assert_eq!(program.slots().len(), 3);
    assert_eq!(program.evidence_slots().len(), 2);
    assert!(!program.reads_faults() && !program.reads_service() && !program.reads_code());
    assert!(program.absence() && !program.every_step());
}

#[test]
fn a_trace_shows_every_part_with_its_value() {
    let program = compiled("(Vehicle.Speed + 5 > 60) && held(Vehicle.Coolant > 100, \"10s\")");
    let mut car = Car::new();
    car.at(0, &[(SPEED, 57.5)]).run(&program);
    let steps = trace(&program, &car.view(), &car.cells);
    let lines: Vec<String> =
        steps.iter().map(|step| format!("{}{} = {:?}", "  ".repeat(step.depth), step.text, step.value)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    (Vehicle.Speed + 5 > 60) && held(Vehicle.Coolant > 100, "10s") = Truth(Unknown)
      Vehicle.Speed + 5 > 60 = Truth(True)
        Vehicle.Speed + 5 = Number(Some(62.5), "km/h")
          Vehicle.Speed = Number(Some(57.5), "km/h")
          5 = Number(Some(5.0), "")
        60 = Number(Some(60.0), "")
      held(Vehicle.Coolant > 100, "10s") = Truth(Unknown)
        Vehicle.Coolant > 100 = Truth(Unknown)
          Vehicle.Coolant = Number(None, "degC")
          100 = Number(Some(100.0), "")
    "#);
    let converted = compiled("to(Vehicle.Speed, \"m/s\") > max(1, 2, 3) + Feature.Level * to(1, \"m/s\")");
    let texts: Vec<String> = trace(&converted, &car.view(), &[]).into_iter().map(|step| step.text).collect();
    assert_eq!(
        texts[1..4],
        ["to(Vehicle.Speed, \"m/s\")", "Vehicle.Speed", "max(1, 2, 3) + Feature.Level * to(1, \"m/s\")"]
    );
    assert!(matches!(steps[3].state, State::Measured { usable: true, .. }), "{:?}", steps[3]);
}

#[test]
fn a_vehicle_is_compared_with_its_cohort_and_unknown_without_one() {
    let signals = signals();
    let specs = RefCell::default();
    let context =
        Context { signals: &signals, items: &[], windows: &RefCell::default(), cohorts: &specs, by_code: false };
    let fast = compile("Vehicle.Speed > cohort(Vehicle.Speed, 0.95)", &context).unwrap();
    assert_eq!(fast.slots().len(), 1);
    let bands = Bands { from_km: vec![0.0, 50_000.0], least_vehicles: 30, source: String::new() };
    let entry = |from_km, vehicles| CohortEntry {
        signal: SPEED.to_owned(),
        model: "m".to_owned(),
        from_km,
        quantile: 0.95,
        value: 100.0,
        spread: 10.0,
        vehicles,
    };
    let table = CohortTable { entries: vec![entry(0.0, 30), entry(50_000.0, 29)], ..CohortTable::default() };
    let mut car = Car::new();
    car.cohorts = Cohorts::new(&table, &bands, ["m"].into_iter(), &specs.borrow(), &signals);
    car.at(0, &[(SPEED, 120.0)]);
    assert_eq!(car.run(&fast), Tri::Unknown, "no odometer");
    car.km = 10_000.0;
    assert_eq!(car.run(&fast), Tri::True);
    assert_eq!(car.at(1, &[(SPEED, 90.0)]).run(&fast), Tri::False);
    car.km = 60_000.0;
    assert_eq!(car.run(&fast), Tri::Unknown, "too few in its band");
    car.cohorts = Cohorts::default();
    assert_eq!(car.run(&fast), Tri::Unknown, "nothing was learned yet");
}
