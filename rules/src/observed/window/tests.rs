//! Windows against what the readings say plainly.

use proptest::prelude::*;

use super::*;
use crate::vehicle::Slot;

const PARKED: &Segment = &Segment::NEW;
const STATS: [Stat; 9] =
    [Stat::Avg, Stat::Min, Stat::Max, Stat::Sum, Stat::Count, Stat::Rate, Stat::Stddev, Stat::Slope, Stat::First];

fn spec(extent: Extent, max_gap: i64) -> WindowSpec {
    let parts = STATS.iter().fold(Parts::default(), |parts, stat| parts.with(Parts::of(*stat)));
    WindowSpec { slot: Slot(0), extent, parts, max_gap: Span::from_secs(max_gap) }
}

/// The statistic computed from the readings themselves.
fn plainly(readings: &[(i64, f64)], stat: Stat) -> f64 {
    let n = readings.len() as f64;
    let values = readings.iter().map(|(_, value)| *value);
    let mean = values.clone().sum::<f64>() / n;
    let seconds = |micros: i64| (micros - readings[0].0) as f64 / 1e6;
    let (first, last) = (readings[0], readings[readings.len() - 1]);
    match stat {
        Stat::Avg => mean,
        Stat::Min => values.fold(f64::INFINITY, f64::min),
        Stat::Max => values.fold(f64::NEG_INFINITY, f64::max),
        Stat::Sum => values.sum(),
        Stat::Count => n,
        Stat::Rate => (last.1 - first.1) / seconds(last.0),
        Stat::Stddev => (values.map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt(),
        Stat::Slope => {
            let mid = readings.iter().map(|(at, _)| seconds(*at)).sum::<f64>() / n;
            let of = |f: &dyn Fn(f64, f64) -> f64| {
                readings.iter().map(|(at, value)| f(seconds(*at) - mid, value - mean)).sum::<f64>()
            };
            of(&|t, x| t * x) / of(&|t, _| t * t)
        }
        Stat::First => first.1,
        Stat::Last | Stat::Delta | Stat::Changed => f64::NAN,
    }
}

fn close(a: f64, b: f64, scale: f64) -> bool {
    (a - b).abs() <= 1e-3 * scale.max(1.0)
}

/// Steps of one to twenty seconds, and values around a level as large as an odometer's.
fn readings() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let level = prop_oneof![Just(0.0), Just(80.0), Just(2e8)];
    (level, prop::collection::vec((1_i64..20, -50.0..50.0_f64), 20..400)).prop_map(|(level, steps)| {
        let mut at = 1_700_000_000;
        let step = |(wait, value): (i64, f64)| {
            at += wait;
            (at * 1_000_000, level + value)
        };
        steps.into_iter().map(step).collect()
    })
}

proptest! {
    #[test]
    fn a_sliding_window_says_what_its_readings_say(readings in readings(), minutes in 1_i64..15) {
        let span = Span::from_mins(minutes);
        let spec = spec(Extent::Time(span), 30);
        let mut window = Window::new(&spec);
        for (index, (at, value)) in readings.iter().enumerate() {
            let now = Time::from_micros(*at);
            window.take(&spec, *value, now, PARKED);
            let bucket = bucket_of(span);
            let from = start_of(number_of(now, bucket) - RING + 1, bucket);
            prop_assert!(now.since(from) >= span && now.since(from).micros() <= span.micros() * 12 / 11 + 12);
            let inside: Vec<(i64, f64)> =
                readings[..=index].iter().copied().filter(|(at, _)| *at >= from.micros()).collect();
            let full = now.since(Time::from_micros(readings[0].0)) >= span;
            for stat in STATS {
                let answer = window.ask(&spec, stat, now, *value, PARKED);
                if full || matches!(stat, Stat::Count | Stat::Sum) {
                    let wanted = plainly(&inside, stat);
                    let scale = if stat == Stat::Sum { wanted.abs() / 100.0 } else { 50.0 };
                    prop_assert!(close(answer, wanted, scale), "{stat:?} {answer} {wanted}");
                } else {
                    prop_assert!(answer.is_nan(), "{stat:?}");
                }
            }
        }
    }

    #[test]
    fn the_last_readings_are_exact(readings in readings(), count in 2_u16..=MOST_READINGS) {
        let spec = spec(Extent::Readings(count), 30);
        let mut window = Window::new(&spec);
        for (index, (at, value)) in readings.iter().enumerate() {
            let now = Time::from_micros(*at);
            window.take(&spec, *value, now, PARKED);
            let Some(first) = (index + 1).checked_sub(usize::from(count)) else {
                prop_assert!(window.ask(&spec, Stat::Avg, now, *value, PARKED).is_nan());
                continue;
            };
            for stat in [Stat::Avg, Stat::Min, Stat::Max, Stat::Stddev, Stat::First] {
                let answer = window.ask(&spec, stat, now, *value, PARKED);
                let wanted = plainly(&readings[first..=index], stat);
                prop_assert!(close(answer, wanted, 50.0), "{stat:?} {answer} {wanted}");
            }
            let delta = window.ask(&spec, Stat::Delta, now, *value, PARKED);
            prop_assert!(close(delta, value - readings[index - 1].1, 50.0), "{delta}");
        }
    }
}

#[test]
fn a_trip_starts_anew_and_the_last_one_stays_readable() {
    let spec = spec(Extent::Trip, 30);
    let mut window = Window::new(&spec);
    let at = Time::from_secs;
    let trip = |trip, kind| Segment { kind, trip, ..Segment::default() };
    let (first, between) = (trip(1, SegmentKind::Trip), trip(1, SegmentKind::Park));
    let (second, after) = (trip(2, SegmentKind::Trip), trip(2, SegmentKind::Park));
    window.take(&spec, 10.0, at(0), &first);
    window.take(&spec, 20.0, at(5), &first);
    assert_eq!(window.ask(&spec, Stat::Avg, at(5_000), 20.0, &between), 15.0);
    assert_eq!(window.ask(&spec, Stat::Rate, at(5_000), 20.0, &between), 2.0);
    // What the trip before said is no word about the one that has begun.
    assert!(window.ask(&spec, Stat::Last, at(8_990), 20.0, &second).is_nan());
    assert_eq!(window.ask(&spec, Stat::Count, at(8_990), 20.0, &second), 0.0);
    assert!(window.ask(&spec, Stat::Last, at(8_995), 20.0, &after).is_nan());
    window.take(&spec, 50.0, at(9_000), &second);
    assert_eq!(window.ask(&spec, Stat::Max, at(9_000), 50.0, &second), 50.0);
    assert_eq!(window.ask(&spec, Stat::Count, at(9_000), 50.0, &second), 1.0);
}

#[test]
fn a_session_ends_by_silence() {
    let spec = spec(Extent::Session(Span::from_mins(5)), 30);
    let mut window = Window::new(&spec);
    for second in [0, 200, 400, 1_000, 1_010] {
        window.take(&spec, 1.0, Time::from_secs(second), PARKED);
    }
    assert_eq!(window.ask(&spec, Stat::Count, Time::from_secs(1_010), 1.0, PARKED), 2.0);
}

#[test]
fn a_gap_makes_a_sliding_window_unknown_but_not_its_count() {
    let spec = spec(Extent::Time(Span::from_secs(60)), 30);
    let mut window = Window::new(&spec);
    let take = |window: &mut Window, second: i64| {
        window.take(&spec, 5.0, Time::from_secs(second), PARKED);
        (
            window.ask(&spec, Stat::Avg, Time::from_secs(second), 5.0, PARKED),
            window.ask(&spec, Stat::Count, Time::from_secs(second), 5.0, PARKED),
        )
    };
    for second in (0..=60).step_by(10) {
        take(&mut window, second);
    }
    assert_eq!(take(&mut window, 70).0, 5.0);
    let (avg, count) = take(&mut window, 105);
    assert!(avg.is_nan() && count >= 4.0, "{avg} {count}");
    assert_eq!(window.ask(&spec, Stat::Count, Time::from_secs(400), 5.0, PARKED), 0.0);
}

#[test]
fn a_change_across_a_gap_is_unknown() {
    let spec = spec(Extent::Readings(2), 30);
    let mut window = Window::new(&spec);
    let mut changed = Vec::new();
    for (second, value) in [(0, 1.0), (10, 1.0), (20, 3.0), (100, 4.0), (110, 4.0)] {
        let now = Time::from_secs(second);
        window.take(&spec, value, now, PARKED);
        changed.push(window.ask(&spec, Stat::Changed, now, value, PARKED));
    }
    assert!(changed[0].is_nan() && changed[3].is_nan(), "{changed:?}");
    assert_eq!([changed[1], changed[2], changed[4]], [0.0, 1.0, 0.0]);
    assert_eq!(window.ask(&spec, Stat::Changed, Time::from_secs(111), 4.0, PARKED), 0.0);
}
