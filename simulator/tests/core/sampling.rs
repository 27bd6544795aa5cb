//! The same lives heard at other rates: what is read every second, every minute or only when it changes must come to the
//! same cases.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rules::entry::rule::{Per, RuleKind};
use rules::entry::signal::{Kind, Signal};
use rules::rule_set::Rule;
use rules::unit::{Span, Time};
use rules::vehicle::VehicleId;
use simulator::climate::{local_day, local_time};
use simulator::delivery::Message;
use simulator::driver::Habit;
use simulator::fault::{Planted, fault};
use simulator::fleet::WINDOW;
use simulator::frame::{Frame, Name, Value};
use simulator::model::{MODELS, Model, Specification};
use simulator::signal;
use simulator::vehicle::{Sampling, Vehicle};

use crate::judge::{Judge, SET, Verdict, in_parallel, start};
use crate::planted::{Cause, ROWS, Setting};

const SEED: u64 = 41;
/// Days that a course lasts; what is planted comes after the first.
const DAYS: i64 = 3;
/// Everything every second while it drives.
const DENSE: Sampling = Sampling {
    driving: Span::from_secs(1),
    slow: Span::from_secs(1),
    charging: Span::from_secs(10),
    parked: Span::from_hours(2),
};
const PERIODS: [i64; 4] = [10, 30, 60, 300];
/// Readings of what may be longer ago than this are told when they come; the others whenever the unit wakes.
const EVENTFUL: Span = Span::from_mins(10);

/// How a unit tells of what it measures.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Telling {
    /// Every so many seconds, and events with the next message.
    Every(i64),
    /// Every so many seconds, and of what was between only the ignition and fault codes.
    Only(i64),
    /// Ten seconds every second, then a minute of nothing.
    Bursts,
    /// What has changed.
    Changes,
}

fn course(setting: &Setting, planted: Option<&str>) -> Vec<Frame> {
    let id = VehicleId::try_new("sampled").expect("an id");
    let mut spec = Specification::draw(SEED, setting.number, id, start()).of_model(setting.model);
    spec.habit = setting.habit;
    let mut vehicle = Vehicle::new(SEED, spec, start(), DENSE);
    for day in 1..DAYS {
        vehicle.send_on(local_time(local_day(start()) + day, 18.2), 30.0);
    }
    if let Some(fault) = planted.and_then(fault) {
        vehicle.plant(Planted::new(fault, start() + Span::from_days(1)));
    }
    let end = start() + Span::from_days(DAYS);
    vehicle.take_while(|frame| frame.at < end).collect()
}

fn signal_of(name: &str) -> Option<&'static Signal> {
    SET.catalogue.signals.by_path(name)
}

/// Whether a reading is an event, which no unit leaves out, and not the state of something that goes on.
fn is_event(name: &Name, value: &Value) -> bool {
    !matches!(value, Value::Number(_)) || signal_of(name).is_some_and(|signal| signal.max_gap > EVENTFUL)
}

/// What a vehicle reports of a course, from a moment of its own on.
fn told(frames: &[Frame], telling: Telling, phase: i64) -> Vec<Frame> {
    let Some(first) = frames.first() else { return Vec::new() };
    let mut next = first.at + Span::from_secs(phase);
    let (mut told, mut kept, mut burst) = (Vec::new(), Frame::new(first.at), 0);
    let mut known: BTreeMap<Name, Value> = BTreeMap::new();
    for frame in frames {
        let ignition = frame.readings.iter().any(|(name, _)| name == signal::IGNITION);
        let due = match telling {
            Telling::Changes => true,
            // What a fault code means depends on what the ignition said.
            _ => frame.at >= next || ignition || !frame.codes.is_empty(),
        };
        if !due {
            if matches!(telling, Telling::Every(_) | Telling::Bursts) {
                keep(&mut kept, frame);
            }
            continue;
        }
        next = match telling {
            Telling::Every(period) | Telling::Only(period) => frame.at + Span::from_secs(period),
            Telling::Bursts => {
                burst = (burst + 1) % 10;
                frame.at + Span::from_secs(if burst == 0 { 60 } else { 1 })
            }
            Telling::Changes => frame.at,
        };
        let mut sent = std::mem::replace(&mut kept, Frame::new(frame.at));
        sent.at = frame.at;
        sent.readings.retain(|(name, _)| frame.readings.iter().all(|(other, _)| other != name));
        sent.readings.extend(frame.readings.iter().cloned());
        sent.codes.extend(frame.codes.iter().cloned());
        if telling == Telling::Changes {
            sent.readings.retain(|(name, value)| known.insert(name.clone(), value.clone()).as_ref() != Some(value));
        }
        if !sent.readings.is_empty() || !sent.codes.is_empty() {
            told.push(sent);
        }
    }
    told
}

/// Events wait for the next message, the newest of each signal.
fn keep(kept: &mut Frame, frame: &Frame) {
    for (name, value) in frame.readings.iter().filter(|(name, value)| is_event(name, value)) {
        kept.readings.retain(|(other, _)| other != name);
        kept.readings.push((name.clone(), value.clone()));
    }
    kept.codes.extend(frame.codes.iter().cloned());
}

fn verdict(setting: &Setting, frames: Vec<Frame>) -> Verdict {
    let id = VehicleId::try_new("sampled").expect("an id");
    let spec = Specification::draw(SEED, setting.number, id, start()).of_model(setting.model);
    let mut judge = Judge::new(&spec);
    for (seq, frame) in (1_u64..).zip(frames) {
        let due = frame.at;
        let oldest = seq.saturating_sub(WINDOW - 1).max(1);
        judge.hear(&Message { stream: 1, seq, oldest, frames: vec![frame], seen: Vec::new() }.encode(), due);
    }
    judge.finish(start() + Span::from_days(DAYS))
}

/// Rules about faults that fired, and when they did first.
fn fired(verdict: &Verdict) -> BTreeMap<String, Time> {
    let about = |key: &String| !key.starts_with("service.");
    verdict.fired.iter().filter(|(key, _)| about(key)).map(|(key, at)| (key.clone(), *at)).collect()
}

fn rules(key: &str) -> impl Iterator<Item = &'static Rule> + use<'_> {
    SET.rules.iter().filter(move |rule| rule.source.key == key)
}

/// Whether a rule finds what stands, sample by sample.
fn is_judged_by_sample(key: &str) -> bool {
    rules(key).next().is_some_and(|rule| {
        let by_sample = rule.source.evidence.is_none_or(|evidence| evidence.per == Per::Sample);
        rule.source.kind == RuleKind::Detection && !rule.by_code && by_sample
    })
}

/// Whether a rule is about what was planted, or what follows from it.
fn is_about(rule: &str, planted: &str) -> bool {
    let Some(fault) = fault(planted) else { return false };
    let about = |component: &str| fault.components.contains(&component) || fault.consequences.contains(&component);
    rules(rule).any(|rule| rule.component.as_ref().is_some_and(|component| about(component.as_str())))
}

/// Whether a rule can be judged if its signals come every so many seconds.
fn allows(key: &str, period: i64) -> bool {
    let slots = rules(key).flat_map(|rule| rule.when.slots());
    let gap = slots.map(|slot| SET.catalogue.signals.get(*slot).max_gap).min();
    gap.is_some_and(|gap| Span::from_secs(period) <= gap)
}

fn causes() -> Vec<(&'static str, Setting)> {
    let plain = ROWS.iter().filter_map(|row| match row.cause {
        Cause::Fault(key, None) => Some((key, row.setting)),
        _ => None,
    });
    plain.collect()
}

#[test]
fn a_course_heard_seldom_gives_no_case_that_it_lacks_when_heard_every_second() {
    let outcomes = in_parallel(causes(), |(key, setting)| {
        let frames = course(&setting, Some(key));
        let whole = fired(&verdict(&setting, frames.clone()));
        let mut tellings = vec![Telling::Bursts, Telling::Changes];
        tellings.extend(PERIODS.into_iter().flat_map(|period| [Telling::Every(period), Telling::Only(period)]));
        let heard: Vec<_> = tellings
            .into_iter()
            .zip([0, 3, 7, 11, 17, 23, 29, 41, 53, 59])
            .map(|(telling, phase)| (telling, fired(&verdict(&setting, told(&frames, telling, phase)))))
            .collect();
        (key, setting.model.key, whole, heard)
    });
    let mut wrong = Vec::new();
    for (key, model, whole, heard) in &outcomes {
        println!("{key} {model}: {:?}", whole.keys().collect::<Vec<_>>());
        for (telling, fired) in heard {
            // A trend or a mean over noise may find what is wrong sooner at one rate than at another.
            let extra: Vec<_> =
                fired.keys().filter(|rule| !whole.contains_key(*rule) && !is_about(rule, key)).collect();
            if !extra.is_empty() {
                wrong.push(format!("{key} {model} {telling:?}: {extra:?} in excess"));
            }
            let Telling::Every(period) = telling else { continue };
            for rule in whole.keys().filter(|rule| is_judged_by_sample(rule) && allows(rule, *period)) {
                if !fired.contains_key(rule) {
                    wrong.push(format!("{key} {model} {telling:?}: {rule} is missing"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// One reading in a hundred is any other value of its range.
fn spiked(frames: &mut [Frame], seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for (name, value) in frames.iter_mut().flat_map(|frame| &mut frame.readings) {
        let Value::Number(number) = value else { continue };
        if rng.random_bool(0.01)
            && let Some(signal) = signal_of(name).filter(|signal| signal.kind == Kind::Number)
        {
            *number = rng.random_range(signal.range.0..=signal.range.1);
        }
    }
}

#[test]
fn one_false_reading_in_a_hundred_gives_no_case_at_any_sampling() {
    let jobs: Vec<(Model, u32)> =
        MODELS.iter().flat_map(|(model, _)| (0..3).map(move |number| (*model, number))).collect();
    let outcomes = in_parallel(jobs, |(model, number)| {
        let habit = [Habit::Commuter, Habit::Taxi, Habit::Fleet][number as usize];
        let setting = Setting { model, habit, number, errand_km: None, sound: DAYS, coarse: false };
        let frames = course(&setting, None);
        let mut opened = Vec::new();
        let tellings = [
            Telling::Every(1),
            Telling::Every(10),
            Telling::Every(30),
            Telling::Every(60),
            Telling::Every(300),
            Telling::Bursts,
            Telling::Changes,
        ];
        for (seed, telling) in (0..).zip(tellings) {
            let phase = 5 * i64::from(number);
            assert_eq!(
                fired(&verdict(&setting, told(&frames, telling, phase))),
                BTreeMap::new(),
                "{} {number} {telling:?}",
                model.key
            );
            let mut bent = frames.clone();
            spiked(&mut bent, seed * 100 + u64::from(number));
            let fired = fired(&verdict(&setting, told(&bent, telling, phase)));
            if !fired.is_empty() {
                opened.push((model.key, number, telling, fired));
            }
        }
        opened
    });
    let opened: Vec<_> = outcomes.into_iter().flatten().collect();
    assert!(opened.is_empty(), "{opened:#?}");
}
