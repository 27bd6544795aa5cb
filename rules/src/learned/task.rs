//! What the figures of a rule ask of its author.

use super::precision::PrecisionTable;
use crate::entry::rule::{Mode, RuleSource};

/// A rule version in force that performs badly.
#[derive(Clone, Debug, PartialEq)]
pub struct Task<'a> {
    pub rule: &'a RuleSource,
    pub what: What,
    pub precision: f64,
    pub lower: f64,
    pub gate: f64,
    pub confirmed: f64,
    pub refuted: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It runs as a shadow from now on.
    Demoted,
    /// It must not be demoted: it stays live, and somebody has to make it better.
    PerformsBadly,
}

impl What {
    /// The word in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Demoted => "demoted",
            Self::PerformsBadly => "performs_badly",
        }
    }
}

/// The tasks that follow from a table.
pub fn tasks<'a>(rules: &'a [RuleSource], table: &PrecisionTable) -> Vec<Task<'a>> {
    let live = rules.iter().filter(|rule| rule.mode == Mode::Live);
    let task = |rule: &'a RuleSource| {
        let entry = table.of(&rule.key, rule.version)?;
        let gate = entry.demoted.as_ref().map_or_else(|| rule.gate(), |demotion| demotion.gate);
        let (what, precision, lower) = match &entry.demoted {
            Some(demotion) => (What::Demoted, demotion.precision, demotion.lower),
            None if !rule.may_be_demoted() && entry.tally().is_below(gate) => {
                (What::PerformsBadly, entry.precision, entry.lower)
            }
            None => return None,
        };
        Some(Task { rule, what, precision, lower, gate, confirmed: entry.confirmed, refuted: entry.refuted })
    };
    live.filter_map(task).collect()
}
