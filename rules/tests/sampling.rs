//! Readings that come seldom, at once or after silence: what can be true is believed at any sampling, what stands is
//! found within three periods, and what is alone means nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a fixture that cannot be built is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use rules::author::example::{self, START};
use rules::author::trial::Trial;
use rules::catalogue::Catalogue;
use rules::entry::rule::{Expect, Per, RuleKind, RuleSource};
use rules::entry::story::parse;
use rules::rule_set::{Rule, RuleSet};
use rules::stage::effect::{Effect, Effects, FindingEffect};
use rules::state::settle::Bounds;
use rules::unit::{Span, Time};
use rules::vehicle::{Message, Powertrain, Reading, Reason, Sample, Sequence, SignalNo, What};

const SPEED: &str = "Vehicle.Speed";
const IGNITION: &str = "Vehicle.LowVoltageSystemState";
const COOLANT: &str = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature";
const VOLTS: &str = "Vehicle.LowVoltageBattery.CurrentVoltage";
const HOT_CELL: &str = "Vehicle.Powertrain.TractionBattery.Temperature.Max";
const COLD_CELL: &str = "Vehicle.Powertrain.TractionBattery.Temperature.Min";
const HIGH_CELL: &str = "Vehicle.Powertrain.TractionBattery.CellVoltage.Max";
const LOW_CELL: &str = "Vehicle.Powertrain.TractionBattery.CellVoltage.Min";
/// What clouds send every so many seconds.
const PERIODS: [i64; 5] = [1, 10, 30, 60, 300];
/// Sound readings before anything happens, s.
const SOUND: i64 = 1_200;

static SET: LazyLock<RuleSet> = LazyLock::new(|| {
    RuleSet::compile(Arc::new(Catalogue::builtin().unwrap()), [0; 32]).unwrap_or_else(|errors| panic!("{errors:?}"))
});

fn no(path: &str) -> SignalNo {
    SET.catalogue.signals.by_path(path).unwrap().no
}

/// A vehicle that sends one sample at a time.
struct Sender {
    trial: Trial,
    bounds: Bounds,
    seq: u64,
    opened: BTreeMap<String, i64>,
    closed: u32,
    unused: BTreeMap<(Reason, Option<SignalNo>), u32>,
}

impl Sender {
    fn new(powertrain: Option<Powertrain>) -> Self {
        let bounds = Bounds::default();
        let trial = Trial::new(example::vehicle(&SET, powertrain).unwrap(), &SET, &bounds);
        Self { trial, bounds, seq: 0, opened: BTreeMap::new(), closed: 0, unused: BTreeMap::new() }
    }

    fn send(&mut self, secs: i64, readings: &[(&str, f64)]) {
        self.say(secs, readings.iter().map(|(path, value)| Reading { signal: no(path), value: *value }).collect());
    }

    fn say(&mut self, secs: i64, readings: Vec<Reading>) {
        self.seq += 1;
        let at = START + Span::from_secs(secs);
        let message = Message {
            sequence: Some(Sequence { stream: 1, seq: self.seq, oldest: Some(1) }),
            received_at: at,
            samples: vec![Sample { measured_at: at, readings, faults: Vec::new() }],
            seen: Vec::new(),
            hash: self.seq,
        };
        let mut effects = Effects::default();
        self.trial.take(What::Message(message), &SET, &self.bounds, &mut effects);
        for (reason, signal) in effects.unused {
            *self.unused.entry((reason, signal)).or_default() += 1;
        }
        for effect in effects.written {
            match effect {
                Effect::Finding(FindingEffect::Open { rule, at, .. }) => {
                    self.opened.entry(rule).or_insert(seconds(at));
                }
                Effect::Finding(FindingEffect::End { .. }) => self.closed += 1,
                _ => {}
            }
        }
    }

    /// The same readings again and again.
    fn go_on(&mut self, from: i64, to: i64, period: i64, readings: &[(&str, f64)]) {
        (from..to).step_by(period as usize).for_each(|secs| self.send(secs, readings));
    }

    fn last(&self, path: &str) -> f64 {
        let slot = SET.catalogue.signals.slot_of_path(path);
        self.trial.vehicle.last(slot).value
    }

    fn disbelieved(&self) -> u32 {
        self.unused.values().sum()
    }
}

fn seconds(at: Time) -> i64 {
    at.since(START).micros() / 1_000_000
}

/// What a rule's examples say of a vehicle where it fires and of one where it does not.
struct Contrast {
    powertrain: Option<Powertrain>,
    sound: BTreeMap<SignalNo, f64>,
    faulty: BTreeMap<SignalNo, f64>,
}

fn contrast(rule: &RuleSource) -> Option<Contrast> {
    let last_of = |expect: Expect| {
        let example = rule.examples.iter().find(|example| example.expect == expect)?;
        let steps = parse(&example.readings, &SET.catalogue.signals).unwrap();
        let plain = steps.iter().all(|step| step.fault.is_none() && step.act.is_none());
        let values = steps.iter().flat_map(|step| &step.readings).map(|reading| (reading.signal, reading.value));
        plain.then(|| (example.powertrain, values.collect::<BTreeMap<_, _>>()))
    };
    let ((powertrain, faulty), (_, mut sound)) = (last_of(Expect::Fires)?, last_of(Expect::Silent)?);
    sound.retain(|signal, _| faulty.contains_key(signal));
    for (signal, value) in &faulty {
        sound.entry(*signal).or_insert(*value);
    }
    let powertrain = powertrain.or_else(|| rule.scope.powertrain.first().copied());
    Some(Contrast { powertrain, sound, faulty })
}

/// Samples that a rule asks for, if it is judged by sample and not by trip or day.
fn samples_asked(rule: &RuleSource) -> Option<i64> {
    match rule.evidence {
        None => Some(1),
        Some(evidence) => (evidence.per == Per::Sample).then_some(evidence.n.into()),
    }
}

/// Seconds from the first moment of a fault until its rule opens a finding, sampled every `period` seconds; `apart`: each
/// signal at a second of its own.
fn delay(rule: &str, contrast: &Contrast, period: i64, onset: i64, apart: bool) -> Option<i64> {
    let mut sender = Sender::new(contrast.powertrain);
    let end = onset + 1_200 + 6 * period;
    for at in (0..end).step_by(period as usize) {
        let reading = |at: i64, signal: &SignalNo| {
            let values = if at >= onset { &contrast.faulty } else { &contrast.sound };
            Reading { signal: *signal, value: values[signal] }
        };
        if apart {
            let share = period / contrast.faulty.len() as i64;
            for (place, signal) in contrast.faulty.keys().enumerate() {
                let at = at + share * place as i64;
                sender.say(at, vec![reading(at, signal)]);
            }
        } else {
            sender.say(at, contrast.faulty.keys().map(|signal| reading(at, signal)).collect());
        }
        if let Some(opened) = sender.opened.get(rule) {
            return Some(*opened - onset);
        }
    }
    None
}

/// The longest period at which a rule can be judged at all.
fn longest_period(rules: &[&Rule]) -> Span {
    let slots = rules.iter().flat_map(|rule| rule.when.slots());
    slots.map(|slot| SET.catalogue.signals.get(*slot).max_gap).min().unwrap_or(Span::from_days(1))
}

#[test]
fn what_stands_is_found_within_three_periods_at_any_sampling() {
    let (mut judged, mut wrong) = (BTreeSet::new(), Vec::new());
    for source in &SET.catalogue.rules {
        let (Some(samples), Some(contrast)) = (samples_asked(source), contrast(source)) else { continue };
        if source.kind != RuleKind::Detection || source.is_by_code() {
            continue;
        }
        let instances: Vec<&Rule> = SET.rules.iter().filter(|rule| rule.source.key == source.key).collect();
        let Some(quickest) = delay(&source.key, &contrast, 1, SOUND, false) else {
            wrong.push(format!("{}: never", source.key));
            continue;
        };
        let asked = source.for_.map_or(0, |span| span.micros() / 1_000_000).max(quickest - 3);
        for period in PERIODS.into_iter().filter(|period| Span::from_secs(*period) <= longest_period(&instances)) {
            for (phase, apart) in [(0, false), (1, false), (period / 2, false), (1, true), (period / 2, true)] {
                let allowed = asked + (samples - 1 + 3) * period;
                let found = delay(&source.key, &contrast, period, SOUND + phase, apart && period > 1);
                judged.insert(source.key.clone());
                if found.is_none_or(|secs| secs > allowed) {
                    wrong.push(format!("{} every {period} s, {phase} s {apart}: {found:?} > {allowed}", source.key));
                }
            }
        }
    }
    println!("{} rules: {judged:?}", judged.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(judged.len() >= 25, "{judged:?}");
}

#[test]
fn braking_to_a_stop_is_believed_at_once_at_any_sampling() {
    for period in PERIODS {
        let mut sender = Sender::new(None);
        sender.go_on(0, 600, period.min(100), &[(SPEED, 80.0), (IGNITION, 4.0)]);
        let stop = 600 + period;
        sender.send(stop.max(603), &[(SPEED, 0.0), (IGNITION, 2.0)]);
        assert_eq!(sender.last(SPEED), 0.0, "every {period} s");
        assert!(sender.disbelieved() <= 1, "every {period} s: {:?}", sender.unused);
    }
}

#[test]
fn every_change_that_a_car_can_make_is_believed_at_any_sampling() {
    for period in PERIODS {
        let mut sender = Sender::new(None);
        // Town, motorway, a jam, an exit: 1.1 g at most, and a coolant that warms by 15 K/min.
        for at in (0..7_200).step_by(period as usize) {
            let phase = (at % 240) as f64;
            let speed: f64 = if phase < 60.0 { 2.1 * phase } else { (126.0 - 38.0 * (phase - 60.0)).max(0.0) };
            let coolant = (15.0 + 0.25 * at as f64).min(92.0);
            sender.send(at, &[(SPEED, speed), (COOLANT, coolant)]);
            if at > 2 * period {
                assert_eq!(sender.last(SPEED), speed, "every {period} s at {at} s");
                assert!((sender.last(COOLANT) - coolant).abs() <= 0.25 * period as f64, "every {period} s at {at} s");
            }
        }
    }
}

#[test]
fn a_jump_that_is_believed_counts_from_its_first_reading() {
    for period in [1, 10, 30, 60] {
        let mut sender = Sender::new(None);
        sender.go_on(0, 1_200, period, &[(COOLANT, 35.0), (SPEED, 50.0)]);
        sender.go_on(1_200, 1_200 + 3 * period, period, &[(COOLANT, 136.0), (SPEED, 50.0)]);
        // Two of two samples, and ten seconds: the second and the third reading have it, and the third is believed.
        assert_eq!(sender.opened.get("engine.overheat_stop"), Some(&(1_200 + 2 * period)), "every {period} s");
        if period >= 10 {
            assert_eq!(sender.opened.get("engine.overheat"), Some(&(1_200 + 2 * period)), "every {period} s");
        }
    }
}

#[test]
fn a_feature_of_two_jumps_counts_from_their_first_reading() {
    let mut sender = Sender::new(Some(Powertrain::Bev));
    sender.go_on(0, 600, 30, &[(HOT_CELL, 28.0), (COLD_CELL, 26.0)]);
    sender.go_on(600, 690, 30, &[(HOT_CELL, 58.0), (COLD_CELL, 26.0)]);
    assert_eq!(sender.opened.get("cells.temperature_spread"), Some(&660));
}

#[test]
fn one_reading_or_two_are_no_witnesses_and_leave_nothing_behind() {
    for (count, period) in [1, 2].into_iter().flat_map(|count| [1, 10, 30, 60].map(|period| (count, period))) {
        let mut sender = Sender::new(None);
        sender.go_on(0, 1_200, period, &[(COOLANT, 88.0), (VOLTS, 14.1)]);
        // Beyond what it can reach even in the time of two readings.
        let far = 87.0 - SET.catalogue.signals.by_path(COOLANT).unwrap().reach(Span::from_secs(2 * period));
        for at in (0..20).map(|round| 1_200 + round * 9 * period) {
            sender.go_on(at, at + count * period, period, &[(COOLANT, far), (VOLTS, 9.0)]);
            sender.go_on(at + count * period, at + 9 * period, period, &[(COOLANT, 88.0), (VOLTS, 14.1)]);
        }
        assert_eq!((sender.last(COOLANT), sender.last(VOLTS)), (88.0, 14.1), "{count} every {period} s");
        assert!(sender.opened.is_empty(), "{count} every {period} s: {:?}", sender.opened);
        assert!(sender.trial.vehicle.suspects.is_empty());
    }
}

#[test]
fn a_false_reading_just_within_reach_does_not_make_the_true_ones_wait() {
    let mut sender = Sender::new(Some(Powertrain::Bev));
    for round in 0..40 {
        let from = round * 600;
        sender.go_on(from, from + 300, 10, &[(HIGH_CELL, 3.70), (LOW_CELL, 3.68)]);
        sender.send(from + 300, &[(HIGH_CELL, 4.29), (LOW_CELL, 3.68)]);
        sender.send(from + 310, &[(HIGH_CELL, 3.60), (LOW_CELL, 3.58)]);
        assert_eq!(sender.last(HIGH_CELL), 3.60);
        sender.go_on(from + 320, from + 600, 10, &[(HIGH_CELL, 3.61), (LOW_CELL, 3.59)]);
    }
    assert!(sender.opened.is_empty(), "{:?}", sender.opened);
}

#[test]
fn the_same_instant_told_again_is_no_second_witness() {
    let mut sender = Sender::new(None);
    sender.go_on(0, 600, 10, &[(COOLANT, 88.0)]);
    for _ in 0..5 {
        sender.send(600, &[(COOLANT, 138.0)]);
        sender.send(600, &[(COOLANT, 137.0)]);
    }
    assert_eq!(sender.last(COOLANT), 88.0);
    assert!(sender.opened.is_empty(), "{:?}", sender.opened);
    assert_eq!(sender.unused.get(&(Reason::SameTimeOtherContent, Some(no(COOLANT)))), Some(&5));
}

#[test]
fn the_last_word_before_silence_is_what_the_next_reading_is_compared_with() {
    let mut sender = Sender::new(None);
    sender.go_on(0, 600, 1, &[(COOLANT, 88.0), (VOLTS, 14.2)]);
    // A jump that was not borne out before it fell silent, and that the next trip bears out.
    sender.send(600, &[(VOLTS, 9.4)]);
    assert_eq!(sender.last(VOLTS), 14.2);
    sender.send(600 + 8 * 3_600, &[(VOLTS, 9.2)]);
    assert_eq!(sender.last(VOLTS), 9.2);
    assert!(sender.trial.vehicle.suspects.is_empty());
}

#[test]
fn a_last_word_that_was_wrong_is_forgotten_with_the_next_reading() {
    for word in [138.0, -38.0] {
        let mut sender = Sender::new(None);
        sender.go_on(0, 600, 10, &[(COOLANT, 88.0), (SPEED, 50.0)]);
        sender.send(610, &[(COOLANT, word), (SPEED, 0.0)]);
        sender.go_on(610 + 3_600, 610 + 3_900, 10, &[(COOLANT, 80.0), (SPEED, 0.0)]);
        assert_eq!(sender.last(COOLANT), 80.0);
        assert!(sender.opened.is_empty(), "{:?}", sender.opened);
    }
}

#[test]
fn a_false_last_word_closes_nothing() {
    let mut sender = Sender::new(None);
    sender.go_on(0, 600, 10, &[(COOLANT, 88.0)]);
    sender.go_on(600, 700, 10, &[(COOLANT, 123.0)]);
    assert!(sender.opened.contains_key("engine.overheat_stop"));
    sender.send(710, &[(COOLANT, 30.0)]);
    sender.send(710 + 3_600, &[(COOLANT, 121.0)]);
    sender.go_on(710 + 3_610, 710 + 4_800, 10, &[(COOLANT, 121.0)]);
    assert_eq!(sender.closed, 0);
}

#[test]
fn a_car_that_is_switched_off_stands_whatever_its_last_speed_was() {
    for period in PERIODS {
        let mut sender = Sender::new(None);
        sender.go_on(0, 1_200, period, &[(SPEED, 80.0), (IGNITION, 4.0), (COOLANT, 88.0)]);
        // Switched off at a speed that was read just before, and nothing more of it; the unit goes on for a while.
        sender.send(1_200, &[(SPEED, 80.0), (IGNITION, 2.0), (COOLANT, 88.0)]);
        assert!(sender.trial.vehicle.segment.parked_for(sender.trial.vehicle.newest).is_some(), "every {period} s");
        sender.go_on(1_201, 1_400, 10, &[(VOLTS, 12.7)]);
        let vehicle = &sender.trial.vehicle;
        assert_eq!(vehicle.segment.trip, 1, "every {period} s");
        assert!(vehicle.segment.parked_for(vehicle.newest).is_some(), "every {period} s");
    }
}

#[test]
fn an_ignition_that_always_says_off_hides_no_trip() {
    let mut sender = Sender::new(None);
    for trip in 0..3 {
        let from = trip * 7_200;
        sender.go_on(from, from + 1_200, 10, &[(SPEED, 60.0), (IGNITION, 2.0)]);
        sender.go_on(from + 1_200, from + 1_300, 10, &[(SPEED, 0.0), (IGNITION, 2.0)]);
    }
    assert_eq!(sender.trial.vehicle.segment.trip, 3);
}
