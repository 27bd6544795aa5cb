//! The recipes "add a signal", "add a rule" and "add a fault code", followed at run time.

use std::sync::Arc;

use rules::author::example;
use rules::catalogue::Catalogue;
use rules::entry::fault_code::FaultCode;
use rules::rule_set::RuleSet;

const SIGNAL: &str = r#"
[[signal]]
no = 10000
path = "Vehicle.Own.ChillerTemperature"
title = { zh-CN = "冷藏箱温度", en = "Chiller temperature" }
unit = "degC"
range = [-40.0, 60.0]
max_gap = "5m"
custom = true
source = "test"
"#;

const RULE: &str = r#"
[[rule]]
key = "chiller.warm"
version = 1
component = "chassis.brake_fluid"
title = { zh-CN = "冷藏箱过热", en = "Chiller too warm" }
reason = { zh-CN = "冷藏箱温度高", en = "The chiller is warm" }
when = "Vehicle.Own.ChillerTemperature > 8"
clear = "Vehicle.Own.ChillerTemperature < 6"
severity = "S3"
probability = 0.9
operations = ["diagnose_brakes"]
template = "brake_fluid"
says = { v = "" }
purpose = "diagnostics"
mode = "shadow"
source = "test"

[[rule.examples]]
name = "warm"
readings = ["0s x10 every 10s Vehicle.Own.ChillerTemperature=9"]
expect = "fires"

[[rule.examples]]
name = "cold"
readings = ["0s x10 every 10s Vehicle.Own.ChillerTemperature=4"]
expect = "silent"

[[rule.examples]]
name = "cold again"
readings = [
    "0s x10 every 10s Vehicle.Own.ChillerTemperature=9",
    "100s x10 every 10s Vehicle.Own.ChillerTemperature=4",
]
expect = "clears"
"#;

const CODE: &str = r#"
[[code]]
codes = ["P1ABC"]
meaning = { zh-CN = "冷藏箱故障", en = "chiller fault" }
severity = "S2"
component = "chassis.brake_fluid"
cause = { zh-CN = "冷藏箱冷却失效", en = "the chiller no longer cools" }
action = { zh-CN = "检查冷藏箱", en = "check the chiller" }
source = "test"
"#;

#[test]
fn a_signal_a_rule_and_a_code_are_entries_and_nothing_else() {
    let files = [("signals.toml", SIGNAL), ("rules/own.toml", RULE), ("fault_codes.toml", CODE)];
    let catalogue = Catalogue::builtin().unwrap().overlay(&files).unwrap_or_else(|error| panic!("{error}"));
    let set = RuleSet::compile(Arc::new(catalogue), [0; 32]).unwrap();
    let rule = set.catalogue.rules.iter().find(|rule| rule.key == "chiller.warm").unwrap();
    assert_eq!(rule.examples.len(), 3);
    for one in &rule.examples {
        let came = example::run(&set, rule, one).unwrap_or_else(|error| panic!("{}: {error}", one.name));
        assert_eq!(came, one.expect, "{}", one.name);
    }
    let code = "P1ABC".parse::<FaultCode>().unwrap();
    let entry = set.catalogue.fault_codes.entry(code).unwrap();
    assert_eq!(entry.meaning.en, "chiller fault");
}
