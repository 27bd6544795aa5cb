//! What a change of the catalogue means: which entries come, go and change, field by field; what becomes of what
//! rules remember; and whether somebody else has to agree.
//!
//! Everything that people write is compared, whatever it is: a signal's range can silence a rule as well as the
//! rule's own limit can. A second person is asked unless a change provably decides nothing and is read by no owner.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalogue::{Entry, EntryKey, EntryKind, Layer, entries};
use crate::entry::rule::{OnChange, RuleSource};
use crate::rule_set::RuleSet;

/// Fields that say where figures come from; nothing reads them but people who look at the catalogue.
const REMARKS: [&str; 1] = ["source"];

/// One entry that differs between two sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleChange {
    #[serde(default)]
    pub kind: EntryKind,
    pub key: String,
    /// Its version, where its kind has versions. `None`: it is new.
    pub from: Option<u32>,
    /// `None`: it goes, and the open findings of a rule are withdrawn.
    pub to: Option<u32>,
    /// What becomes of what a rule remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_change: Option<OnChange>,
    /// People wrote it, and it can change a decision or what an owner reads.
    pub needs_approval: bool,
    /// What was learned about it since; the entry itself is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// The dealer whose own it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dealer: Option<Uuid>,
}

impl RuleChange {
    pub fn is_new(&self) -> bool {
        !self.fields.is_empty() && self.fields.iter().all(|field| field.before.is_none())
    }

    pub fn is_gone(&self) -> bool {
        !self.fields.is_empty() && self.fields.iter().all(|field| field.after.is_none())
    }
}

/// One field of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: String,
    /// `None`: it was not written.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Why one set cannot follow another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    #[error("rule `{0}` has changed and its version has not: give it the next one")]
    SameVersion(String),
    #[error("rule `{0}` goes back from version {1} to {2}: versions only grow")]
    OlderVersion(String, u32, u32),
    #[error("rule `{0}` keeps what it remembers, but remembers something else now: write on_change = \"reset\"")]
    OtherMemory(String),
}

/// Compares two sets; a `rollback` may go back in version.
pub fn compare(from: &RuleSet, to: &RuleSet, rollback: bool) -> Result<Vec<RuleChange>, Vec<ChangeError>> {
    let errors = if rollback { Vec::new() } else { order_of_versions(from, to) };
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut changes = differences(&entries(from.catalogue.files()), &entries(to.catalogue.files()));
    changes.extend(learned(from, to));
    Ok(changes)
}

/// What differs between the entries of two catalogues, by kind and key.
pub fn differences(from: &BTreeMap<EntryKey, Entry>, to: &BTreeMap<EntryKey, Entry>) -> Vec<RuleChange> {
    let keys: BTreeSet<&EntryKey> = from.keys().chain(to.keys()).collect();
    keys.into_iter().filter_map(|key| difference(key, from.get(key), to.get(key))).collect()
}

fn difference(key: &EntryKey, old: Option<&Entry>, new: Option<&Entry>) -> Option<RuleChange> {
    let fields = fields(old, new);
    if fields.is_empty() {
        return None;
    }
    // What comes with the product was agreed to where the product was made, unless somebody's own is taken away.
    let shipped = |entry: Option<&Entry>| entry.is_none_or(|entry| entry.layer == Layer::Shipped);
    let remark = |change: &FieldChange| REMARKS.contains(&change.field.as_str());
    let only_remarks = old.is_some() && new.is_some() && fields.iter().all(remark);
    let version = |entry: Option<&Entry>| entry?.fields.get("version")?.parse().ok();
    let on_change = |entry: &Entry| match entry.fields.get("on_change").map(String::as_str) {
        Some("keep") => OnChange::Keep,
        Some("migrate") => OnChange::Migrate,
        _ => OnChange::Reset,
    };
    Some(RuleChange {
        kind: key.0,
        key: key.1.clone(),
        from: version(old),
        to: version(new),
        on_change: (key.0 == EntryKind::Rule).then(|| new.map_or(OnChange::Reset, on_change)),
        needs_approval: !(only_remarks || (shipped(old) && shipped(new))),
        learned: None,
        fields,
        dealer: new.or(old).and_then(Entry::dealer),
    })
}

fn fields(old: Option<&Entry>, new: Option<&Entry>) -> Vec<FieldChange> {
    let none = BTreeMap::new();
    let (before, after) = (old.map_or(&none, |entry| &entry.fields), new.map_or(&none, |entry| &entry.fields));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |name: &String| {
        let (before, after) = (before.get(name).cloned(), after.get(name).cloned());
        (before != after).then(|| FieldChange { field: name.clone(), before, after })
    };
    names.into_iter().filter_map(change).collect()
}

/// Rules whose versions do not say what happened to them.
fn order_of_versions(from: &RuleSet, to: &RuleSet) -> Vec<ChangeError> {
    let mut errors = Vec::new();
    for old in &from.catalogue.rules {
        let Some(new) = to.catalogue.rules.iter().find(|rule| rule.key == old.key) else { continue };
        let key = || old.key.clone();
        if old.version == new.version && old.means_other_than(new) {
            errors.push(ChangeError::SameVersion(key()));
        } else if old.version > new.version {
            errors.push(ChangeError::OlderVersion(key(), old.version, new.version));
        } else if old != new && new.on_change == OnChange::Keep && memory(from, &old.key) != memory(to, &old.key) {
            errors.push(ChangeError::OtherMemory(key()));
        }
    }
    errors
}

/// What was learned of the rules in force.
fn learned(from: &RuleSet, to: &RuleSet) -> Vec<RuleChange> {
    let (old, new) = (&from.catalogue.learned.precision, &to.catalogue.learned.precision);
    let change = |key: String, version: Option<u32>, learned: String| RuleChange {
        kind: EntryKind::Rule,
        key,
        from: version,
        to: version,
        on_change: Some(OnChange::Keep),
        needs_approval: false,
        learned: Some(learned),
        fields: Vec::new(),
        dealer: None,
    };
    let changed = |rule: &RuleSource| {
        let learned = old.difference(new, &rule.key, rule.version)?;
        Some(change(rule.key.clone(), Some(rule.version), learned))
    };
    let (from, own) = (&from.catalogue.learned, &to.catalogue.learned);
    let tables = from.cohorts.differences(&own.cohorts).into_iter();
    let tables = tables.chain(from.calibration.differences(&own.calibration));
    let tables = tables.map(|(key, learned)| change(key, None, learned));
    to.catalogue.rules.iter().filter_map(changed).chain(tables).collect()
}

/// Subjects and cells of a rule's instances.
fn memory(set: &RuleSet, key: &str) -> Vec<(String, usize)> {
    set.rules.iter().filter(|rule| rule.source.key == key).map(|rule| (rule.subject.clone(), rule.cells())).collect()
}
