//! What a dealer may have of its own: rules of S3 and S4 for its own vehicles, and texts for them. Nothing else, and
//! nothing of anybody else's.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::draft::TemplateDraft;
use super::entry::entries_of;
use super::layer::{Layer, within_layer};
use super::read::{Fault, Place, Placed};
use crate::entry::rule::{RuleKind, RuleSource};
use crate::unit::Severity;

/// The text that the car shows at stop-now where a rule names none.
const STOP_NOW: &str = "stop_now";

/// Names every entry of a dealer's file that is not a rule or a text; false for every other file.
pub fn refuse_others(path: &str, text: &str, faults: &mut Vec<Fault>) -> bool {
    let within = within_layer(path);
    if !matches!(Layer::of(path), Layer::Dealer(_)) || within.starts_with("rules/") || within.starts_with("templates/")
    {
        return false;
    }
    let place = Place { file: path.to_owned(), line: 1 };
    for ((kind, key), _) in entries_of(path, text) {
        let hint = Some("a dealer proposes rules of S3 and S4, and texts for them".to_owned());
        faults.push(Fault { hint, ..place.fault(format!("{} `{key}` is the manufacturer's", kind.word())) });
    }
    true
}

/// Scopes a dealer's rule to its own vehicles, whatever it says.
pub fn scope(mut entry: Placed<RuleSource>, faults: &mut Vec<Fault>) -> Placed<RuleSource> {
    let Layer::Dealer(dealer) = Layer::of(&entry.place.file) else { return entry };
    let rule = &mut entry.value;
    if rule.scope.dealer.iter().any(|other| *other != dealer) {
        faults.push(entry.place.fault(format!("rule `{}` is about another dealer's vehicles", rule.key)));
    }
    rule.scope.dealer = vec![dealer];
    entry
}

/// The limits of a dealer's rule.
pub fn rule(place: &Place, rule: &RuleSource, faults: &mut Vec<Fault>) {
    if !matches!(Layer::of(&place.file), Layer::Dealer(_)) {
        return;
    }
    let mut wrong = |what: &str| faults.push(place.fault(format!("rule `{}`: {what}", rule.key)));
    if rule.severity.is_none_or(|severity| severity < Severity::S3) {
        wrong("a dealer's own rule is S3 or S4");
    }
    if matches!(rule.kind, RuleKind::Recall | RuleKind::WarrantyEnding) {
        wrong("recalls and the end of a warranty are the manufacturer's");
    }
}

/// Templates that are a dealer's own, by key.
pub fn templates_of(templates: &[Placed<TemplateDraft>]) -> BTreeMap<String, Uuid> {
    let own = templates.iter().filter_map(|entry| match Layer::of(&entry.place.file) {
        Layer::Dealer(dealer) => Some((entry.value.entry.key.clone(), dealer)),
        Layer::Shipped | Layer::Overlay => None,
    });
    own.collect()
}

/// Which texts rules may use: a dealer's only that dealer's rules, and those of S1 only rules of S1.
pub fn texts(rules: &BTreeMap<String, Placed<RuleSource>>, own: &BTreeMap<String, Uuid>, faults: &mut Vec<Fault>) {
    let urgent = |key: &str| {
        let mut others = rules.values().map(|entry| &entry.value);
        key == STOP_NOW
            || others.any(|rule| rule.severity == Some(Severity::S1) && rule.template.as_deref() == Some(key))
    };
    for Placed { place, value } in rules.values() {
        let Some(template) = value.template.as_deref() else { continue };
        let mut wrong =
            |what: &str| faults.push(place.fault(format!("rule `{}`: template `{template}` {what}", value.key)));
        let dealer = match Layer::of(&place.file) {
            Layer::Dealer(dealer) => Some(dealer),
            Layer::Shipped | Layer::Overlay => None,
        };
        match own.get(template) {
            Some(owner) if dealer != Some(*owner) => wrong("is a dealer's own"),
            None if dealer.is_some() && urgent(template) => wrong("tells owners to stop now: it is for S1"),
            _ => {}
        }
    }
}
