//! Event time is true: however messages are delivered within the bound, the settled cases are those
//! of the same messages in order.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a fixture that cannot be built is a failed test")]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rules::author::trial::Trial;
use rules::catalogue::Catalogue;
use rules::entry::rule::{Evidence, Mode, OnChange, Per, RuleKind, RuleSource, Scope};
use rules::rule_set::RuleSet;
use rules::stage::effect::{CaseEffect, Effect, Effects};
use rules::stage::recipe::take;
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::unit::{Severity, Span, Text, Time};
use rules::vehicle::{Message, Particulars, Powertrain, Profile, Purpose, Reading, Sample, Sequence, VehicleId, What};

const SPEED: &str = "Vehicle.Speed";
const COOLANT: &str = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature";
const VOLTS: &str = "Vehicle.LowVoltageBattery.CurrentVoltage";
/// 2026-03-02T00:00:00Z, a Monday.
const START: i64 = 1_772_409_600;

static SET: LazyLock<RuleSet> = LazyLock::new(|| {
    let mut catalogue = Catalogue::builtin().unwrap();
    catalogue.rules = vec![
        rule("hot", "engine.cooling", &format!("{COOLANT} > 115"), Severity::S2, |rule| {
            rule.for_ = Some(Span::from_secs(20));
        }),
        rule("boiling", "engine.cooling", &format!("{COOLANT} > 120"), Severity::S1, |rule| {
            rule.evidence = Some(Evidence { n: 2, of: 2, per: Per::Sample });
        }),
        rule("low", "electrics.charging", &format!("{VOLTS} < 12.5"), Severity::S2, |rule| {
            rule.evidence = Some(Evidence { n: 3, of: 5, per: Per::Sample });
            rule.clear = Some(format!("{VOLTS} > 13"));
        }),
        rule("silent", "telematics", "silent(\"1h\")", Severity::S3, |rule| rule.kind = RuleKind::Absence),
        rule("mean", "engine.oil", &format!("avg({COOLANT}, \"1m\") > 110"), Severity::S3, |_| {}),
        rule("swing", "engine.fuel", &format!("max({VOLTS}, \"2m\") - min({VOLTS}, \"2m\") > 1"), Severity::S3, |_| {}),
        rule(
            "climb",
            "engine.ignition",
            &format!("delta({COOLANT}) > 5 || slope({COOLANT}, \"trip\") > 1"),
            Severity::S3,
            |_| {},
        ),
        rule("few", "engine.intake", &format!("count({COOLANT}, \"5m\") < 4"), Severity::S4, |_| {}),
        rule(
            "then",
            "chassis.brakes",
            &format!("then_within({COOLANT} > 115, {VOLTS} < 12.5, \"2m\")"),
            Severity::S3,
            |rule| {
                rule.clear = Some(format!("since({COOLANT} > 115) > 120"));
            },
        ),
        rule(
            "alone",
            "chassis.tyres",
            &format!("not_followed_by({COOLANT} > 115, {COOLANT} < 100, \"3m\")"),
            Severity::S3,
            |rule| {
                rule.kind = RuleKind::Absence;
            },
        ),
    ];
    RuleSet::compile(Arc::new(catalogue), [7; 32]).unwrap_or_else(|errors| panic!("{errors:?}"))
});

fn rule(key: &str, component: &str, when: &str, severity: Severity, shape: impl FnOnce(&mut RuleSource)) -> RuleSource {
    let text = Text { zh_cn: key.to_owned(), en: key.to_owned() };
    let mut rule = RuleSource {
        key: key.to_owned(),
        version: 1,
        component: component.to_owned(),
        title: text.clone(),
        reason: text,
        scope: Scope::default(),
        each: Vec::new(),
        when: when.to_owned(),
        clear: None,
        for_: None,
        clear_for: None,
        evidence: None,
        kind: RuleKind::Detection,
        severity: Some(severity),
        probability: 1.0,
        gate: None,
        operations: Vec::new(),
        parts: Vec::new(),
        labour_h: 0.0,
        template: None,
        on_change: OnChange::default(),
        mode: Mode::Live,
        canary: 0.1,
        purpose: Purpose::Diagnostics,
        refractory: Some(Span::ZERO),
        shows: Vec::new(),
        limit: None,
        says: std::collections::BTreeMap::new(),
        source: "test".to_owned(),
        examples: Vec::new(),
    };
    shape(&mut rule);
    rule
}

fn profile() -> Profile {
    Profile::new(Particulars {
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
    })
}

/// One frame of a drive: seconds since the frame before, coolant, volts.
#[derive(Clone, Debug)]
struct Frame {
    gap: i64,
    coolant: f64,
    volts: f64,
}

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    // Runs of the same regime, so that rules come to hold and to clear.
    let regime = (
        1..12_usize,
        prop_oneof![Just(90.0), Just(117.0), Just(124.0)],
        prop_oneof![Just(14.0), Just(12.2)],
        prop_oneof![8 => Just(10_i64), 1 => Just(50), 1 => Just(70), 1 => Just(150), 1 => Just(5_000)],
    );
    prop::collection::vec(regime, 1..12).prop_map(|regimes| {
        let mut frames = Vec::new();
        for (count, coolant, volts, gap) in regimes {
            for index in 0..count {
                frames.push(Frame { gap: if index == 0 { gap } else { 10 }, coolant, volts });
            }
        }
        frames
    })
}

fn messages(frames: &[Frame], numbered: bool) -> Vec<Message> {
    let signals = &SET.catalogue.signals;
    let no = |path: &str| signals.by_path(path).unwrap().no;
    let mut at = START;
    let mut all = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        at += frame.gap;
        let readings = [(SPEED, 50.0), (COOLANT, frame.coolant), (VOLTS, frame.volts)];
        let sample = Sample {
            measured_at: Time::from_secs(at),
            readings: readings.iter().map(|(path, value)| Reading { signal: no(path), value: *value }).collect(),
            faults: Vec::new(),
        };
        all.push(Message {
            sequence: numbered.then_some(Sequence { stream: 1, seq: index as u64 + 1, oldest: Some(1) }),
            received_at: Time::from_secs(at),
            samples: vec![sample],
            seen: Vec::new(),
            hash: index as u64,
        });
    }
    all
}

/// Opened and ended cases as an advisor would list them, withdrawn ones left out.
type Settled = BTreeSet<(String, String, Time, Option<Time>)>;

/// Delivers messages at their time of reception with timers in between, and a quiet hour at the end.
fn settled(mut deliveries: Vec<Message>, bounds: Bounds) -> (Settled, Vehicle) {
    deliveries.sort_by_key(|message| message.received_at);
    let vehicle = Vehicle::new(VehicleId::try_new("v").unwrap(), profile(), &SET);
    let mut trial = Trial::new(vehicle, &SET, &bounds);
    let mut effects = Effects::default();
    let end = deliveries.last().unwrap().received_at + Span::from_mins(30);
    for message in deliveries {
        trial.take(What::Message(message), &SET, &bounds, &mut effects);
    }
    trial.pass_time(end, &SET, &bounds, &mut effects);
    (cases(&effects.written), trial.vehicle)
}

fn cases(written: &[Effect]) -> Settled {
    let mut cases = std::collections::BTreeMap::new();
    for effect in written {
        match effect {
            Effect::Case(CaseEffect::Open { case, component, rule, opened_at, .. }) => {
                cases.insert(*case, (component.to_string(), rule.clone(), *opened_at, None));
            }
            Effect::Case(CaseEffect::End { case, withdrawn: true, .. }) => {
                cases.remove(case);
            }
            Effect::Case(CaseEffect::End { case, withdrawn: false, at }) => {
                if let Some(known) = cases.get_mut(case) {
                    known.3 = Some(*at);
                }
            }
            _ => {}
        }
    }
    cases.into_values().collect()
}

fn bounds(secs: i64) -> Bounds {
    Bounds {
        lateness: Span::from_secs(secs),
        unsequenced: Span::from_secs(secs),
        waiting_max: 4_096,
        ..Bounds::default()
    }
}

/// Every message up to the bound late, some twice.
fn disturbed(messages: &[Message], delays: &[i64], doubled: &[bool], bound: i64) -> Vec<Message> {
    let mut all = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let delay = delays[index % delays.len()] % bound;
        let late = Message { received_at: message.received_at + Span::from_secs(delay), ..message.clone() };
        if doubled[index % doubled.len()] {
            all.push(Message { received_at: late.received_at + Span::from_secs(7), ..late.clone() });
        }
        all.push(late);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn shuffled_and_doubled_within_the_bound_settles_the_same_cases(
        frames in frames(),
        delays in prop::collection::vec(0..10_000_i64, 1..40),
        doubled in prop::collection::vec(prop::bool::weighted(0.05), 1..40),
        bound in prop_oneof![Just(120_i64), Just(600)],
        numbered in any::<bool>(),
    ) {
        let messages = messages(&frames, numbered);
        let (in_order, _) = settled(messages.clone(), bounds(bound));
        let (shuffled, vehicle) = settled(disturbed(&messages, &delays, &doubled, bound), bounds(bound));
        prop_assert_eq!(in_order, shuffled);
        prop_assert_eq!(vehicle.order.waiting_count(), 0);
        if numbered {
            prop_assert_eq!(vehicle.order.position(), Some((1, messages.len() as u64)));
        }
    }

    #[test]
    fn the_same_day_delivered_twice_changes_nothing(frames in frames(), numbered in any::<bool>()) {
        let messages = messages(&frames, numbered);
        let last = messages.last().unwrap().received_at;
        let (once, _) = settled(messages.clone(), bounds(120));
        let again = messages.iter().enumerate().map(|(index, message)| Message {
            received_at: last + Span::from_secs(130 + index as i64),
            ..message.clone()
        });
        let (twice, _) = settled(messages.iter().cloned().chain(again).collect(), bounds(120));
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn several_samples_in_one_message_settle_like_one_each(frames in frames(), size in 1..8_usize) {
        let single = messages(&frames, true);
        let (one_each, _) = settled(single.clone(), bounds(120));
        let batched = single.chunks(size).enumerate().map(|(index, chunk)| Message {
            sequence: Some(Sequence { stream: 1, seq: index as u64 + 1, oldest: Some(1) }),
            received_at: chunk.last().unwrap().received_at,
            samples: chunk.iter().flat_map(|message| message.samples.clone()).collect(),
            seen: Vec::new(),
            hash: index as u64,
        });
        let (batches, _) = settled(batched.collect(), bounds(120));
        prop_assert_eq!(one_each, batches);
    }

    /// DOMAIN 5.0, "clock skew": after a drive of more than an hour that says what is wrong with the clock.
    #[test]
    fn a_clock_that_is_off_by_up_to_a_day_gives_the_same_cases(
        frames in frames(),
        off in prop_oneof![301..86_100_i64, -86_100..-601_i64],
    ) {
        let sound = std::iter::repeat_n(Frame { gap: 10, coolant: 90.0, volts: 14.0 }, 460);
        let all = messages(&sound.chain(frames).collect::<Vec<_>>(), true);
        let skewed: Vec<Message> = all.iter().cloned().map(|mut message| {
            message.samples.iter_mut().for_each(|sample| sample.measured_at = sample.measured_at + Span::from_secs(off));
            message
        }).collect();
        let learnt = Time::from_secs(START + 4_500);
        let after = |(cases, _): (Settled, Vehicle)| cases.into_iter().filter(|case| case.2 > learnt).collect::<Settled>();
        prop_assert_eq!(after(settled(all, bounds(120))), after(settled(skewed, bounds(120))));
    }

    #[test]
    fn a_snapshot_in_the_middle_changes_nothing(frames in frames(), delays in prop::collection::vec(0..10_000_i64, 1..40)) {
        let mut deliveries = disturbed(&messages(&frames, true), &delays, &[false], 120);
        deliveries.sort_by_key(|message| message.received_at);
        let (mut straight, mut stored) = (Vehicle::new(VehicleId::try_new("v").unwrap(), profile(), &SET), Vec::new());
        let mut thawed = straight.clone();
        for message in deliveries {
            let (mut first, mut second) = (Effects::default(), Effects::default());
            take(&mut straight, What::Message(message.clone()), &SET, &bounds(120), &mut first);
            stored.clear();
            stored = postcard::to_extend(&thawed, std::mem::take(&mut stored)).unwrap();
            thawed = postcard::from_bytes(&stored).unwrap();
            thawed.take_profile(&SET);
            take(&mut thawed, What::Message(message), &SET, &bounds(120), &mut second);
            prop_assert_eq!(first.written, second.written);
        }
        prop_assert_eq!(format!("{straight:?}"), format!("{thawed:?}"));
    }
}

#[test]
fn the_rules_of_these_properties_do_open() {
    let run = |count: usize, coolant: f64, volts: f64, gap: i64| {
        (0..count).map(move |index| Frame { gap: if index == 0 { gap } else { 10 }, coolant, volts })
    };
    let drive = run(20, 90.0, 14.0, 10)
        .chain(run(20, 124.0, 14.0, 10))
        .chain(run(12, 117.0, 12.2, 10))
        .chain(run(3, 117.0, 12.2, 150))
        .chain(run(12, 90.0, 14.0, 5_000));
    let (_, vehicle) = settled(messages(&drive.collect::<Vec<_>>(), true), bounds(120));
    let opened: BTreeSet<String> = vehicle.past.iter().map(|past| past.component.to_string()).collect();
    let ever: BTreeSet<String> =
        opened.into_iter().chain(vehicle.cases.iter().map(|case| case.component.to_string())).collect();
    let meant: BTreeSet<String> =
        SET.rules.iter().filter_map(|rule| rule.component.as_ref()).map(ToString::to_string).collect();
    assert_eq!(ever, meant);
}
