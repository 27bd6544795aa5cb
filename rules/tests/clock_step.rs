//! A step of our own clock, taken over by `ClockCorrected`, changes no case, no order and no notice: what follows is
//! what would have followed without it, moved by the step. Vehicles whose own clocks are right, and those that are set
//! with ours; in order, shuffled and with messages that wait; both directions, minutes to days; there and back.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a fixture that cannot be built is a failed test")]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rules::author::trial::Trial;
use rules::catalogue::Catalogue;
use rules::rule_set::RuleSet;
use rules::stage::effect::{Effect, Effects};
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::unit::{Span, Time};
use rules::vehicle::{
    Command, Message, Particulars, Powertrain, Profile, Purpose, Reading, Sample, Sequence, VehicleId, What,
};
use serde_json::Value;

const SPEED: &str = "Vehicle.Speed";
const COOLANT: &str = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature";
const VOLTS: &str = "Vehicle.LowVoltageBattery.CurrentVoltage";
/// 2026-03-02T00:00:00Z, a Monday.
const START: i64 = 1_772_409_600;

/// Rules without windows, whose buckets do not move by microseconds: key, component, the rest.
const RULES: &[(&str, &str, &str)] = &[
    ("hot", "engine.cooling", "when = 'COOLANT > 115'\nfor = '20s'\nseverity = 'S2'"),
    (
        "boiling",
        "engine.cooling",
        "when = 'COOLANT > 120'\nevidence = { n = 2, of = 2, per = 'sample' }\nseverity = 'S1'",
    ),
    (
        "low",
        "electrics.charging",
        "when = 'VOLTS < 12.5'\nclear = 'VOLTS > 13'\nevidence = { n = 3, of = 5, per = 'sample' }\nseverity = 'S2'",
    ),
    ("silent", "telematics", "when = 'silent(\"1h\")'\nkind = 'absence'\nseverity = 'S3'"),
    (
        "then",
        "chassis.brakes",
        "when = 'then_within(COOLANT > 115, VOLTS < 12.5, \"2m\")'\nclear = 'since(COOLANT > 115) > 120'\nseverity = 'S3'",
    ),
];

static SET: LazyLock<RuleSet> = LazyLock::new(|| {
    let rules: String = RULES
        .iter()
        .map(|(key, component, rest)| {
            format!(
                "[[rule]]\nkey = 'test.{key}'\nversion = 1\ncomponent = '{component}'\ntitle = {{ zh-CN = '试', en = 'x' }}\n\
                 reason = {{ zh-CN = '试', en = 'x' }}\npurpose = 'diagnostics'\nsource = 'test'\nrefractory = '0s'\n{rest}\n\n"
            )
        })
        .collect();
    let rules = rules.replace("COOLANT", COOLANT).replace("VOLTS", VOLTS);
    let catalogue = Catalogue::builtin().unwrap().with_rules_of(&[("test.toml", rules)]);
    let catalogue = catalogue.unwrap_or_else(|errors| panic!("{errors}"));
    RuleSet::compile(Arc::new(catalogue), [7; 32]).unwrap_or_else(|errors| panic!("{errors:?}"))
});

fn vehicle() -> Vehicle {
    let profile = Profile::new(Particulars {
        model: "unknown".to_owned(),
        model_year: 2024,
        powertrain: Powertrain::Ice,
        region: String::new(),
        software: String::new(),
        tier: String::new(),
        dealer: uuid::Uuid::nil(),
        owner: None,
        consents: BTreeSet::from([Purpose::Diagnostics, Purpose::Maintenance]),
        allowed: None,
        delivered_at: Time::from_secs(START),
        attributes: rules::vehicle::Attributes::default(),
    });
    Vehicle::new(VehicleId::try_new("v").unwrap(), profile, &SET)
}

/// Readings of one instant: seconds since the one before, coolant, volts, and how late they come.
#[derive(Clone, Debug)]
struct Frame {
    gap: i64,
    coolant: f64,
    volts: f64,
    late: i64,
}

fn frames(lateness: i64) -> impl Strategy<Value = Vec<Frame>> {
    let regime = (
        1..12_usize,
        prop_oneof![Just(90.0), Just(117.0), Just(124.0)],
        prop_oneof![Just(14.0), Just(12.2)],
        prop_oneof![8 => Just(10_i64), 1 => Just(50), 1 => Just(150), 1 => Just(5_000)],
        prop::collection::vec(0..=lateness, 12),
    );
    prop::collection::vec(regime, 1..12).prop_map(|regimes| {
        let mut frames = vec![Frame { gap: 0, coolant: 90.0, volts: 14.0, late: 0 }];
        for (count, coolant, volts, gap, late) in regimes {
            frames.extend((0..count).map(|index| Frame {
                gap: if index == 0 { gap } else { 10 },
                coolant,
                volts,
                late: late[index],
            }));
        }
        frames
    })
}

/// Messages in the order in which they arrive.
fn deliveries(frames: &[Frame], numbered: bool) -> Vec<Message> {
    let no = |path: &str| SET.catalogue.signals.by_path(path).unwrap().no;
    let (mut at, mut all) = (START, Vec::new());
    for (index, frame) in (0..).zip(frames) {
        at += frame.gap;
        let readings = [(SPEED, 50.0), (COOLANT, frame.coolant), (VOLTS, frame.volts)];
        all.push(Message {
            sequence: numbered.then_some(Sequence { stream: 1, seq: index + 1, oldest: Some(1) }),
            received_at: Time::from_secs(at + frame.late),
            samples: vec![Sample {
                measured_at: Time::from_secs(at),
                readings: readings.iter().map(|(path, value)| Reading { signal: no(path), value: *value }).collect(),
                faults: Vec::new(),
            }],
            seen: Vec::new(),
            hash: index,
        });
    }
    all.sort_by_key(|message| message.received_at);
    all
}

/// Whether a vehicle's clock is set when ours is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Theirs {
    Stays,
    Follows,
}

/// Steps of our clock: before which delivery, and by how much.
type Steps = Vec<(usize, Span)>;

/// Runs the deliveries under a clock with steps. Gives what was decided, in the time without them, and the vehicle.
fn run(deliveries: &[Message], steps: &Steps, theirs: Theirs) -> (Vec<Value>, Vehicle) {
    let bounds = Bounds { waiting_max: 4_096, ..Bounds::default() };
    let mut trial = Trial::new(vehicle(), &SET, &bounds);
    let (mut off, mut decided) = (Span::ZERO, Vec::new());
    let mut note =
        |effects: &mut Effects, off: Span| decided.extend(effects.written.drain(..).map(|one| told(&one, off)));
    let mut effects = Effects::default();
    for (index, message) in deliveries.iter().enumerate() {
        // A wait that is over by then ends before the step, as in a lane.
        trial.pass_time(message.received_at + off, &SET, &bounds, &mut effects);
        note(&mut effects, off);
        for (_, by) in steps.iter().filter(|(before, _)| *before == index) {
            off = off + *by;
            let command = Command::ClockCorrected { by: *by, total: off };
            let what = What::Command { command_id: 0, received_at: message.received_at + off, command };
            trial.take(what, &SET, &bounds, &mut effects);
            assert!(effects.written.is_empty(), "a step decides nothing");
        }
        let mut message = Message { received_at: message.received_at + off, ..message.clone() };
        if theirs == Theirs::Follows {
            message.samples.iter_mut().for_each(|sample| sample.measured_at = sample.measured_at + off);
        }
        trial.take(What::Message(message), &SET, &bounds, &mut effects);
        note(&mut effects, off);
    }
    let end = trial.vehicle.received + Span::from_hours(3);
    trial.pass_time(end, &SET, &bounds, &mut effects);
    note(&mut effects, off);
    (decided, trial.vehicle)
}

/// An effect with its times moved back by `off`; texts with dates and the mark of a corrected clock left out.
fn told(effect: &Effect, off: Span) -> Value {
    fn moved(value: &mut Value, off: Span) {
        match value {
            Value::Number(number) => {
                if let Some(micros) = number.as_i64().filter(|micros| micros.abs() > 1_000_000_000_000_000) {
                    *value = Value::from(micros - off.micros());
                }
            }
            Value::Array(all) => all.iter_mut().for_each(|one| moved(one, off)),
            Value::Object(all) => {
                for key in ["clock", "clock_shift_s", "variables", "because"] {
                    all.remove(key);
                }
                all.values_mut().for_each(|one| moved(one, off));
            }
            _ => {}
        }
    }
    let mut value = serde_json::to_value(effect).unwrap();
    moved(&mut value, off);
    value
}

fn same(without: &[Value], with: &[Value]) -> Result<(), TestCaseError> {
    for (one, other) in without.iter().zip(with) {
        prop_assert_eq!(one, other);
    }
    prop_assert_eq!(without.len(), with.len(), "{:?}", with.get(without.len()..));
    Ok(())
}

fn by() -> impl Strategy<Value = Span> {
    let sizes = prop_oneof![660..90_000_i64, Just(3_600), Just(172_800), 90_000..4_000_000_i64];
    (sizes, any::<bool>(), 0..1_000_000_i64).prop_map(|(seconds, ahead, micros)| {
        let by = seconds * 1_000_000 + micros;
        Span::from_micros(if ahead { by } else { -by })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_step_changes_nothing_for_vehicles_whose_clocks_are_right(
        frames in frames(100),
        numbered in any::<bool>(),
        steps in prop::collection::vec((1..100_usize, by()), 1..4),
    ) {
        // Where steps nearly cancel out, vehicles are believed as they are: that much their clocks may be off.
        let mut off = Span::ZERO;
        let mut in_order = steps.clone();
        in_order.sort_by_key(|(before, _)| *before);
        let clear = in_order.iter().all(|(_, by)| {
            off = off + *by;
            off.abs() > Span::from_mins(11)
        });
        prop_assume!(clear);
        let deliveries = deliveries(&frames, numbered);
        let (without, _) = run(&deliveries, &Steps::new(), Theirs::Stays);
        let (with, _) = run(&deliveries, &in_order, Theirs::Stays);
        same(&without, &with)?;
    }

    #[test]
    fn a_step_changes_nothing_for_vehicles_that_are_set_with_us(
        frames in frames(0),
        before in 1..100_usize,
        by in by(),
    ) {
        let deliveries = deliveries(&frames, true);
        let (without, _) = run(&deliveries, &Steps::new(), Theirs::Follows);
        let (with, _) = run(&deliveries, &vec![(before, by)], Theirs::Follows);
        same(&without, &with)?;
    }

    /// There and back: what is left is the state of a vehicle that never saw a step.
    #[test]
    fn a_step_that_is_taken_back_leaves_nothing_behind(
        frames in frames(100),
        numbered in any::<bool>(),
        by in by(),
        places in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let deliveries = deliveries(&frames, numbered);
        let there = 1 + places.0.index(deliveries.len() - 1);
        let back = there + places.1.index(deliveries.len() - there);
        let steps = vec![(there, by), (back, Span::ZERO - by)];
        let (without, untouched) = run(&deliveries, &Steps::new(), Theirs::Stays);
        let (with, vehicle) = run(&deliveries, &steps, Theirs::Stays);
        same(&without, &with)?;
        prop_assert_eq!(format!("{vehicle:?}"), format!("{untouched:?}"));
    }
}

/// A vehicle that is offline while our clock is wrong, and brings its backlog afterwards.
#[test]
fn a_backlog_from_before_a_step_keeps_its_order() {
    let frame = |gap, coolant| Frame { gap, coolant, volts: 14.0, late: 0 };
    let frames: Vec<Frame> = (0..200).map(|index| frame(10, if index < 100 { 90.0 } else { 117.0 })).collect();
    let mut deliveries = deliveries(&frames, true);
    let last = deliveries.last().unwrap().received_at + Span::from_hours(5);
    for message in &mut deliveries[50..] {
        message.received_at = last;
    }
    let (without, _) = run(&deliveries, &Steps::new(), Theirs::Stays);
    assert!(without.iter().any(|effect| effect.pointer("/Case/Open").is_some()), "{without:?}");
    for by in [Span::from_days(2), Span::from_days(-2), Span::from_hours(1), Span::from_hours(-1)] {
        assert_eq!(run(&deliveries, &vec![(50, by)], Theirs::Stays).0, without, "{by}");
    }
}

/// An engine that began with a clock that was days ahead: its vehicles, which are right, seemed to have a backlog.
#[test]
fn a_wrong_clock_from_the_start_heals_with_its_correction() {
    let frame = |coolant| Frame { gap: 10, coolant, volts: 14.0, late: 0 };
    let frames: Vec<Frame> = (0..100).map(|index| frame(if index < 50 { 90.0 } else { 124.0 })).collect();
    let warned_at = |decided: &[Value]| {
        let notices = decided.iter().filter_map(|effect| effect.pointer("/Notice/Enqueue"));
        let warned =
            notices.filter(|notice| notice["stage"] == "StopNow").find_map(|notice| notice["created_at"].as_i64());
        Time::from_micros(warned.unwrap_or_else(|| panic!("no stop-now in {decided:?}")))
    };
    let deliveries = deliveries(&frames, true);
    let right = warned_at(&run(&deliveries, &Steps::new(), Theirs::Stays).0);
    let ahead = Span::from_days(2);
    let wrong = |message: Message| Message { received_at: message.received_at + ahead, ..message };
    let deliveries: Vec<Message> = deliveries.into_iter().map(wrong).collect();
    let (decided, vehicle) = run(&deliveries, &vec![(40, Span::ZERO - ahead)], Theirs::Stays);
    // Times are told without the step.
    assert_eq!(warned_at(&decided), right + ahead);
    assert_eq!(vehicle.backfill_until, None);
}
