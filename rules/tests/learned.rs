//! What was learned: what it decides, what it may not decide, and that nothing a vehicle knows is lost with it.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its rules fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rules::author::explain::explain;
use rules::author::rule_change::compare;
use rules::catalogue::Catalogue;
use rules::entry::rule::{Mode, RuleSource};
use rules::learned::{PRECISION_FILE, PRIOR_PRECISION, PrecisionTable, Tally, learn};
use rules::rule_set::RuleSet;
use rules::stage::effect::{Effect, Effects, FindingEffect, NoticeEffect, ReviewEffect};
use rules::stage::recipe::take;
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::unit::{Span, Time};
use rules::vehicle::{Message, Particulars, Powertrain, Profile, Purpose, Reading, Sample, Sequence, VehicleId, What};

const START: i64 = 1_772_409_600;
const COOLANT: &str = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature";

/// What follows for a set from verdicts.
fn learn_of(set: &RuleSet, tallies: &BTreeMap<(String, u32), Tally>, day: &str) -> PrecisionTable {
    learn(&set.catalogue.rules, &set.catalogue.learned.precision, tallies, day)
}

fn rule(key: &str, version: u32, severity: &str, component: &str, more: &str) -> String {
    format!(
        r#"[[rule]]
key = "{key}"
version = {version}
component = "{component}"
title = {{ zh-CN = "水温", en = "Warm" }}
reason = {{ zh-CN = "水温", en = "Warm" }}
when = "{COOLANT} > 100"
severity = "{severity}"
probability = 0.9
purpose = "diagnostics"
source = "test"
{more}
"#
    )
}

fn catalogue(rules: &str) -> Catalogue {
    Catalogue::builtin().unwrap().overlay(&[("rules/own.toml", rules)]).unwrap()
}

fn set(catalogue: Catalogue) -> RuleSet {
    RuleSet::compile(Arc::new(catalogue), [0; 32]).unwrap()
}

fn two() -> String {
    rule("own.mild", 3, "S3", "engine.oil", "") + &rule("own.grave", 1, "S2", "engine.cooling", "")
}

fn bad(rules: &[(&str, u32)]) -> BTreeMap<(String, u32), Tally> {
    rules
        .iter()
        .map(|(key, version)| (((*key).to_owned(), *version), Tally { confirmed: 1.0, refuted: 12.0 }))
        .collect()
}

/// The set after its rules were judged badly.
fn judged(set: &RuleSet, rules: &[(&str, u32)]) -> RuleSet {
    let table = learn_of(set, &bad(rules), "2026-03-02");
    self::set(set.catalogue.with_learned(&[(PRECISION_FILE, table.to_toml())]).unwrap())
}

fn vehicle(set: &RuleSet) -> Vehicle {
    let profile = Profile::new(Particulars {
        model: "compact-ice".to_owned(),
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
    Vehicle::new(VehicleId::try_new("v").unwrap(), profile, set)
}

fn say(vehicle: &mut Vehicle, set: &RuleSet, seq: u64, coolant: f64) -> Vec<Effect> {
    let signal = set.catalogue.signals.by_path(COOLANT).unwrap().no;
    let at = Time::from_secs(START) + Span::from_secs(10 * seq as i64);
    let sample = Sample { measured_at: at, readings: vec![Reading { signal, value: coolant }], faults: Vec::new() };
    let sequence = Some(Sequence { stream: 1, seq, oldest: Some(1) });
    let message = Message { sequence, received_at: at, samples: vec![sample], seen: Vec::new(), hash: seq };
    let mut effects = Effects::default();
    take(vehicle, What::Message(message), set, &Bounds::default(), &mut effects);
    effects.written
}

fn modes(vehicle: &Vehicle) -> BTreeMap<String, Mode> {
    vehicle.cases.iter().map(|case| (case.component.to_string(), case.mode)).collect()
}

fn mode_of(set: &RuleSet, key: &str) -> Mode {
    set.find(key, "").unwrap().source.mode
}

#[test]
fn a_mild_rule_demotes_itself_and_a_grave_one_stays() {
    let live = set(catalogue(&two()));
    let table = learn_of(&live, &bad(&[("own.mild", 3), ("own.grave", 1)]), "2026-03-02");
    assert!(live.catalogue.learned.precision.decides_otherwise(&table, &live.catalogue.rules));
    let judged = judged(&live, &[("own.mild", 3), ("own.grave", 1)]);
    assert_eq!((mode_of(&judged, "own.mild"), mode_of(&judged, "own.grave")), (Mode::Shadow, Mode::Live));
    // What its author wrote stays as it is written.
    let written = judged.catalogue.rules.iter().find(|rule| rule.key == "own.mild").unwrap();
    assert_eq!(written.mode, Mode::Live);
    assert!((judged.find("own.grave", "").unwrap().precision - 8.0 / 23.0).abs() < 1e-3);
    assert_eq!(judged.find("own.mild", "").unwrap().demotion().unwrap().on, "2026-03-02");

    let changes = compare(&live, &judged, false).unwrap();
    let said: Vec<&str> = changes.iter().filter_map(|change| change.learned.as_deref()).collect();
    assert_eq!(
        said,
        ["precision 0.70 -> 0.35 (lower bound 0.21)", "precision 0.70 -> 0.35 (lower bound 0.21), demoted to shadow"]
    );
    assert!(changes.iter().all(|change| !change.needs_approval && change.from == change.to));
}

#[test]
fn it_comes_back_only_by_a_new_version() {
    let demoted = judged(&set(catalogue(&two())), &[("own.mild", 3)]);
    let praised = BTreeMap::from([(("own.mild".to_owned(), 3), Tally { confirmed: 90.0, refuted: 1.0 })]);
    let table = learn_of(&demoted, &praised, "2026-09-02");
    assert_eq!(table.of("own.mild", 3).unwrap().demoted.as_ref().unwrap().on, "2026-03-02");
    // Even when its verdicts have faded.
    assert!(learn_of(&demoted, &BTreeMap::new(), "2036-03-02").of("own.mild", 3).unwrap().demoted.is_some());
    let next = catalogue(&two().replace("version = 3", "version = 4"));
    let next = set(next.with_learned(&demoted.catalogue.learned_files()).unwrap());
    assert_eq!(mode_of(&next, "own.mild"), Mode::Live);
    assert_eq!(next.find("own.mild", "").unwrap().precision, PRIOR_PRECISION);
}

#[test]
fn a_table_that_would_demote_what_may_not_be_is_refused_with_its_place() {
    let mild = judged(&set(catalogue(&two())), &[("own.mild", 3)]);
    let by_code = Catalogue::builtin().unwrap().rules.into_iter().find(RuleSource::is_by_code).unwrap();
    let cases = [
        (rule("own.mild", 3, "S2", "engine.oil", ""), "own.mild".to_owned()),
        (rule("own.mild", 3, "S3", "engine.oil", "kind = \"recall\""), "own.mild".to_owned()),
        (rule("own.mild", 3, "S4", "engine.oil", "kind = \"warranty_ending\""), "own.mild".to_owned()),
    ];
    for (rules, key) in cases {
        let error = catalogue(&rules).with_learned(&mild.catalogue.learned_files()).unwrap_err().to_string();
        assert!(error.contains("learned/precision.toml:3") && error.contains(&key), "{error}");
        assert!(error.contains("may not be demoted") && error.contains("recalls"), "{error}");
    }
    let text = mild.catalogue.learned_files()[0].1.replace("own.mild", &by_code.key);
    let text = text.replace("version = 3", &format!("version = {}", by_code.version));
    assert!(Catalogue::builtin().unwrap().with_learned(&[(PRECISION_FILE, text)]).is_err());
}

#[test]
fn a_directory_cannot_bring_tables_and_keeps_those_in_force() {
    let demoted = judged(&set(catalogue(&two())), &[("own.mild", 3)]).catalogue;
    let table = &demoted.learned_files()[0].1;
    let error = Catalogue::builtin().unwrap().overlay(&[(PRECISION_FILE, table.as_str())]).unwrap_err().to_string();
    assert!(error.contains("overlay/learned/precision.toml:1: what was learned is the engine's own"), "{error}");
    let again = catalogue(&two()).with_learned(&demoted.learned_files()).unwrap();
    assert_eq!(again.files(), demoted.files());
    let broken = table.replace("lower = 0.2", "lower = 2");
    let error = catalogue(&two()).with_learned(&[(PRECISION_FILE, broken)]).unwrap_err().to_string();
    assert!(error.contains("a precision is 0 to 1"), "{error}");
}

#[test]
fn a_demotion_withdraws_open_cases_and_what_still_holds_is_a_shadow() {
    let live = set(catalogue(&two()));
    let demoted = judged(&live, &[("own.mild", 3), ("own.grave", 1)]);
    let mut vehicle = vehicle(&live);
    for seq in 1..=3 {
        say(&mut vehicle, &live, seq, 105.0);
    }
    let before = BTreeMap::from([("engine.cooling".to_owned(), Mode::Live), ("engine.oil".to_owned(), Mode::Live)]);
    assert_eq!(modes(&vehicle), before);
    let (last, windows) = (vehicle.last.clone(), vehicle.windows.clone());

    let mut effects = Effects::default();
    vehicle.carry(&live, &demoted, &mut effects);
    assert_eq!((&vehicle.last, &vehicle.windows), (&last, &windows), "another table forgets nothing");
    let ended: Vec<&str> = effects
        .written
        .iter()
        .filter_map(|effect| match effect {
            Effect::Finding(FindingEffect::End { withdrawn: true, because, .. }) => Some(because.en.as_str()),
            _ => None,
        })
        .collect();
    assert!(ended.len() == 1 && ended[0].starts_with("its rule is demoted to shadow on 2026-03-02"), "{ended:?}");

    let written = say(&mut vehicle, &demoted, 4, 105.0);
    assert!(
        !written.iter().any(|effect| matches!(
            effect,
            Effect::Notice(NoticeEffect::Enqueue(_)) | Effect::Review(ReviewEffect::Queue { .. })
        )),
        "{written:?}"
    );
    let after = BTreeMap::from([("engine.cooling".to_owned(), Mode::Live), ("engine.oil".to_owned(), Mode::Shadow)]);
    assert_eq!(modes(&vehicle), after);

    let source = demoted.catalogue.rules.iter().find(|rule| rule.key == "own.mild").unwrap();
    let gates = explain(&vehicle, source, &demoted).instances[0].gates.clone();
    let gate = |name: &str| gates.iter().find(|gate| gate.name == name).unwrap();
    assert!(!gate("mode").passed && gate("mode").because.contains("its gate is 0.40"), "{gates:?}");
    assert!(gate("precision").because.contains("verdicts weigh 1 for it and 12 against it"), "{gates:?}");

    // A new version is live again, and so is what still holds.
    let next = catalogue(&two().replace("version = 3", "version = 4"));
    let next = set(next.with_learned(&demoted.catalogue.learned_files()).unwrap());
    vehicle.carry(&demoted, &next, &mut Effects::default());
    say(&mut vehicle, &next, 5, 105.0);
    assert_eq!(modes(&vehicle), before);
}

#[test]
fn the_precision_of_the_version_gives_the_confidence() {
    let prior = set(catalogue(&two()));
    let judged = judged(&prior, &[("own.grave", 1)]);
    for (set, precision) in [(&prior, 0.7), (&judged, 0.348)] {
        let mut vehicle = vehicle(set);
        for seq in 1..=3 {
            say(&mut vehicle, set, seq, 105.0);
        }
        let case = vehicle.cases.iter().find(|case| case.component.as_str() == "engine.cooling").unwrap();
        assert!((f64::from(case.confidence) - 0.9 * precision).abs() < 1e-6, "{}", case.confidence);
    }
}
