//! What S1 rules read may be admitted and believed more widely than the product ships it, never more narrowly.
//!
//! A course cannot show this: a sentinel of 126 swallows one value of thousands. So the fields are compared. One
//! that nobody has thought about here counts as narrowed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Loss, field_of};
use crate::author::rule_change::{FieldChange, RuleChange};
use crate::catalogue::EntryKind;
use crate::entry::rule::{Expect, RuleSource};
use crate::entry::signal::{Kind, Signal};
use crate::entry::story::parse;
use crate::rule_set::RuleSet;
use crate::unit::{Severity, Span};

/// Fields that neither admission nor any rule reads.
const FREE: [&str; 5] = ["title.zh-CN", "title.en", "source", "keep", "custom"];

pub fn losses(shipped: &RuleSet, changes: &[RuleChange]) -> Vec<Loss> {
    let read = read_by_urgent(shipped);
    let mut losses = Vec::new();
    for change in changes.iter().filter(|change| change.kind == EntryKind::Signal) {
        let Some(rules) = read.get(&change.key) else { continue };
        let Some(signal) = shipped.catalogue.signals.by_path(&change.key) else { continue };
        for field in change.fields.iter().filter(|field| narrows(signal, field)) {
            for rule in rules {
                losses.push(Loss {
                    severity: Severity::S1,
                    rule: rule.clone(),
                    lost: "no longer fires on all that it fires on".to_owned(),
                    cause: field_of(change, &field.field),
                });
            }
        }
    }
    losses
}

/// The signals that S1 rules need, with the rules: those in their conditions and those of their examples, from
/// which estimators make what the conditions read.
fn read_by_urgent(shipped: &RuleSet) -> BTreeMap<String, BTreeSet<String>> {
    let signals = &shipped.catalogue.signals;
    let mut read: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let urgent = |rule: &RuleSource| rule.severity.is_none_or(|severity| severity == Severity::S1);
    for rule in shipped.rules.iter().filter(|rule| urgent(&rule.source)) {
        let mut note = |path: &str| read.entry(path.to_owned()).or_default().insert(rule.source.key.clone());
        for slot in rule.when.slots() {
            note(&signals.get(*slot).path);
        }
        for one in rule.source.examples.iter().filter(|one| one.expect == Expect::Fires) {
            let steps = parse(&one.readings, signals).unwrap_or_default();
            for reading in steps.iter().flat_map(|step| &step.readings) {
                if let Some(signal) = signals.by_no(reading.signal) {
                    note(&signal.path);
                }
            }
        }
    }
    read
}

/// Whether a change of a field takes readings away that the product's own set would use.
fn narrows(signal: &Signal, change: &FieldChange) -> bool {
    let after = change.after.as_deref();
    match change.field.as_str() {
        field if FREE.contains(&field) => false,
        "range" => match after.map(numbers).as_deref() {
            Some([low, high]) => *low > signal.range.0 || *high < signal.range.1,
            // Flags and words have theirs by nature.
            _ => signal.kind == Kind::Number,
        },
        "sentinels" => {
            let new = after.map(numbers).unwrap_or_default();
            let inside = |value: &f64| (signal.range.0..=signal.range.1).contains(value);
            new.iter().any(|value| inside(value) && !signal.sentinels.contains(value))
        }
        "powertrains" => {
            let after = after.unwrap_or("\"ice\" \"hev\" \"bev\"");
            let named = |powertrain| serde_json::to_string(powertrain).is_ok_and(|word| after.contains(&word));
            !signal.powertrains.iter().all(named)
        }
        "max_gap" => after.and_then(span).is_none_or(|gap| gap < signal.max_gap),
        "stuck_after" => {
            after.is_some_and(|text| span(text).is_none_or(|limit| signal.stuck_after.is_none_or(|own| limit < own)))
        }
        "max_rate" => tightens(after, signal.max_rate),
        "max_jump" => tightens(after, signal.max_jump),
        _ => true,
    }
}

/// Whether a bound on changes became smaller, or came where there was none.
fn tightens(after: Option<&str>, before: Option<f64>) -> bool {
    let after = after.map(|text| text.parse::<f64>().unwrap_or(0.0));
    after.is_some_and(|after| before.is_none_or(|before| after < before))
}

fn numbers(list: &str) -> Vec<f64> {
    let inside = list.trim_start_matches('[').trim_end_matches(']');
    inside.split(',').filter_map(|number| number.trim().parse().ok()).collect()
}

fn span(text: &str) -> Option<Span> {
    Span::parse(text).ok()
}
