//! Estimators that are wrong in a known way, and what is learned of them.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;

/// A forecast whose outcome is known.
fn followed(chance: f64, failed_after: Option<f64>) -> Followed {
    let outlook = Outlook { within: Some([chance; 3]), due: None };
    Followed {
        estimator: "tyre".to_owned(),
        model: "city-suv".to_owned(),
        raw: outlook,
        told: outlook,
        failed_after,
        refuted: false,
        heard_for: 60.0,
        age: 0.0,
    }
}

/// As many forecasts as make a weight.
fn enough(weight: f64) -> usize {
    (weight / NEWS) as usize
}

/// A forecast of a limit in so many days that came where the interval has `place`.
fn dated(central: f64, place: f64) -> Followed {
    let due = Due { early: 0.8 * central, central, late: 1.2 * central };
    let raw = Outlook { within: None, due: Some(due) };
    Followed { raw, told: raw, age: 1.3 * central, ..followed(0.5, Some(central + place * 0.2 * central)) }
}

#[test]
fn without_outcomes_the_estimator_is_right() {
    assert_eq!(calibrate(&[]), CalibrationTable::default());
    let map = CalibrationTable::default().of("tyre", "city-suv");
    let due = Due { early: 3.0, central: 5.0, late: f64::INFINITY };
    assert_eq!((map.chance(0.37), map.due(due)), (0.37, due));
    let (intercept, slope) = logistic(Vec::new(), &Map::IDENTITY);
    assert!(intercept.abs() < 1e-6 && (slope - 1.0).abs() < 1e-6, "{intercept} {slope}");
}

#[test]
fn an_estimator_that_boasts_is_taken_down_to_what_comes_true() {
    // It says 90 % where 30 % fail, and 20 % where 5 % do.
    let boast = |count: usize, chance: f64, share: f64| {
        (0..count).map(move |place| followed(chance, ((place as f64) < share * count as f64).then_some(3.0)))
    };
    let all: Vec<Followed> = boast(2_000, 0.9, 0.3).chain(boast(2_000, 0.2, 0.05)).collect();
    let map = calibrate(&all).of("tyre", "city-suv");
    assert!((map.chance(0.9) - 0.3).abs() < 0.02, "{}", map.chance(0.9));
    assert!((map.chance(0.2) - 0.05).abs() < 0.02, "{}", map.chance(0.2));
}

#[test]
fn a_few_outcomes_move_the_prior_a_little_and_many_move_it_all_the_way() {
    let never = |weight: f64| {
        let all: Vec<Followed> = (0..enough(weight)).map(|_| followed(0.5, None)).collect();
        calibrate(&all).of("tyre", "city-suv").chance(0.5)
    };
    let [few, some, many] = [1.0, 10.0, 500.0].map(never);
    assert!((0.4..0.49).contains(&few) && (0.1..0.35).contains(&some) && many < 0.03, "{few} {some} {many}");
}

#[test]
fn old_outcomes_fade() {
    let old = |age: f64| {
        let all: Vec<Followed> = (0..enough(50.0)).map(|_| Followed { age, ..followed(0.5, None) }).collect();
        calibrate(&all).of("tyre", "city-suv").chance(0.5)
    };
    assert!(old(5.0 * HALF_LIFE_DAYS) > old(0.0) + 0.15);
}

#[test]
fn saying_more_never_comes_to_mean_less() {
    let all: Vec<Followed> = (0..400).flat_map(|_| [followed(0.9, None), followed(0.1, Some(2.0))]).collect();
    let map = calibrate(&all).of("tyre", "city-suv");
    assert!(map.slope >= 0.0 && map.chance(0.9) >= map.chance(0.1));
}

#[test]
fn a_model_with_outcomes_enough_has_a_map_of_its_own_and_the_others_share_one() {
    let of = |model: &str, weight: f64, failed: Option<f64>| {
        let model = model.to_owned();
        (0..enough(weight)).map(move |_| Followed { model: model.clone(), ..followed(0.5, failed) })
    };
    let all: Vec<Followed> = of("many", 100.0, None).chain(of("few", 5.0, Some(1.0))).collect();
    let table = calibrate(&all);
    assert_eq!(table.iter().map(|entry| entry.model.as_deref()).collect::<Vec<_>>(), [None, Some("many")]);
    assert_eq!(table.of("tyre", "few"), table.of("tyre", "unheard of"));
    assert!(table.of("tyre", "many").chance(0.5) < table.of("tyre", "few").chance(0.5));
}

#[test]
fn an_interval_that_is_too_narrow_widens_until_it_holds() {
    // Limits scatter three times as widely as the estimator believes, and come late.
    let mut dice = ChaCha8Rng::seed_from_u64(7);
    let mut draw = || {
        let normal: f64 = (0..12).map(|_| dice.random::<f64>()).sum::<f64>() - 6.0;
        dated(40.0, 0.5 + 3.0 * normal / EIGHTY)
    };
    let (learned, fresh): (Vec<_>, Vec<_>) =
        ((0..2_000).map(|_| draw()).collect(), (0..2_000).map(|_| draw()).collect());
    let map = calibrate(&learned).of("tyre", "city-suv");
    let told: Vec<Followed> =
        fresh.into_iter().map(|one: Followed| Followed { told: map.outlook(one.raw), age: 400.0, ..one }).collect();
    let held = Held::of(told.iter());
    let (raw, covered) = (held.raw_interval.covered.unwrap(), held.interval.covered.unwrap());
    assert!(raw < 0.4 && (0.77..0.83).contains(&covered), "{raw} {covered}");
}

#[test]
fn an_interval_is_judged_when_its_time_is_over() {
    let due = Due { early: 10.0, central: 20.0, late: 30.0 };
    let at = |age: f64, failed_after: Option<f64>, heard_for: f64| {
        Followed { failed_after, heard_for, age, ..followed(0.5, None) }.place(due)
    };
    // Failed in its middle, but the others have time until day 30.
    assert_eq!(at(25.0, Some(15.0), 15.0), None);
    assert_eq!(at(31.0, Some(15.0), 15.0), Some(-0.5));
    assert_eq!(at(61.0, None, 60.0), Some(4.0));
    // Replaced, or not heard of: nobody knows.
    assert_eq!(at(61.0, None, 12.0), None);
}

#[test]
fn what_nobody_saw_is_neither_true_nor_false() {
    let replaced = Followed { heard_for: 12.0, ..followed(0.5, None) };
    assert_eq!((replaced.failed_within(7.0), replaced.failed_within(30.0)), (Some(false), None));
    let refuted = Followed { heard_for: 12.0, refuted: true, ..followed(0.5, None) };
    assert_eq!(refuted.failed_within(30.0), Some(false));
    let failed = followed(0.5, Some(12.0));
    assert_eq!((failed.failed_within(7.0), failed.failed_within(14.0)), (Some(false), Some(true)));
}

#[test]
fn a_table_is_read_as_it_was_written_and_only_a_noticeable_change_is_another_one() {
    let all: Vec<Followed> = (0..enough(100.0)).map(|_| followed(0.5, None)).collect();
    let table = calibrate(&all);
    let catalogue = crate::catalogue::Catalogue::builtin().unwrap();
    let loaded = catalogue.with_learned_file(super::super::CALIBRATION_FILE, table.to_toml()).unwrap();
    assert!(!loaded.learned.calibration.decides_otherwise(&table) && table.iter().count() == 2);
    let more: Vec<Followed> = (0..enough(101.0)).map(|_| followed(0.5, None)).collect();
    assert!(!table.decides_otherwise(&calibrate(&more)));
    assert_eq!(CalibrationTable::default().differences(&table)[0].0, "tyre");
}

/// A table with one entry whose intervals held so often.
fn table(judged: usize, covered: f64) -> CalibrationTable {
    let intervals = Some(Coverage { judged, covered: Some(covered) });
    let estimator = "tyre".to_owned();
    CalibrationTable::new(vec![CalibrationEntry { estimator, model: None, weight: 1.0, map: Map::IDENTITY, intervals }])
}

#[test]
fn the_road_says_whether_dates_hold_once_enough_were_judged() {
    let says = |judged, covered| table(judged, covered).date_holds("tyre", "city-suv");
    assert_eq!(says(99, 0.95), None, "too few");
    assert_eq!(says(100, 0.69), Some(false));
    assert_eq!(says(100, 0.74), None, "it may be luck");
    assert_eq!(says(100, 0.79), Some(true));
    assert_eq!(CalibrationTable::default().date_holds("tyre", "city-suv"), None);
    // Worth an activation although no figure of the map moves.
    let changes = table(100, 0.79).differences(&table(100, 0.5));
    assert_eq!(changes.len(), 1);
    assert!(changes[0].1.ends_with("do not hold and are no longer shown"), "{changes:?}");
    assert!(table(100, 0.79).differences(&table(120, 0.8)).is_empty());
}

#[test]
fn a_table_remembers_how_its_intervals_held() {
    let followed: Vec<Followed> = (0..40).map(|index| dated(20.0, if index % 4 == 0 { 3.0 } else { 0.5 })).collect();
    let table = calibrate(&followed);
    let entry = table.iter().next().unwrap();
    assert_eq!(entry.intervals, Some(Coverage { judged: 40, covered: Some(0.75) }));
    let written: BTreeMap<String, Vec<CalibrationEntry>> = toml::from_str(&table.to_toml()).unwrap();
    assert_eq!(CalibrationTable::new(written["calibration"].clone()), table);
}
