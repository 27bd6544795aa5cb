//! Which field takes safety away: every changed entry is laid over the product's own set alone, then every changed
//! field of it, until one alone loses what the whole set loses.

use std::sync::Arc;

use toml::Table;

use super::{Loss, Roads, courses, examples, field_of};
use crate::author::rule_change::RuleChange;
use crate::catalogue::{Entry, EntryKind, entries};
use crate::rule_set::RuleSet;

/// Rules whose cause is looked for; the others lose theirs by the same, or are told without.
const MOST_RULES: usize = 2;
/// Entries and fields that are tried.
const MOST_TRIES: usize = 24;

/// What found a loss, and so tells whether it is lost again.
#[derive(Clone, Copy)]
pub enum By {
    Examples,
    Courses,
}

/// Fills in the cause of every loss.
pub fn name(losses: &mut [Loss], by: By, shipped: &RuleSet, set: &RuleSet, changes: &[RuleChange], roads: Roads<'_>) {
    let all = || together(changes);
    let mut known: Vec<(String, String)> = Vec::new();
    for loss in losses {
        let found = known.iter().find(|(rule, _)| *rule == loss.rule).map(|(_, cause)| cause.clone());
        loss.cause = match found {
            Some(cause) => cause,
            None if known.len() < MOST_RULES => {
                let cause = of(loss, by, shipped, set, changes, roads).unwrap_or_else(all);
                known.push((loss.rule.clone(), cause.clone()));
                cause
            }
            None => all(),
        };
    }
}

/// The changes by name, where none alone is the cause or too many would have to be tried.
fn together(changes: &[RuleChange]) -> String {
    let named: Vec<String> =
        changes.iter().take(6).map(|change| format!("{} {}", change.kind.word(), change.key)).collect();
    let more = changes.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("what was changed: {}{more}", named.join(", "))
}

fn of(
    loss: &Loss,
    by: By,
    shipped: &RuleSet,
    set: &RuleSet,
    changes: &[RuleChange],
    roads: Roads<'_>,
) -> Option<String> {
    let (ours, theirs) = (entries(shipped.catalogue.files()), entries(set.catalogue.files()));
    // The rule itself first, then signals and texts, then whatever else was changed.
    let mut order: Vec<&RuleChange> = changes.iter().collect();
    order.sort_by_key(|change| (change.key != loss.rule, change.kind));
    for change in order.into_iter().take(MOST_TRIES) {
        let key = (change.kind, change.key.clone());
        let Some(entry) = theirs.get(&key) else {
            let missing = change.kind == EntryKind::Rule && change.key == loss.rule;
            if missing {
                return Some(format!("rule {} is taken out", change.key));
            }
            continue;
        };
        if !loses(loss, by, shipped, change, entry, &entry.written, roads) {
            continue;
        }
        let before = ours.get(&key).map(|entry| &entry.written);
        let fields: Vec<&str> = change.fields.iter().map(|field| field.field.as_str()).collect();
        let alone = before.and_then(|before| {
            let tried = entry.written.keys().chain(before.keys()).take(MOST_TRIES);
            let changed = tried.filter(|name| before.get(*name) != entry.written.get(*name));
            let mut changed = changed.filter(|name| name.as_str() != "version");
            changed.find(|name| loses(loss, by, shipped, change, entry, &with(before, &entry.written, name), roads))
        });
        return Some(match alone {
            Some(name) => {
                let inside = |field: &&&str| **field == name.as_str() || field.starts_with(&format!("{name}."));
                let field = fields.iter().find(inside).copied().unwrap_or(name);
                field_of(change, field)
            }
            None => format!("{} {} ({})", change.kind.word(), change.key, fields.join(", ")),
        });
    }
    None
}

/// The shipped entry with one field of the other.
fn with(before: &Table, after: &Table, name: &str) -> Table {
    let mut one = before.clone();
    match after.get(name) {
        Some(value) => one.insert(name.to_owned(), value.clone()),
        None => one.remove(name),
    };
    one
}

/// Whether the product's own set with this entry alone loses the same rule.
fn loses(
    loss: &Loss,
    by: By,
    shipped: &RuleSet,
    change: &RuleChange,
    entry: &Entry,
    written: &Table,
    roads: Roads<'_>,
) -> bool {
    let Some(text) = Entry::as_file(change.kind, written) else { return false };
    let files = [(entry.file.as_str(), text.as_str())];
    let laid = match change.dealer {
        Some(dealer) => shipped.catalogue.with_dealer(dealer, &files),
        None => shipped.catalogue.overlay(&files),
    };
    let Some(set) = laid.ok().and_then(|catalogue| RuleSet::compile(Arc::new(catalogue), [0; 32]).ok()) else {
        return false;
    };
    match by {
        By::Courses => !courses::holds(&loss.rule, shipped, &set, std::slice::from_ref(change), roads),
        By::Examples => !examples::losses(shipped, &set, Some(&loss.rule), roads).1.is_empty(),
    }
}
