//! Functions that look back: sequences, `since`, windows, and the timers they want.

use super::*;

/// Verdicts at steps of (second, speed), as letters; a speed of NaN is a step without a reading of it.
fn verdicts(text: &str, steps: &[(i64, f64)]) -> String {
    let mut car = Car::new();
    let program = car.compile(text);
    let mut step = |(second, speed): &(i64, f64)| {
        if speed.is_nan() {
            car.at(*second, &[(VOLTAGE, 12.0)]);
        } else {
            car.at(*second, &[(SPEED, *speed)]);
        }
        letter(car.run(&program))
    };
    steps.iter().map(&mut step).collect()
}

fn letter(verdict: Tri) -> char {
    match verdict {
        Tri::True => 'T',
        Tri::False => 'F',
        Tri::Unknown => 'U',
    }
}

const N: f64 = f64::NAN;

#[test]
fn the_second_counts_only_after_the_first_and_once() {
    let text = "then_within(Vehicle.Speed > 60, Vehicle.Speed < 5, \"20s\")";
    assert_eq!(verdicts(text, &[(0, 1.0), (5, 70.0), (10, 50.0), (15, 2.0), (20, 1.0)]), "FFFTF");
    assert_eq!(verdicts(text, &[(0, 70.0), (25, 2.0)]), "FF", "too late");
    assert_eq!(verdicts(text, &[(0, 70.0), (15, 70.0), (25, 2.0)]), "FFT", "the newest first counts");
    assert_eq!(verdicts(text, &[(0, 70.0), (11, N), (12, 2.0)]), "FUT", "a value that is too old is unknown");
}

#[test]
fn what_did_not_follow_is_true_until_it_comes() {
    let text = "not_followed_by(Vehicle.Speed > 60, Vehicle.Speed < 5, \"20s\")";
    assert_eq!(verdicts(text, &[(0, 70.0), (10, 40.0), (19, 40.0), (20, 40.0), (25, 70.0), (30, 1.0)]), "FFFTTF");
    assert_eq!(verdicts(text, &[(0, 70.0), (10, 2.0), (40, 40.0)]), "FFF", "it followed");
    assert_eq!(verdicts(text, &[(0, 70.0), (10, 70.0), (20, 70.0)]), "FFT", "a first that goes on does not begin anew");
    assert_eq!(verdicts(text, &[(0, 70.0), (15, N), (20, 40.0)]), "FFU", "it may have come unseen");
}

#[test]
fn what_does_not_follow_asks_for_a_timer_and_is_judged_by_it() {
    let mut car = Car::new();
    let program = car.compile("not_followed_by(Vehicle.Speed > 60, Vehicle.Speed < 5, \"12h\")");
    assert!(program.absence() && program.needs_timer());
    car.at(0, &[(SPEED, 70.0)]);
    assert_eq!(car.run(&program), Tri::False);
    let due = next_change(&program, &car.view(), |cell| car.cells.get(cell).copied());
    assert_eq!(due, Some(Time::from_secs(12 * 3_600)));
    for (second, verdict) in [(12 * 3_600 - 1, Tri::False), (12 * 3_600, Tri::True)] {
        car.at(second, &[]);
        let before = car.cells.clone();
        assert_eq!(car.run(&program), verdict);
        assert_eq!(car.cells, before, "a timer is no step");
    }
}

#[test]
fn seconds_since_a_condition_held() {
    let text = "since(Vehicle.Speed > 60) > 8";
    assert_eq!(verdicts(text, &[(0, 50.0), (1, 70.0), (5, 50.0), (9, 50.0), (10, 50.0), (11, 70.0)]), "UFFFTF");
}

#[test]
fn windows_are_ready_when_they_are_full() {
    let text = "avg(Vehicle.Speed, \"11s\") > 50";
    let steps: Vec<(i64, f64)> = (0..16).map(|second| (second, if second < 12 { 40.0 } else { 100.0 })).collect();
    assert_eq!(verdicts(text, &steps), "UUUUUUUUUUUFFFTT");
    assert_eq!(
        verdicts("min(Vehicle.Speed, \"3 readings\") > 50", &[(0, 60.0), (1, 60.0), (2, 40.0), (3, 60.0)]),
        "UUFF"
    );
    assert_eq!(verdicts("delta(Vehicle.Speed) < -20", &[(0, 60.0), (1, 50.0), (2, 20.0), (30, 0.0)]), "UFTU");
    assert_eq!(verdicts("changed(Vehicle.Speed)", &[(0, 60.0), (1, 60.0), (2, 50.0), (3, N)]), "UFTF");
    assert_eq!(verdicts("count(Vehicle.Speed, \"11s\") >= 2", &[(0, 1.0), (5, 1.0), (30, 1.0)]), "FTF");
}

#[test]
fn rates_are_per_second_in_the_unit_of_the_signal() {
    let mut car = Car::new();
    let program = car.compile("to(rate(Vehicle.Speed, \"trip\"), \"m/s2\") > 0.99");
    car.at(0, &[(SPEED, 0.0)]);
    car.at(10, &[(SPEED, 36.0)]);
    assert_eq!(car.run(&program), Tri::True, "36 km/h in 10 s are 1 m/s2");
}

#[test]
fn one_window_serves_every_rule_that_asks_for_it() {
    let mut car = Car::new();
    car.compile("avg(Vehicle.Speed, \"10m\") > 60 && max(Vehicle.Speed, \"10m\") < 90");
    assert_eq!(car.specs.len(), 1);
    car.compile("stddev(Vehicle.Speed, \"10m\") < 1 || avg(Vehicle.Speed, \"trip\") < 9");
    assert_eq!(car.specs.len(), 2);
}
