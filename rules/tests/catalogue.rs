//! The shipped catalogue as a whole: it runs, its rules do what their examples say, and a broken
//! one names everything that is wrong with it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rules::author::example;
use rules::catalogue::{Catalogue, OVERLAY};
use rules::entry::phrase::{Said, Values};
use rules::entry::rule::{Expect, Mode};
use rules::rule_set::RuleSet;
use rules::unit::{Locale, Severity};
use rules::vehicle::Component;

fn shipped() -> Catalogue {
    Catalogue::builtin().map_err(|error| error.to_string()).expect("the shipped catalogue loads")
}

fn set() -> RuleSet {
    RuleSet::compile(Arc::new(shipped()), [0; 32]).expect("the shipped rules compile")
}

#[test]
fn every_file_of_the_folder_is_shipped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let mut folders = vec![root.clone()];
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    let listed: BTreeSet<String> = shipped().files().iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(found, listed);
}

#[test]
fn every_rule_does_what_its_examples_say() {
    let set = set();
    let mut wrong = Vec::new();
    for rule in &set.catalogue.rules {
        for example in &rule.examples {
            match example::run(&set, rule, example) {
                Ok(became) if became == example.expect => {}
                became => wrong.push(format!("{}: {}: {became:?}, not {:?}", rule.key, example.name, example.expect)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_an_example_that_fires_one_that_is_silent_and_one_that_clears() {
    let rules = shipped().rules;
    assert!(rules.len() >= 60, "{} rules", rules.len());
    for rule in &rules {
        for expect in [Expect::Fires, Expect::Silent, Expect::Clears] {
            assert!(rule.examples.iter().any(|example| example.expect == expect), "{}: none {expect:?}", rule.key);
        }
    }
}

#[test]
fn covers_every_subject() {
    let rules = shipped().rules;
    assert!(rules.iter().filter(|rule| rule.mode == Mode::Live).count() >= 24, "{} live rules", rules.len());
    for key in [
        "service.due",
        "fault_code.stop_now",
        "fault_code.soon",
        "fault_code.next_service",
        "fault_code.storm",
        "battery12v.rest_low",
        "charging.low",
        "charging.failed",
        "engine.overheat",
        "engine.overheat_stop",
        "engine.oil_pressure",
        "tyre.fast_leak",
        "tyre.low",
        "brake_fluid.stop",
        "cells.hot",
        "insulation.stop",
        "insulation.low",
        "telematics.silent",
    ] {
        assert!(rules.iter().any(|rule| rule.key == key), "{key}");
    }
}

#[test]
fn urgent_rules_have_words_for_the_owner() {
    for rule in &shipped().rules {
        let urgent = rule.severity.is_none_or(|severity| severity <= Severity::S2);
        assert!(!urgent || rule.template.is_some(), "{} is urgent and tells nobody", rule.key);
    }
}

#[test]
fn every_item_of_every_plan_has_its_rule() {
    let catalogue = shipped();
    let due = catalogue.rules.iter().find(|rule| rule.key == "service.due").unwrap();
    assert_eq!(due.each, catalogue.item_codes());
}

#[test]
fn a_service_component_leads_to_the_work_of_the_plan() {
    let catalogue = shipped();
    let item = |model, component| catalogue.service_item(model, &Component::new(component));
    let oil = item("compact-ice", "service.oil").unwrap();
    assert_eq!((&*oil.operations[0], &*oil.parts[0]), ("service_oil", "engine_oil"));
    assert!(item("compact-bev", "service.oil").is_none(), "an electric car has no oil service");
    assert!(item("compact-ice", "engine.oil").is_none());
}

#[test]
fn loads_the_same_from_its_own_files() {
    let catalogue = shipped();
    let again = Catalogue::load(catalogue.files()).unwrap();
    assert_eq!(again.files(), catalogue.files());
    assert_eq!(again.rules, catalogue.rules);
    assert_eq!(again.item_codes(), catalogue.item_codes());
}

#[test]
fn an_overlay_replaces_single_entries() {
    let over = [
        ("operations.toml", OPERATION),
        (
            "signals.toml",
            "[[signal]]\nno = 10000\npath = \"Vehicle.Own.Hoist\"\ntitle = { zh-CN = \"举升\", en = \"hoist\" }\nkind = \"flag\"\nmax_gap = \"1h\"\ncustom = true\nsource = \"test\"\n",
        ),
    ];
    let base = shipped();
    let laid = base.overlay(&over).unwrap();
    assert_eq!(laid.operation("test_battery_12v").unwrap().labour_h, 0.9);
    assert_eq!(laid.operations.len(), base.operations.len());
    assert!(laid.signals.by_path("Vehicle.Own.Hoist").is_some());
    assert!(laid.files().iter().any(|(path, _)| path.starts_with(OVERLAY)));
    let stored = Catalogue::load(laid.files()).unwrap();
    assert_eq!(stored.files(), laid.files());
    let again = laid.overlay(&[("operations.toml", OPERATION)]).unwrap();
    assert_eq!(again.files(), laid.files(), "laying the same file twice changes nothing");
}

const OPERATION: &str = r#"
[[operation]]
key = "test_battery_12v"
title = { zh-CN = "12V蓄电池检测", en = "test the 12 V battery" }
labour_h = 0.9
price = [0, 80]
skill = "electrical"
"#;

#[test]
fn names_everything_that_is_wrong_at_once() {
    let over = [
        ("rules/own.toml", BROKEN_RULE),
        ("components.toml", "[[component]]\nkey = \"orphan.part\"\ntitle = { zh-CN = \"孤\", en = \"orphan\" }\n"),
        ("templates/en/own.toml", LONELY_TEMPLATE),
        ("models.toml", "[[model]]\nkey = 7\n"),
        ("signal.toml", ""),
        ("plans/own.toml", "key = \"own\"\n[[item"),
    ];
    let error = shipped().overlay(&over).unwrap_err();
    let said = error.to_string();
    for part in [
        "overlay/rules/own.toml:2: unknown component `engine.coling` (did you mean `engine.cooling`?)",
        "unknown operation `diagnose_cooling_` (did you mean `diagnose_cooling`?)",
        "unknown template `overheatin` (did you mean `overheating`?)",
        "unknown signal `Vehicle.Sped` (did you mean `Vehicle.Speed`?)",
        "a probability is 0 to 1",
        "component `orphan.part` has nothing above it",
        "overlay/templates/en/own.toml:1: template `lonely` is missing in zh-CN",
        "variable `item` is not declared",
        "overlay/models.toml:2: invalid type",
        "unknown catalogue file `signal.toml` (did you mean `signals.toml`?)",
        "overlay/plans/own.toml:2: ",
    ] {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
}

const BROKEN_RULE: &str = r#"
[[rule]]
key = "own.rule"
version = 1
component = "engine.coling"
title = { zh-CN = "自", en = "own" }
reason = { zh-CN = "自", en = "own" }
when = "Vehicle.Speed > 5"
severity = "S3"
probability = 2.0
operations = ["diagnose_cooling_"]
template = "overheatin"
purpose = "diagnostics"
shows = ["Vehicle.Sped"]
source = "test"
"#;

const LONELY_TEMPLATE: &str = r#"[[template]]
key = "lonely"
version = 1
title = "a"
body = "{item}"
in_car = "b"
source = "test"
"#;

#[test]
fn every_template_renders_with_what_it_requires() {
    let catalogue = shipped();
    for key in catalogue.template_keys() {
        for locale in Locale::ALL {
            let template = catalogue.template(key, locale).unwrap();
            let given: Values =
                template.required().iter().map(|name| (name.clone(), Said::Name(format!("<{name}>")))).collect();
            let rendered = template.render(&given, locale).unwrap();
            for text in [&rendered.title, &rendered.body, &rendered.in_car] {
                assert!(!text.is_empty() && !text.contains(['{', '}', '[', ']']), "{key} {}: {text}", locale.tag());
            }
        }
        let variables = |locale| catalogue.template(key, locale).unwrap().required().clone();
        assert_eq!(variables(Locale::ZhCn), variables(Locale::En), "{key} requires the same in both languages");
    }
}
