//! What a change of the catalogue is said to change: everything, whatever it is, with a second person to agree.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its catalogue fails")]

use std::sync::Arc;

use rules::author::rule_change::{RuleChange, compare, differences};
use rules::catalogue::{Catalogue, EntryKind, entries};
use rules::rule_set::RuleSet;
use toml::{Table, Value};
use uuid::Uuid;

const DEALER: Uuid = Uuid::from_u128(0x7f3a_0f3e_2c1d_4d0a_9d59_0a4f_6a1f_2b3c);

fn set(catalogue: Catalogue) -> RuleSet {
    RuleSet::compile(Arc::new(catalogue), [0; 32]).unwrap()
}

fn overlaid(file: &str, text: &str) -> Vec<RuleChange> {
    let builtin = Catalogue::builtin().unwrap();
    let laid = builtin.overlay(&[(file, text)]).map_err(|error| error.to_string()).unwrap();
    compare(&set(builtin), &set(laid), false).unwrap()
}

/// A copy of a value for each of its leaves, with that leaf changed; and the path of the leaf.
fn changed(value: &Value) -> Vec<(Vec<String>, Value)> {
    let within = |name: String, inner: &Value, put: &dyn Fn(Value) -> Value| -> Vec<(Vec<String>, Value)> {
        let copies = changed(inner).into_iter();
        copies.map(|(path, copy)| ([vec![name.clone()], path].concat(), put(copy))).collect()
    };
    match value {
        Value::Table(table) => table
            .iter()
            .flat_map(|(name, inner)| {
                within(name.clone(), inner, &|copy| {
                    let mut table = table.clone();
                    table.insert(name.clone(), copy);
                    Value::Table(table)
                })
            })
            .collect(),
        Value::Array(list) if !list.is_empty() => (0..list.len())
            .flat_map(|place| {
                within(place.to_string(), &list[place], &|copy| {
                    let mut list = list.clone();
                    list[place] = copy;
                    Value::Array(list)
                })
            })
            .collect(),
        Value::Array(_) => vec![(Vec::new(), Value::Array(vec![Value::Integer(1)]))],
        Value::String(text) => vec![(Vec::new(), Value::String(format!("{text}x")))],
        Value::Integer(number) => vec![(Vec::new(), Value::Integer(number + 1))],
        Value::Float(number) => vec![(Vec::new(), Value::Float(number + 0.5))],
        Value::Boolean(flag) => vec![(Vec::new(), Value::Boolean(!flag))],
        Value::Datetime(_) => vec![(Vec::new(), Value::Boolean(true))],
    }
}

#[test]
fn whatever_single_value_changes_is_in_the_difference_and_needs_a_second_person() {
    let builtin = Catalogue::builtin().unwrap();
    let mut leaves = 0;
    for (path, text) in builtin.files() {
        let before = entries(&[(path.clone(), text.clone())]);
        let document = Value::Table(toml::from_str::<Table>(text).unwrap());
        // Entry by entry, as an overlay would bring them; and whatever a file says at its root.
        for (leaf, copy) in changed(&document) {
            leaves += 1;
            let copy = toml::to_string(&copy).unwrap();
            let after = entries(&[(format!("overlay/{path}"), copy)]);
            let changes = differences(&before, &after);
            assert!(!changes.is_empty(), "{path}: {leaf:?} is not seen");
            let name = leaf.iter().rev().find(|part| part.parse::<usize>().is_err()).unwrap();
            let named = |change: &RuleChange| {
                change.fields.iter().any(|field| field.field.contains(name.as_str()) && field.before != field.after)
            };
            assert!(changes.iter().any(named), "{path}: {leaf:?} is not named: {changes:?}");
            let kind = if path == "cohorts.toml" { EntryKind::CohortBands } else { changes[0].kind };
            assert!(kind != EntryKind::File && !changes[0].key.is_empty(), "{path}: {changes:?}");
            let remark = leaf.len() == 3 && leaf.last().unwrap() == "source" || leaf == ["source"];
            assert!(
                remark || changes.iter().any(|change| change.needs_approval),
                "{path}: {leaf:?} would go alone: {changes:?}"
            );
        }
    }
    assert!(leaves > 5_000, "{leaves} values were tried");
}

#[test]
fn what_only_reads_otherwise_is_no_change() {
    let builtin = Catalogue::builtin().unwrap();
    let (path, text) = builtin.files().iter().find(|(path, _)| path == "models.toml").unwrap();
    let written = text.replace("tyre_placard_kpa = 230", "tyre_placard_kpa = 230.0");
    assert!(written != *text);
    assert_eq!(overlaid(path, &format!("# A remark of somebody.\n{written}")), []);
}

#[test]
fn where_figures_come_from_may_be_said_by_one_person() {
    let text = r#"[[model]]
key = "compact-ice"
title = { zh-CN = "紧凑型轿车 1.5L", en = "compact 1.5 l" }
powertrain = "ice"
plan = "ice"
nominal = { tyre_placard_kpa = 230, low_voltage_v = 12, tank_l = 45 }
source = "the owner's manual"
"#;
    let changes = overlaid("models.toml", text);
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].fields[0].field.as_str(), changes[0].needs_approval), ("source", false));
    let other = overlaid("models.toml", &text.replace("tank_l = 45", "tank_l = 40"));
    assert!(other[0].needs_approval, "{other:?}");
}

#[test]
fn other_shipped_files_need_nobody_and_taking_somebodys_own_away_does() {
    let builtin = Catalogue::builtin().unwrap();
    let renewed: Vec<(String, String)> = builtin
        .files()
        .iter()
        .map(|(path, text)| {
            (
                path.clone(),
                if path == "models.toml" { text.replace("tank_l = 45", "tank_l = 46") } else { text.clone() },
            )
        })
        .collect();
    let renewed = Catalogue::load(&renewed).unwrap();
    let changes = compare(&set(builtin.clone()), &set(renewed), false).unwrap();
    assert!(!changes.is_empty() && changes.iter().all(|change| !change.needs_approval), "{changes:?}");

    let own = builtin
        .overlay(&[(
            "components.toml",
            "[[component]]\nkey = \"engine.cooling\"\ntitle = { zh-CN = \"水箱\", en = \"radiator\" }\n",
        )])
        .unwrap();
    let changes = compare(&set(own), &set(builtin), false).unwrap();
    assert_eq!(changes.len(), 1);
    assert!(changes[0].needs_approval && changes[0].kind == EntryKind::Component, "{changes:?}");
}

fn rule(severity: &str, more: &str) -> String {
    format!(
        r#"[[rule]]
key = "own.warm"
version = 1
component = "engine.cooling"
title = {{ zh-CN = "水温", en = "Warm" }}
reason = {{ zh-CN = "水温{{value}}°C", en = "Coolant at {{value}} °C" }}
when = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature > 95"
severity = "{severity}"
purpose = "diagnostics"
source = "test"
{more}
"#
    )
}

fn of_dealer(file: &str, text: &str) -> Result<Catalogue, String> {
    Catalogue::builtin().unwrap().with_dealer(DEALER, &[(file, text)]).map_err(|error| error.to_string())
}

#[test]
fn a_dealers_rule_is_for_its_own_vehicles_whatever_it_says() {
    for scope in ["", "scope = { powertrain = [\"ice\"] }", &format!("scope = {{ dealer = [\"{DEALER}\"] }}")] {
        let laid = of_dealer("rules/own.toml", &rule("S3", scope)).unwrap();
        let own = laid.rules.iter().find(|rule| rule.key == "own.warm").unwrap();
        assert_eq!(own.scope.dealer, [DEALER]);
        let changes = compare(&set(Catalogue::builtin().unwrap()), &set(laid), false).unwrap();
        assert_eq!((changes.len(), changes[0].dealer, changes[0].needs_approval), (1, Some(DEALER), true));
        assert!(changes[0].fields.iter().any(|field| field.field == "scope.dealer"), "{changes:?}");
    }
    let other = format!("scope = {{ dealer = [\"{}\"] }}", Uuid::from_u128(1));
    let error = of_dealer("rules/own.toml", &rule("S3", &other)).unwrap_err();
    assert!(error.contains("rule `own.warm` is about another dealer's vehicles"), "{error}");
}

#[test]
fn a_dealer_may_have_nothing_but_mild_rules_and_texts_of_its_own() {
    let builtin = Catalogue::builtin().unwrap();
    for severity in ["S1", "S2"] {
        let error = of_dealer("rules/own.toml", &rule(severity, "")).unwrap_err();
        assert!(error.contains("rule `own.warm`: a dealer's own rule is S3 or S4"), "{error}");
    }
    for (more, said) in [
        ("kind = \"recall\"", "the manufacturer's"),
        ("template = \"stop_now\"", "template `stop_now` tells owners to stop now"),
        ("template = \"overheating\"", "template `overheating` tells owners to stop now"),
    ] {
        let error = of_dealer("rules/own.toml", &rule("S3", more)).unwrap_err();
        assert!(error.contains("own.warm") && error.contains(said), "{error}");
    }
    // Every kind of entry that the product has, by the name of one of them.
    for (path, text) in builtin.files() {
        let Err(error) = of_dealer(path, text) else { panic!("{path} of a dealer replaces the product's") };
        for (kind, key) in entries(&[(path.clone(), text.clone())]).keys() {
            let key = key.strip_suffix(" (en)").or(key.strip_suffix(" (zh-CN)")).unwrap_or(key);
            assert!(error.contains(key), "{path}: {} {key} is not named", kind.word());
        }
    }
    for path in ["learned/precision.toml", "../rules/own.toml", "overlay/rules/own.toml", "dealers/x/rules/own.toml"] {
        assert!(of_dealer(path, &rule("S3", "")).is_err(), "{path}");
    }
}
