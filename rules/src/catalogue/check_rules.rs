//! Checks of rules against the rest of the catalogue, before their expressions are compiled.

use std::collections::BTreeSet;

use super::check::{Names, each_known, said};
use super::layer::by_key;
use super::read::{Fault, Place, Placed};
use crate::example::parse;
use crate::rule::{RuleKind, RuleSource};
use crate::signal::Signals;

/// The component of rules whose findings belong where their fault code belongs.
pub const BY_FAULT_CODE: &str = "by fault code";

/// What rules may refer to besides components, operations and parts.
pub struct Scope<'a> {
    pub names: &'a Names<'a>,
    pub signals: &'a Signals,
    pub templates: Vec<&'a str>,
    pub models: Vec<&'a str>,
}

/// Rules in key order.
pub fn rules(entries: Vec<Placed<RuleSource>>, scope: &Scope<'_>, faults: &mut Vec<Fault>) -> Vec<RuleSource> {
    let map = by_key("rule", entries, |rule| rule.key.clone(), faults);
    for Placed { place, value } in map.values() {
        words(place, value, faults);
        numbers(place, value, faults);
        references(place, value, scope, faults);
    }
    map.into_values().map(|entry| entry.value).collect()
}

fn words(place: &Place, rule: &RuleSource, faults: &mut Vec<Fault>) {
    said(place, &format!("the title of rule `{}`", rule.key), &rule.title, faults);
    said(place, &format!("the reason of rule `{}`", rule.key), &rule.reason, faults);
    if rule.source.trim().is_empty() {
        faults.push(place.fault(format!("rule `{}` does not say where its thresholds come from", rule.key)));
    }
    let key = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.');
    if rule.key.is_empty() || !rule.key.bytes().all(key) {
        faults.push(place.fault(format!("rule key `{}` has other characters than a-z, 0-9, `_` and `.`", rule.key)));
    }
    let mut names = BTreeSet::new();
    for example in &rule.examples {
        if !names.insert(example.name.as_str()) {
            faults.push(place.fault(format!("rule `{}` has two examples called `{}`", rule.key, example.name)));
        }
    }
}

fn numbers(place: &Place, rule: &RuleSource, faults: &mut Vec<Fault>) {
    let mut wrong = |what: &str| faults.push(place.fault(format!("rule `{}`: {what}", rule.key)));
    if rule.version == 0 {
        wrong("versions begin at 1");
    }
    if !(0.0..=1.0).contains(&rule.probability) {
        wrong("a probability is 0 to 1");
    }
    if rule.evidence.is_some_and(|evidence| evidence.n == 0 || evidence.n > evidence.of || evidence.of > 32) {
        wrong("evidence is n of m with 1 <= n <= m <= 32");
    }
    if rule.scope.year.is_some_and(|(first, last)| first > last) {
        wrong("the first model year is after the last");
    }
    let by_code = rule.component == BY_FAULT_CODE;
    if rule.severity.is_none() && !by_code {
        wrong("`severity` may be left out only with component \"by fault code\"");
    }
    if rule.each.is_empty() && [&rule.component, &rule.when].iter().any(|text| text.contains("{each}")) {
        wrong("{each} without `each`");
    }
    if rule.kind == RuleKind::Absence && !rule.when.contains("silent(") && !rule.when.contains("stale(") {
        wrong("an absence rule asks silent(..) or stale(..)");
    }
}

fn references(place: &Place, rule: &RuleSource, scope: &Scope<'_>, faults: &mut Vec<Fault>) {
    for component in instances(rule, &rule.component) {
        if component != BY_FAULT_CODE {
            scope.names.component(place, &component, faults);
        }
    }
    for path in rule.shows.iter().flat_map(|path| instances(rule, path)) {
        if scope.signals.by_path(&path).is_none() {
            let known = scope.signals.iter().map(|(_, signal)| signal.path.as_str());
            faults.push(place.unknown("signal", &path, known));
        }
    }
    for example in &rule.examples {
        if let Err(error) = parse(&example.readings, scope.signals) {
            faults.push(place.fault(format!("rule `{}`: example `{}`: {error}", rule.key, example.name)));
        }
    }
    scope.names.work(place, &rule.operations, &rule.parts, faults);
    each_known(place, "model", &rule.scope.model, &scope.models, faults);
    if let Some(template) = &rule.template {
        each_known(place, "template", std::slice::from_ref(template), &scope.templates, faults);
    }
}

/// A text of a rule for each value of `each`.
fn instances(rule: &RuleSource, text: &str) -> Vec<String> {
    if rule.each.is_empty() {
        return vec![text.to_owned()];
    }
    rule.each.iter().map(|value| text.replace("{each}", value)).collect()
}
