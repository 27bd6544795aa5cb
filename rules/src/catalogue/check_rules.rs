//! Checks of rules against the rest of the catalogue, before their expressions are compiled.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::check::{Names, each_known, said};
use super::layer::by_key;
use super::read::{Fault, Place, Placed};
use super::{Wording, check_dealer, check_words};
use crate::entry::rule::{RuleKind, RuleSource, about};
use crate::entry::signal::Signals;
use crate::entry::story::{parse, parse_cohorts};
use crate::entry::template::Template;
use crate::language::expr::{self, ExprError, compile_held};
use crate::unit::{Severity, Span};

/// What rules may refer to besides components, operations and parts.
pub struct Scope<'a> {
    pub names: &'a Names<'a>,
    pub signals: &'a Signals,
    pub templates: &'a BTreeMap<String, Vec<Template>>,
    /// Those of them that are a dealer's own.
    pub dealers_templates: &'a BTreeMap<String, Uuid>,
    pub models: Vec<&'a str>,
    /// Codes of the service items.
    pub items: &'a [String],
    /// Path and text of every file, to say where in them an expression is wrong.
    pub files: &'a [(String, String)],
    pub wording: Wording,
}

/// Rules in key order.
pub fn rules(entries: Vec<Placed<RuleSource>>, scope: &Scope<'_>, faults: &mut Vec<Fault>) -> Vec<RuleSource> {
    let map = by_key("rule", entries, |rule| rule.key.clone(), faults);
    let numbered = check_words::numbers(map.values().map(|entry| &entry.value));
    for Placed { place, value } in map.values() {
        words(place, value, faults);
        numbers(place, value, faults);
        gate(place, value, scope, faults);
        references(place, value, scope, faults);
        let before = faults.len();
        expressions(place, value, scope, faults);
        check_dealer::rule(place, value, faults);
        // What a text says is judged once the rule itself makes sense.
        if scope.wording == Wording::Checked && faults.len() == before {
            check_words::rule(place, value, &numbered, scope, faults);
        }
    }
    check_dealer::texts(&map, scope.dealers_templates, faults);
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
    if !(0.0..=1.0).contains(&rule.canary) {
        wrong("the share of a canary is 0 to 1");
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
    if rule.scope.software.as_ref().is_some_and(|range| !range.is_sound()) {
        wrong("a software version is written 2.11.3");
    }
    if !rule.scope.tier.is_empty() && rule.severity.is_none_or(|severity| severity <= Severity::S2) {
        wrong("safety does not depend on what a customer is worth: no `tier` for S1 and S2");
    }
    let by_code = rule.is_by_code();
    if rule.severity.is_none() && !by_code {
        wrong("`severity` may be left out only with component \"by fault code\"");
    }
    if rule.each.is_empty() && [&rule.component, &rule.when].iter().any(|text| text.contains("{each}")) {
        wrong("{each} without `each`");
    }
    let absent = ["silent(", "stale(", "not_followed_by("];
    if rule.kind == RuleKind::Absence && !absent.iter().any(|function| rule.when.contains(function)) {
        wrong("an absence rule asks silent(..), stale(..) or not_followed_by(..)");
    }
}

/// A gate is a share, and only where falling below it may have a consequence.
fn gate(place: &Place, rule: &RuleSource, scope: &Scope<'_>, faults: &mut Vec<Fault>) {
    let Some(gate) = rule.gate else { return };
    let (what, hint) = if !rule.may_be_demoted() {
        let hint = "leave `gate` out: S1, S2, recalls, the end of a warranty and rules by fault code are never demoted";
        ("safety and rights are not tuned away", hint)
    } else if !(0.0..=1.0).contains(&gate) {
        ("a gate is 0 to 1", "0.4 if left out")
    } else {
        return;
    };
    let mut fault = Fault { hint: Some(hint.to_owned()), ..place.fault(format!("rule `{}`: gate: {what}", rule.key)) };
    if let Some((index, line, value)) = field_of(place, "gate", scope) {
        fault.line = Some(index + 1);
        fault.column = Some(line.chars().count() - value.chars().count() + 1);
    }
    faults.push(fault);
}

fn references(place: &Place, rule: &RuleSource, scope: &Scope<'_>, faults: &mut Vec<Fault>) {
    for subject in rule.subjects().filter(|_| !rule.is_by_code()) {
        scope.names.component(place, &about(&rule.component, subject), faults);
    }
    for path in rule.shows.iter().flat_map(|path| rule.subjects().map(|subject| about(path, subject))) {
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
    for example in &rule.examples {
        if let Err(error) = parse_cohorts(&example.cohort, scope.signals) {
            faults.push(place.fault(format!("rule `{}`: example `{}`: {error}", rule.key, example.name)));
        }
    }
    scope.names.work(place, &rule.operations, &rule.parts, faults);
    each_known(place, "model", &rule.scope.model, &scope.models, faults);
    if let Some(template) = &rule.template {
        let known: Vec<&str> = scope.templates.keys().map(String::as_str).collect();
        each_known(place, "template", std::slice::from_ref(template), &known, faults);
    }
}

/// Compiles what the rule asks; the first instance that is wrong speaks for the others.
fn expressions(place: &Place, rule: &RuleSource, scope: &Scope<'_>, faults: &mut Vec<Fault>) {
    // Signals that could not be read, or a name that was never put in, have been named already.
    if scope.signals.is_empty() || (rule.each.is_empty() && rule.when.contains("{each}")) {
        return;
    }
    let (windows, cohorts) = (RefCell::default(), RefCell::default());
    let by_code = rule.is_by_code();
    let context =
        expr::Context { signals: scope.signals, items: scope.items, windows: &windows, cohorts: &cohorts, by_code };
    let fields = [("when", Some(&rule.when), rule.for_), ("clear", rule.clear.as_ref(), rule.clear_for)];
    for (field, text, held) in fields {
        let compile = |subject| {
            text.and_then(|text| compile_held(&about(text, subject), held.unwrap_or(Span::ZERO), &context).err())
        };
        let errors = rule.subjects().find_map(compile).into_iter().flatten();
        faults.extend(errors.map(|error| located(place, rule, field, error, scope)));
    }
}

/// The fault at its place in the file, where the text stands there as the author sees it.
fn located(place: &Place, rule: &RuleSource, field: &str, error: ExprError, scope: &Scope<'_>) -> Fault {
    let near = error.nearest.as_ref().map(|near| format!("did you mean `{near}`?"));
    let hint = [near, error.hint].into_iter().flatten().collect::<Vec<_>>().join("; ");
    let hint = Some(hint).filter(|hint| !hint.is_empty());
    let fault = Fault { hint, ..place.fault(format!("rule `{}`: {field}: {}", rule.key, error.message)) };
    let Some((index, line, value)) = field_of(place, field, scope) else { return fault };
    let opens = if value.starts_with("\"\"\"") || value.starts_with("'''") { 3 } else { 1 };
    // The line break behind opening quotes is not part of the text.
    let below = usize::from(opens == 3 && value.len() == 3) + error.line as usize - 1;
    let before = if below == 0 { line.chars().count() - value.chars().count() + opens } else { 0 };
    Fault { line: Some(index + 1 + below), column: Some(before + error.column as usize), ..fault }
}

/// Where an entry gives a field: place of the line in the file, the line, and what stands behind the `=`.
pub(super) fn field_of<'a>(place: &Place, field: &str, scope: &Scope<'a>) -> Option<(usize, &'a str, &'a str)> {
    let text = scope.files.iter().find(|(path, _)| *path == place.file).map_or("", |(_, text)| text);
    let mut lines = text.lines().enumerate().skip(place.line - 1);
    let (index, line, rest) =
        lines.find_map(|(index, line)| Some((index, line, line.trim_start().strip_prefix(field)?)))?;
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    Some((index, line, value))
}
