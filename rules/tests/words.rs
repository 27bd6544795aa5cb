//! Texts of an overlay are held to what is measured, and those that were in force once are replayed as they were.

use std::sync::Arc;

use rules::author::example::play;
use rules::author::explain::explain;
use rules::catalogue::Catalogue;
use rules::entry::rule::Expect;
use rules::rule_set::RuleSet;

/// A rule of one's own on coolant, whose letter is that of a weak battery.
const RULE: &str = r#"
[[rule]]
key = "own.hot"
version = 1
component = "engine.cooling"
title = { zh-CN = "水温高", en = "Coolant hot" }
reason = { zh-CN = "水温{value}V", en = "coolant at {value} V" }
when = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature > 115"
severity = "S2"
template = "battery_12v_weak"
purpose = "diagnostics"
source = "test"
"#;

#[test]
fn a_text_that_lies_is_refused_with_its_place_and_replayed_if_it_was_in_force() {
    let error = Catalogue::builtin().unwrap().overlay(&[("rules/own.toml", RULE)]).unwrap_err().to_string();
    for said in
        ["overlay/rules/own.toml:7: rule `own.hot`: reason", "overlay/rules/own.toml:10: rule `own.hot`: template"]
    {
        assert!(error.contains(said), "{said} in {error}");
    }
    let mut files = Catalogue::builtin().unwrap().files().to_vec();
    files.push(("overlay/rules/own.toml".to_owned(), RULE.to_owned()));
    let stored = Catalogue::load_stored(&files).unwrap();
    assert!(stored.rules.iter().any(|rule| rule.key == "own.hot"));
    // Learned tables are laid over it as it stands; before it takes effect again it is checked.
    let learned = stored.with_learned::<&str, &str>(&[]).unwrap();
    assert!(learned.checked().is_err());
}

#[test]
fn a_template_of_another_quantity_is_refused_for_every_rule_that_names_it() {
    let own = |body: &str| {
        format!(
            "[[template]]\nkey = \"brake_fluid\"\nversion = 3\ntitle = \"制动液 brakes\"\nbody = \"{body}\"\nin_car = \"制动 brakes\"\nvariables = [\"v\"]\nsource = \"test\"\n"
        )
    };
    let laid = |zh: &str, en: &str| {
        let english = own(en).replace("制动液 ", "").replace("制动 ", "");
        let files = [("templates/zh-CN/own.toml", own(zh)), ("templates/en/own.toml", english)];
        Catalogue::builtin().unwrap().overlay(&files)
    };
    laid("液位{v}%", "level {v} %").unwrap();
    laid("液位{v}％", "level {v} percent").unwrap();
    for (zh, en) in [("液位{v}%", "level {v} V"), ("液位{v}kPa", "level {v} %"), ("液位{v}", "level {v} %")] {
        let error = laid(zh, en).unwrap_err().to_string();
        assert!(error.contains("rule `brake_fluid.low`: template: `brake_fluid` in "), "{error}");
    }
}

#[test]
fn an_explanation_shows_no_date_of_failure() {
    let set = RuleSet::compile(Arc::new(Catalogue::builtin().unwrap()), [0; 32]).unwrap();
    for (key, path) in [
        ("insulation.falling", "Feature.Powertrain.TractionBattery.InsulationDaysLeft"),
        ("brake_pads.front_due", "Feature.Chassis.Axle.Row1.Wheel.Left.Brake.DistanceLeft"),
        ("tyre.leak_soon", "Feature.Chassis.Axle.Row2.Wheel.Right.Tire.DaysLeft"),
    ] {
        let source = set.catalogue.rules.iter().find(|rule| rule.key == key).unwrap();
        let example = source.examples.iter().find(|example| example.expect == Expect::Fires).unwrap();
        let (vehicle, _) = play(&set, source, example).unwrap();
        let explained = explain(&vehicle, source, &set);
        let parts: Vec<_> = explained.instances.iter().flat_map(|instance| &instance.parts).collect();
        let dates: Vec<_> = parts.iter().filter(|part| part.text == path && part.value != "unknown").collect();
        assert!(!dates.is_empty(), "{key}: {parts:#?}");
        assert!(dates.iter().all(|part| part.value.starts_with("not shown")), "{key}: {dates:#?}");
        // What the condition came to is shown all the same.
        assert!(parts.iter().any(|part| part.value == "true"), "{key}");
    }
}
