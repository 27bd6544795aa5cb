//! Attacks on what keeps people safe, each an overlay that a manufacturer's two people could have agreed to; and
//! changes that they may well want, which must pass.

use rules::author::safety::Loss;
use rules::catalogue::{Entry, EntryKind, entries};
use toml::{Table, Value};
use uuid::Uuid;

use super::*;

const COOLANT: &str = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature";
const DEALER: Uuid = Uuid::from_u128(0x7f3a_0f3e_2c1d_4d0a_9d59_0a4f_6a1f_2b3c);

/// A shipped entry with some of it changed, as a file of an overlay.
fn changed(kind: EntryKind, key: &str, change: impl Fn(&mut Table)) -> (String, String) {
    let shipped = shipped().unwrap();
    let all = entries(shipped.catalogue.files());
    let entry = all.get(&(kind, key.to_owned())).unwrap_or_else(|| panic!("there is no {} {key}", kind.word()));
    let mut written = entry.written.clone();
    change(&mut written);
    (entry.file.clone(), Entry::as_file(kind, &written).unwrap())
}

fn put(kind: EntryKind, key: &str, toml: &str) -> (String, String) {
    let fields: Table = toml::from_str(toml).unwrap_or_else(|error| panic!("{toml}: {error}"));
    changed(kind, key, |written| written.extend(fields.clone()))
}

fn signal(toml: &str) -> (String, String) {
    put(EntryKind::Signal, COOLANT, toml)
}

fn rule(key: &str, toml: &str) -> (String, String) {
    put(EntryKind::Rule, key, &format!("version = 99\n{toml}"))
}

fn losses_under(catalogue: Catalogue) -> Vec<Loss> {
    proof_of(&journal::rule_set(Arc::new(catalogue)).unwrap()).unwrap().losses
}

fn losses(files: &[(String, String)]) -> Vec<Loss> {
    let laid = Catalogue::builtin().unwrap().overlay(files);
    losses_under(laid.unwrap_or_else(|error| panic!("{error}: {files:?}")))
}

/// That an overlay is refused, and that it is said of which rule, field and entry.
fn refused(files: &[(String, String)], rule: &str, cause: &[&str]) {
    let told: Vec<String> = losses(files).iter().map(ToString::to_string).collect();
    let names = |line: &&String| line.contains(rule) && cause.iter().all(|part| line.contains(part));
    assert!(told.iter().any(|line| names(&line)), "{rule} {cause:?}: {told:#?}");
}

#[test]
fn a_signal_of_a_stop_now_rule_is_admitted_and_believed_no_more_narrowly() {
    for (toml, field) in [
        ("purpose = \"marketing\"", "purpose"),
        ("purpose = \"maintenance\"", "purpose"),
        ("powertrains = [\"bev\"]", "powertrains"),
        ("powertrains = [\"ice\"]", "powertrains"),
        ("sentinels = [126.0]", "sentinels"),
        ("range = [-40.0, 131.0]", "range"),
        ("range = [30.0, 140.0]", "range"),
        ("max_gap = \"1s\"", "max_gap"),
        ("max_rate = 0.001", "max_rate"),
        ("max_jump = 0.5", "max_jump"),
        ("stuck_after = \"1s\"", "stuck_after"),
        ("feature = true", "feature"),
        ("no = 10999", "no"),
    ] {
        refused(&[signal(toml)], "S1 engine.overheat_stop", &[field, COOLANT]);
    }
    // A range that leaves no room for the limit, or another unit than the texts have, does not even load.
    let (file, text) = signal("unit = \"K\"");
    let error = Catalogue::builtin().unwrap().overlay(&[(file, text)]).unwrap_err().to_string();
    assert!(error.contains("engine.overheat_stop") && error.contains(COOLANT), "{error}");
    let (file, text) = signal("range = [-40.0, 110.0]");
    let error = Catalogue::builtin().unwrap().overlay(&[(file, text)]).unwrap_err().to_string();
    assert!(error.contains("rule `engine.overheat_stop`: when: this is never true"), "{error}");
    // What a condition reads through an estimator, and the flags.
    let insulation = "Vehicle.Powertrain.TractionBattery.InsulationResistance";
    let other = put(EntryKind::Signal, insulation, "sentinels = [65534.0, 65535.0, 30.0]");
    refused(&[other], "S1 insulation.stop", &["sentinels", insulation]);
    let interlock = "Vehicle.Diagnostics.Alarm.HighVoltageInterlock";
    refused(
        &[put(EntryKind::Signal, interlock, "purpose = \"location\"")],
        "S1 interlock.open",
        &["purpose", interlock],
    );
}

#[test]
fn a_signal_may_be_admitted_and_believed_more_widely() {
    for toml in [
        "keep = \"10m\"",
        "range = [-50.0, 180.0]",
        "max_gap = \"5m\"",
        "max_rate = 5.0",
        "sentinels = [215.0]",
        "title = { zh-CN = \"水温\", en = \"coolant\" }",
        "source = \"ours\"",
    ] {
        assert_eq!(losses(&[signal(toml)]), [], "{toml}");
    }
}

#[test]
fn a_rule_that_stops_a_car_cannot_be_taken_out_of_force() {
    let key = "engine.overheat_stop";
    for toml in [
        "mode = \"shadow\"",
        "mode = \"canary\"",
        "severity = \"S3\"",
        "severity = \"S2\"",
        "for = \"30m\"",
        "evidence = { n = 32, of = 32, per = \"sample\" }",
        "evidence = { n = 2, of = 2, per = \"day\" }",
        "purpose = \"marketing\"",
        "scope = { powertrain = [\"bev\"] }",
        "scope = { powertrain = [\"ice\", \"hev\"], region = [\"CN-31\"] }",
        "scope = { powertrain = [\"ice\", \"hev\"], model = [\"compact-ice\"] }",
        "scope = { powertrain = [\"ice\", \"hev\"], year = [2020, 2030] }",
        "scope = { powertrain = [\"ice\", \"hev\"], software = { from = \"2.0\" } }",
        "scope = { powertrain = [\"ice\", \"hev\"], dealer = [\"7f3a0f3e-2c1d-4d0a-9d59-0a4f6a1f2b3c\"] }",
        "when = \"Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature > 139\"",
        "when = \"Vehicle.Speed > 490\"",
        "clear = \"Vehicle.Speed > 0\"\nclear_for = \"1s\"",
    ] {
        let field = toml.split([' ', '=']).next().unwrap();
        let told: Vec<String> = losses(&[rule(key, toml)]).iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|line| line.starts_with("S1 engine.overheat_stop")), "{toml}: {told:#?}");
        assert!(
            told.iter().any(|line| line.contains(&format!("{field} of rule {key}")) || line.contains(field)),
            "{toml}: {told:#?}"
        );
    }
    let own_example = "severity = \"S4\"\nexamples = []";
    refused(&[rule(key, own_example)], "S1 engine.overheat_stop", &["severity", "rule engine.overheat_stop"]);
    refused(&[rule("brake_fluid.low", "mode = \"shadow\"")], "S2 brake_fluid.low", &["mode"]);
    refused(&[rule("brake_fluid.low", "severity = \"S3\"")], "S2 brake_fluid.low", &["severity"]);
}

#[test]
fn every_stop_now_rule_of_the_product_is_held_by_the_drill() {
    let shipped = shipped().unwrap();
    let urgent = shipped.catalogue.rules.iter().filter(|rule| rule.severity == Some(rules::unit::Severity::S1));
    for one in urgent {
        refused(&[rule(&one.key, "mode = \"shadow\"")], &format!("S1 {}", one.key), &["mode of rule", &one.key]);
    }
    refused(&[rule("fault_code.stop_now", "mode = \"shadow\"")], "S1 fault_code.stop_now", &["mode"]);
}

#[test]
fn a_text_that_does_not_tell_to_stop_is_no_stop_now_text() {
    for (key, field, text) in [
        ("stop_now (en)", "body", "All is well."),
        ("stop_now (en)", "in_car", "All is well"),
        ("stop_now (zh-CN)", "body", "一切正常。"),
        ("overheating (zh-CN)", "in_car", "一切正常"),
        ("overheating (en)", "body", "All is well."),
        ("tyre_stop (en)", "body", "Have a nice trip."),
    ] {
        // A text that uses fewer variables declares fewer, in every language.
        let name = key.split(' ').next().unwrap();
        let files: Vec<(String, String)> = ["en", "zh-CN"]
            .into_iter()
            .map(|locale| {
                changed(EntryKind::Template, &format!("{name} ({locale})"), |written| {
                    let mut own = |field: &str| {
                        let text = written[field].as_str().unwrap().to_owned();
                        let plain = text.replace("{fault}", "x").replace("{wheel}", "x");
                        let plain: String = plain.split(['[', ']']).step_by(2).collect();
                        written.insert(field.to_owned(), Value::String(plain));
                    };
                    for field in ["title", "body", "in_car"] {
                        own(field);
                    }
                    written.insert("variables".to_owned(), Value::Array(Vec::new()));
                    if key == format!("{name} ({locale})") {
                        written.insert(field.to_owned(), Value::String(text.to_owned()));
                    }
                })
            })
            .collect();
        let told: Vec<String> = losses(&files).iter().map(ToString::to_string).collect();
        assert!(
            told.iter().any(|line| line.contains("no longer tells to stop") && line.contains(name)),
            "{key} {field}: {told:#?}"
        );
    }
    // One that asks for what no reading gives is no text at all.
    let missing = changed(EntryKind::Template, "stop_now (en)", |written| {
        written.insert("in_car".to_owned(), Value::String("{km}: stop".to_owned()));
        written["variables"].as_array_mut().unwrap().push(Value::String("km".to_owned()));
    });
    let zh = changed(EntryKind::Template, "stop_now (zh-CN)", |written| {
        written.insert("in_car".to_owned(), Value::String("{km} 停车".to_owned()));
        written["variables"].as_array_mut().unwrap().push(Value::String("km".to_owned()));
    });
    let told = Catalogue::builtin().unwrap().overlay(&[missing, zh]).map(losses_under);
    assert!(told.is_err() || told.is_ok_and(|told| told.iter().any(|loss| loss.lost.contains("no text"))));
}

#[test]
fn a_fault_code_that_stops_a_car_goes_on_doing_so() {
    let code = |key: &str, toml: &str| put(EntryKind::FaultCode, &format!("[\"{key}\"]"), toml);
    for (key, toml) in [
        ("P0217", "severity = \"S4\""),
        ("P0524", "severity = \"S2\"\nhazard = \"oil\""),
        ("P0A0D", "severity = \"S3\""),
        ("P0301", "escalations = []"),
        ("U0100", "escalations = []"),
        ("P0AA6", "escalations = [{ when = \"charging\", to = \"S1\" }]"),
    ] {
        let mut files = vec![code(key, toml)];
        if key == "P0301" {
            // Its class says it too.
            files[0].1.push_str(&put(EntryKind::FaultClass, "P030*", "escalations = []").1);
        }
        refused(&files, "S1 fault_code.stop_now", &[key, "instead of S1"]);
    }
    assert_eq!(losses(&[code("P0217", "within = \"1h\"")]), []);
    assert_eq!(losses(&[code("P0420", "severity = \"S2\"")]), []);
}

#[test]
fn models_components_and_other_rules_cannot_hide_a_stop_now_rule() {
    let model = put(
        EntryKind::Model,
        "compact-ice",
        "powertrain = \"bev\"\nplan = \"bev\"\nnominal = { tyre_placard_kpa = 230, low_voltage_v = 12, pack_v = 350, pack_ah = 100, cells = 96 }",
    );
    refused(&[model], "S1 engine.overheat_stop", &["compact-ice"]);
    // Another S1 that stands from the first metre on: what comes after it would tell nobody.
    let always = |scope: &str| {
        let text = format!(
            "[[rule]]\nkey = \"own.always\"\nversion = 1\ncomponent = \"engine.cooling\"\nseverity = \"S1\"\n\
             title = {{ zh-CN = \"x\", en = \"x\" }}\nreason = {{ zh-CN = \"x\", en = \"x\" }}\n{scope}\n\
             when = \"Vehicle.Speed >= 0\"\ntemplate = \"stop_now\"\npurpose = \"diagnostics\"\nsource = \"test\"\n"
        );
        ("rules/own.toml".to_owned(), text)
    };
    refused(&[always("")], "S1 engine.overheat_stop", &["a sound car is stopped", "own.always"]);
    for scope in [
        "region = [\"CN-44\"]",
        "year = [2020, 2021]",
        "software = { from = \"3.1\" }",
        "tier = []\nmodel = [\"van-diesel\"]",
    ] {
        let scope = format!("scope = {{ {} }}", scope.replace('\n', ", "));
        refused(&[always(&scope)], "S1 engine.overheat_stop", &["a sound car is stopped", "own.always"]);
    }
    // A trunk may have another name; the rule's case may lie elsewhere as long as it stands and tells.
    let trunk = put(EntryKind::Component, "engine.cooling", "title = { zh-CN = \"水箱\", en = \"radiator\" }");
    assert_eq!(losses(&[trunk]), []);
}

#[test]
fn a_manufacturer_may_move_a_threshold_with_examples_of_its_own_but_not_beyond_what_nobody_may_drive_with() {
    let moved = |limit: u32| {
        let example = |value: u32, expect: &str| {
            format!(
                "[[examples]]\nname = \"{expect} at {value}\"\nexpect = \"{expect}\"\nreadings = [\
                 \"0s x6 every 10s {COOLANT}=104 Vehicle.Speed=80\", \"60s x2 every 10s {COOLANT}={} Vehicle.Speed=80\", \
                 \"80s x6 every 10s {COOLANT}={value} Vehicle.Speed=80\"]\n",
                limit - 2
            )
        };
        let examples = format!("{}{}", example(limit + 1, "fires"), example(limit, "silent"));
        rule("engine.overheat_stop", &format!("when = \"{COOLANT} > {limit}\"\nlimit = {limit}.0\n{examples}"))
    };
    assert_eq!(losses(&[moved(125)]), []);
    assert_eq!(losses(&[moved(115)]), []);
    refused(&[moved(138)], "S1 engine.overheat_stop", &["when of rule engine.overheat_stop"]);
    // Without an example that fires nobody has shown what it does.
    let bare = rule("engine.overheat_stop", &format!("when = \"{COOLANT} > 118\"\nexamples = []"));
    refused(&[bare], "S1 engine.overheat_stop", &["has no example that fires"]);
    // Its own rule in place of ours, for one model.
    let text = |key: &str, scope: &str, limit: u32| {
        format!(
            "[[rule]]\nkey = \"{key}\"\nversion = 99\ncomponent = \"engine.cooling\"\nseverity = \"S1\"\n\
             title = {{ zh-CN = \"过热\", en = \"Overheating\" }}\nreason = {{ zh-CN = \"x\", en = \"x\" }}\n\
             scope = {{ powertrain = [\"ice\", \"hev\"], model = [{scope}] }}\nwhen = \"{COOLANT} > {limit}\"\n\
             evidence = {{ n = 2, of = 2, per = \"sample\" }}\ntemplate = \"overheating\"\n\
             shows = [\"{COOLANT}\"]\npurpose = \"diagnostics\"\nsource = \"test\"\n"
        )
    };
    let others = "\"compact-ice\", \"suv-ice\", \"sedan-ice-2014\", \"sedan-hev\", \"suv-hev\", \"mpv-phev\"";
    let example = format!(
        "[[rule.examples]]\nname = \"hot\"\nexpect = \"fires\"\nreadings = [\"0s x6 every 10s {COOLANT}=104\", \"60s x2 every 10s {COOLANT}=119\", \"80s x6 every 10s {COOLANT}=124\"]\n"
    );
    let both =
        format!("{}{example}{}", text("engine.overheat_stop", others, 120), text("own.van", "\"van-diesel\"", 122));
    assert_eq!(losses(&[("rules/own.toml".to_owned(), both)]), []);
    let one = format!("{}{example}", text("engine.overheat_stop", others, 120));
    refused(&[("rules/own.toml".to_owned(), one)], "S1 engine.overheat_stop", &["van-diesel"]);
}

#[test]
fn a_dealers_mild_rule_loses_nothing() {
    let text = "[[rule]]\nkey = \"own.warm\"\nversion = 1\ncomponent = \"engine.cooling\"\nseverity = \"S3\"\n\
                probability = 0.01\ntitle = { zh-CN = \"x\", en = \"x\" }\nreason = { zh-CN = \"x\", en = \"x\" }\n\
                when = \"Vehicle.Speed >= 0\"\npurpose = \"diagnostics\"\nsource = \"test\"\n";
    let laid = Catalogue::builtin().unwrap().with_dealer(DEALER, &[("rules/own.toml", text)]).unwrap();
    assert_eq!(losses_under(laid), []);
}

#[test]
fn the_product_proves_itself() {
    let added = signal("source = \"ours\"");
    let laid = Catalogue::builtin().unwrap().overlay(&[added]).unwrap();
    let proof = proof_of(&journal::rule_set(Arc::new(laid)).unwrap()).unwrap();
    assert_eq!(proof.losses, []);
    assert!(proof.examples > 100 && proof.courses > 100, "{proof:?}");
}
