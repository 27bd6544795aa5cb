//! What authors read when an expression is wrong.

use super::*;
use std::fmt::Write as _;

#[test]
fn every_mistake_has_a_place_and_a_way_out() {
    let mut report = String::new();
    for text in [
        "avg(Vehicle.Speed, \"10 m\") > 60",
        "avg(Vehicle.Speed, \"1 readings\") > 60",
        "slope(Vehicle.Speed, \"5 readings\") > 1",
        "rate(Vehicle.Speed, \"10s\") > Vehicle.Speed",
        "sum(Vehicle.Coolant, \"1h\") > 5",
        "avg(Vehicle.LowVoltageSystemState, \"1h\") > 5",
        "then_within(Vehicle.Speed, Vehicle.Speed < 5, \"10s\")",
        "not_followed_by(Vehicle.Speed > 5, Vehicle.Speed < 5, \"0s\")",
        "fault_trips(\"X1\") > 3",
        "Vehicle.Sped > 60",
        "Speed > 60",
        "Vehicle.Speed > 60 &&\n  Vehicle.OilPressure < Vehicle.LowVoltageBattery.CurrentVoltage",
        "Vehicle.TraveledDistance > Vehicle.Trip.Distance",
        "Vehicle.Coolant + Vehicle.Ambient > 100",
        "Vehicle.Coolant * 2 > 100",
        "Vehicle.Coolant - Vehicle.Ambient > Vehicle.Coolant",
        "Vehicle.TraveledDistance / Vehicle.Trip.Distance > 1",
        "Vehicle.Speed",
        "Vehicle.Speed && true",
        "Vehicle.IsMoving > 1",
        "10 < Vehicle.Speed < 20",
        "Vehicle.LowVoltageSystemState == \"ONN\"",
        "Vehicle.LowVoltageSystemState > \"ON\"",
        "Vehicle.LowVoltageSystemState == 2",
        "Vehicle.Speed == \"fast\"",
        "hold(Vehicle.Speed > 1, \"10s\")",
        "held(Vehicle.Speed > 1)",
        "held(Vehicle.Speed > 1, 10)",
        "held(Vehicle.Speed > 1, \"10 s\")",
        "held(Vehicle.Speed > 1, \"0s\")",
        "stale(5, \"10s\")",
        "Vehicle.Speed.held(\"10s\")",
        "held > 1",
        "code.severity == 1",
        "code.sevrity == 1",
        "service(\"oli\") == due",
        "service(\"oil\") == 2",
        "service(\"oil\") == dew",
        "to(Vehicle.Speed, \"kph\") > 1",
        "to(Vehicle.Speed, \"V\") > 1",
        "Vehicle.Speed > 300",
        "Vehicle.Speed >= 0 - 1 && Vehicle.Speed >= -1",
        "1 < 2",
        "Vehicle.Speed / 0 > 1",
        "Vehicle.Speed > 1 / (1 - 1)",
        "[1, 2].all(x, x > 1)",
        "Vehicle.Speed in []",
        "Vehicle.Speed in 5",
        "Vehicle.Speed > 5 ? 1 : \"a\"",
        "min(Vehicle.Speed, Vehicle.OilPressure) > 1",
        "min(Vehicle.Speed) > 1",
        "Vehicle.Speed > 60 and Vehicle.IsMoving",
        "Vehicle.Speed >",
        "Vehicle.Speed = 1",
        "has(Vehicle.Sped)",
        "null == null",
        "if(a)",
        "fault(\"P03\")",
        "fault(\"P03*\", \"confirmd\")",
        "fault_count(\"U*\") > 5 kPa",
    ] {
        let errors = try_compile(text).err().unwrap_or_else(|| panic!("{text} compiles"));
        let _ = writeln!(report, "{text}");
        for error in errors {
            let _ = writeln!(report, "    {error}");
        }
    }
    insta::assert_snapshot!("mistakes", report);
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let errors = try_compile("Vehicle.Sped > 1 && hold(Vehicle.IsMoving, \"1s\") || Vehicle.Colant > 1").unwrap_err();
    assert_eq!(errors.iter().map(|error| error.column).collect::<Vec<_>>(), [1, 21, 53]);
}

#[test]
fn code_is_for_rules_by_fault_code() {
    let (signals, items) = (signals(), items());
    let context = Context {
        signals: &signals,
        items: &items,
        windows: &RefCell::default(),
        cohorts: &RefCell::default(),
        by_code: true,
    };
    let program = compile("code.severity <= 2 && code.confirmed", &context).unwrap();
    assert!(program.reads_code());
}

#[test]
fn every_function_is_described_and_its_example_compiles() {
    let mut names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
    for function in FUNCTIONS {
        let program = compiled(function.example);
        assert!(program.source().contains(&format!("{}(", function.name)), "{}", function.name);
        assert!(function.signature.starts_with(&format!("{}(", function.name)), "{}", function.signature);
        let Behaviour { gap, missing, late, tick } = function.behaviour;
        for text in [function.description, gap, missing, late, tick] {
            assert!(text.len() > 4, "{}: `{text}`", function.name);
        }
        assert!(function.description.ends_with('.'), "{}", function.name);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FUNCTIONS.len());
}
