//! The fault-code table: what a code means, how urgent it is, what causes it and what helps.
//!
//! Two levels, both data: single codes with all their particulars, and classes by pattern that give
//! every other code at least a severity and a component. The most precise class that matches counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::code::FaultCode;
use super::pattern::FaultPattern;
use crate::unit::{Severity, Span, Text};
use crate::vehicle::Component;

/// One `[[code]]`: codes that mean the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeEntry {
    pub codes: Vec<FaultCode>,
    pub meaning: Text,
    pub severity: Severity,
    /// What makes it worse while it lasts.
    #[serde(default)]
    pub escalations: Vec<Escalation>,
    /// What it endangers: worse as soon as the car moves with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hazard: Option<Hazard>,
    pub component: Component,
    pub cause: Text,
    #[serde(default)]
    pub parts: Vec<String>,
    #[serde(default)]
    pub operations: Vec<String>,
    /// What the owner should do, in one sentence.
    pub action: Text,
    /// How long it may wait, if that differs from its severity's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
    pub source: String,
}

/// One `[[class]]`: the default for codes that have no entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeClass {
    pub pattern: FaultPattern,
    pub title: Text,
    pub severity: Severity,
    /// These hold for the class's entries too.
    #[serde(default)]
    pub escalations: Vec<Escalation>,
    pub component: Component,
    pub source: String,
}

/// Under a condition, at least this severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    pub when: Condition,
    pub to: Severity,
}

/// What the table's remarks in brackets ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The car moves and the test fails now.
    Moving,
    /// The car charges and the test fails now.
    Charging,
    /// It is wet, and the test fails now.
    Wet,
    /// The 12 V level falls, and the test fails now.
    LowVoltageFalling,
    /// The brake lamp is on.
    BrakeLamp,
    /// The malfunction lamp flashes: the catalyst is being damaged.
    MilFlashing,
}

/// DOMAIN 2.4: with these a car must not go on driving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hazard {
    Brakes,
    Steering,
    Isolation,
    Oil,
    Overheat,
}

/// The whole table.
#[derive(Clone, Debug)]
pub struct FaultCodes {
    entries: Vec<CodeEntry>,
    by_code: BTreeMap<FaultCode, usize>,
    /// Most precise first.
    classes: Vec<CodeClass>,
    /// The class `*`.
    fallback: CodeClass,
}

/// Why entries and classes are not a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultCodesError {
    #[error("fault code {0} is given twice")]
    SameCode(FaultCode),
    #[error("fault-code class {0} is given twice")]
    SameClass(FaultPattern),
    #[error("there is no class `*` for codes that nothing else matches")]
    NoFallback,
}

impl FaultCodes {
    pub fn try_new(entries: Vec<CodeEntry>, mut classes: Vec<CodeClass>) -> Result<Self, FaultCodesError> {
        let mut by_code = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            for code in &entry.codes {
                if by_code.insert(*code, index).is_some() {
                    return Err(FaultCodesError::SameCode(*code));
                }
            }
        }
        classes.sort_by_key(|class| (std::cmp::Reverse(class.pattern.precision()), class.pattern));
        if let Some(pair) = classes.windows(2).find(|pair| pair[0].pattern == pair[1].pattern) {
            return Err(FaultCodesError::SameClass(pair[0].pattern));
        }
        let fallback = classes.pop().filter(|class| class.pattern == FaultPattern::ANY);
        Ok(Self { entries, by_code, classes, fallback: fallback.ok_or(FaultCodesError::NoFallback)? })
    }

    /// The entry of a code: of exactly this failure type, else of the code.
    pub fn entry(&self, code: FaultCode) -> Option<&CodeEntry> {
        let index = self.by_code.get(&code).or_else(|| self.by_code.get(&code.code_without_ftb()))?;
        self.entries.get(*index)
    }

    /// The most precise class that matches; there is always one.
    pub fn class(&self, code: FaultCode) -> &CodeClass {
        self.classes.iter().find(|class| class.pattern.matches(code)).unwrap_or(&self.fallback)
    }

    /// Where a code belongs, by itself or by its class.
    pub fn component(&self, code: FaultCode) -> &Component {
        self.entry(code).map_or(&self.class(code).component, |entry| &entry.component)
    }

    /// What an advisor reads beside a code: its own meaning, else that of its class.
    pub fn meaning(&self, code: FaultCode) -> &Text {
        self.entry(code).map_or(&self.class(code).title, |entry| &entry.meaning)
    }

    pub fn entries(&self) -> &[CodeEntry] {
        &self.entries
    }

    /// All classes, most precise first.
    pub fn classes(&self) -> impl Iterator<Item = &CodeClass> {
        self.classes.iter().chain(std::iter::once(&self.fallback))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(pattern: &str, severity: Severity) -> CodeClass {
        CodeClass {
            pattern: pattern.parse().unwrap(),
            title: Text::default(),
            severity,
            escalations: Vec::new(),
            component: Component::new("engine.other"),
            source: String::new(),
        }
    }

    #[test]
    fn the_most_precise_class_counts() {
        let classes = vec![class("*", Severity::S4), class("P03*", Severity::S2), class("P0*", Severity::S3)];
        let table = FaultCodes::try_new(Vec::new(), classes).unwrap();
        for (code, severity) in [("P0355", Severity::S2), ("P0999", Severity::S3), ("SPN1-FMI1", Severity::S4)] {
            assert_eq!(table.class(code.parse().unwrap()).severity, severity, "{code}");
        }
    }

    #[test]
    fn refuses_a_table_with_holes_or_doubles() {
        let no_fallback = FaultCodes::try_new(Vec::new(), vec![class("P*", Severity::S3)]);
        assert_eq!(no_fallback.err(), Some(FaultCodesError::NoFallback));
        let twice = vec![class("*", Severity::S3), class("P0*", Severity::S3), class("P0*", Severity::S2)];
        assert!(matches!(FaultCodes::try_new(Vec::new(), twice), Err(FaultCodesError::SameClass(_))));
    }
}
