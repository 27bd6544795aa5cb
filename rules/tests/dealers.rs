//! A dealer's own rule runs on its vehicles only, and takes nothing from what holds for all.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its rules fails")]

use std::sync::Arc;

use rules::author::example::START;
use rules::catalogue::Catalogue;
use rules::entry::story::parse;
use rules::rule_set::RuleSet;
use rules::stage::effect::{CaseEffect, Effect, Effects, OrderEffect};
use rules::stage::recipe::take;
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::unit::{Locale, Severity, Span};
use rules::vehicle::{Attributes, Command, Contact, Particulars, Powertrain, Profile, Purpose, VehicleId, What};
use uuid::Uuid;

const DEALER: Uuid = Uuid::from_u128(0x7f3a_0f3e_2c1d_4d0a_9d59_0a4f_6a1f_2b3c);
const FLUID: &str = "Vehicle.Chassis.Axle.Row1.Wheel.Left.Brake.FluidLevel";
const RPM: &str = "Vehicle.Powertrain.CombustionEngine.Speed";

fn rule(key: &str, component: &str, when: &str) -> String {
    format!(
        "[[rule]]\nkey = \"{key}\"\nversion = 1\ncomponent = \"{component}\"\nseverity = \"S3\"\nprobability = 0.01\n\
         title = {{ zh-CN = \"x\", en = \"x\" }}\nreason = {{ zh-CN = \"x\", en = \"x\" }}\nwhen = \"{when}\"\n\
         purpose = \"diagnostics\"\nsource = \"test\"\n"
    )
}

fn set(overlay: &str, dealers: &str) -> RuleSet {
    let laid = Catalogue::builtin().unwrap().overlay(&[("rules/own.toml", overlay)]).unwrap();
    let laid = laid.with_dealer(DEALER, &[("rules/own.toml", dealers)]).unwrap();
    RuleSet::compile(Arc::new(laid), [0; 32]).unwrap()
}

/// What comes of lines of an example, for a vehicle of a dealer.
fn drives(set: &RuleSet, dealer: Uuid, lines: &[String]) -> Vec<Effect> {
    let profile = Profile::new(Particulars {
        model: "compact-ice".to_owned(),
        model_year: 2026,
        powertrain: Powertrain::Ice,
        region: String::new(),
        software: String::new(),
        tier: String::new(),
        dealer,
        owner: Some(Contact { person: Uuid::nil(), locale: Locale::En }),
        consents: [Purpose::Maintenance, Purpose::Diagnostics].into(),
        allowed: None,
        delivered_at: START - Span::from_days(1),
        attributes: Attributes::default(),
    });
    let mut vehicle = Vehicle::new(VehicleId::try_new("car").unwrap(), profile.clone(), set);
    let (bounds, mut effects) = (Bounds::default(), Effects::default());
    let register = Command::Register(Box::new(profile));
    let input = What::Command { command_id: 1, received_at: START, command: register };
    take(&mut vehicle, input, set, &bounds, &mut effects);
    for (index, step) in parse(lines, &set.catalogue.signals).unwrap().into_iter().enumerate() {
        let at = START + step.at;
        take(&mut vehicle, step.message(index, at), set, &bounds, &mut effects);
    }
    effects.written
}

fn opened(effects: &[Effect], key: &str) -> usize {
    let opens = |effect: &&Effect| matches!(effect, Effect::Case(CaseEffect::Open { rule, .. }) if rule == key);
    effects.iter().filter(opens).count()
}

#[test]
fn a_dealers_rule_runs_on_its_own_vehicles_only() {
    let set = set("", &rule("own.fast", "engine.oil", "Vehicle.Speed > 100"));
    let lines = ["0s x4 every 10s Vehicle.Speed=110".to_owned()];
    assert_eq!(opened(&drives(&set, DEALER, &lines), "own.fast"), 1);
    assert_eq!(opened(&drives(&set, Uuid::from_u128(1), &lines), "own.fast"), 0);
}

#[test]
fn what_a_dealer_thinks_of_a_component_does_not_hold_back_a_grave_finding_there() {
    let set = set("", &rule("own.brakes", "chassis.brake_fluid", "Vehicle.Speed >= 0"));
    let lines = [
        format!("0s x3 every 10s Vehicle.Speed=50 {FLUID}=55"),
        format!("30s x4 every 10s Vehicle.Speed=50 {FLUID}=40"),
    ];
    let effects = drives(&set, DEALER, &lines);
    assert_eq!(opened(&effects, "own.brakes"), 1);
    let ordered = effects
        .iter()
        .any(|effect| matches!(effect, Effect::Order(OrderEffect::Propose { severity: Severity::S2, .. })));
    assert!(ordered, "brake fluid below half is worth an order, whatever else stands on the component: {effects:#?}");
}

#[test]
fn after_a_dealers_case_the_rules_for_all_do_not_rest() {
    let set = set(
        &rule("oem.revs", "engine.oil", &format!("{RPM} > 5000")),
        &rule("own.fast", "engine.oil", "Vehicle.Speed > 100"),
    );
    let lines = [
        format!("0s x4 every 10s Vehicle.Speed=110 {RPM}=3000"),
        format!("40s x4 every 10s Vehicle.Speed=60 {RPM}=2000"),
        format!("1h x4 every 10s Vehicle.Speed=60 {RPM}=2000"),
        format!("3640s x4 every 10s Vehicle.Speed=60 {RPM}=5500"),
        format!("3680s x4 every 10s Vehicle.Speed=60 {RPM}=2000"),
        format!("2h x4 every 10s Vehicle.Speed=60 {RPM}=2000"),
        format!("7240s x4 every 10s Vehicle.Speed=60 {RPM}=5500"),
    ];
    let effects = drives(&set, DEALER, &lines);
    assert_eq!(opened(&effects, "own.fast"), 1);
    // Its own case rests as ever: the second time within a month opens none.
    assert_eq!(opened(&effects, "oem.revs"), 1, "{effects:#?}");
}
