//! What a change of rules means: which rules come, go and change, what becomes of what they remember,
//! and whether somebody else has to agree.

use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::rule::{OnChange, RuleSource};
use crate::rule_set::RuleSet;

/// One rule that differs between two sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleChange {
    pub key: String,
    /// `None`: it is new.
    pub from: Option<u32>,
    /// `None`: it goes, and its open findings are withdrawn.
    pub to: Option<u32>,
    /// What becomes of what it remembers.
    pub on_change: OnChange,
    /// Its findings reach the owner or the car, and it does not come with the product: a second
    /// person has to agree.
    pub needs_approval: bool,
    /// What was learned about it since; the rule itself is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<String>,
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

/// Compares two sets. `shipped` is the product's own catalogue; a `rollback` may go back in version.
pub fn compare(
    from: &RuleSet,
    to: &RuleSet,
    shipped: &Catalogue,
    rollback: bool,
) -> Result<Vec<RuleChange>, Vec<ChangeError>> {
    let (mut changes, mut errors) = (Vec::new(), Vec::new());
    let find = |catalogue: &Catalogue, key: &str| catalogue.rules.iter().find(|rule| rule.key == key).cloned();
    let mut keys: Vec<&str> =
        from.catalogue.rules.iter().chain(&to.catalogue.rules).map(|rule| rule.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let (old, new) = (find(&from.catalogue, key), find(&to.catalogue, key));
        if old == new {
            continue;
        }
        if let (Some(old), Some(new)) = (&old, &new)
            && !rollback
        {
            if old.version == new.version && old.means_other_than(new) {
                errors.push(ChangeError::SameVersion(key.to_owned()));
            } else if old.version > new.version {
                errors.push(ChangeError::OlderVersion(key.to_owned(), old.version, new.version));
            } else if new.on_change == OnChange::Keep && memory(from, key) != memory(to, key) {
                errors.push(ChangeError::OtherMemory(key.to_owned()));
            }
        }
        let is_shipped = new == find(shipped, key);
        let contacts = |rule: &Option<RuleSource>| rule.as_ref().is_some_and(RuleSource::contacts_owner);
        changes.push(RuleChange {
            key: key.to_owned(),
            from: old.as_ref().map(|rule| rule.version),
            to: new.as_ref().map(|rule| rule.version),
            on_change: new.as_ref().map_or(OnChange::Reset, |rule| rule.on_change),
            needs_approval: !is_shipped && (contacts(&old) || contacts(&new)),
            learned: None,
        });
    }
    changes.extend(learned(from, to));
    if errors.is_empty() { Ok(changes) } else { Err(errors) }
}

/// What was learned of the rules in force.
fn learned(from: &RuleSet, to: &RuleSet) -> Vec<RuleChange> {
    let (old, new) = (&from.catalogue.learned.precision, &to.catalogue.learned.precision);
    let changed = |rule: &RuleSource| {
        let learned = old.difference(new, &rule.key, rule.version)?;
        Some(RuleChange {
            key: rule.key.clone(),
            from: Some(rule.version),
            to: Some(rule.version),
            on_change: OnChange::Keep,
            needs_approval: false,
            learned: Some(learned),
        })
    };
    let (from, own) = (&from.catalogue.learned, &to.catalogue.learned);
    let tables = from.cohorts.differences(&own.cohorts).into_iter();
    let tables = tables.chain(from.calibration.differences(&own.calibration)).map(|(key, learned)| RuleChange {
        key,
        from: None,
        to: None,
        on_change: OnChange::Keep,
        needs_approval: false,
        learned: Some(learned),
    });
    to.catalogue.rules.iter().filter_map(changed).chain(tables).collect()
}

/// Subjects and cells of a rule's instances.
fn memory(set: &RuleSet, key: &str) -> Vec<(String, usize)> {
    set.rules.iter().filter(|rule| rule.source.key == key).map(|rule| (rule.subject.clone(), rule.cells())).collect()
}
