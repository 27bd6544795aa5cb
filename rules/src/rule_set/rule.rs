//! One instance of a rule, compiled.

use std::sync::Arc;

use crate::entry::rule::{RuleNo, RuleSource};
use crate::language::expr::Program;
use crate::learned::{Demotion, Precision};
use crate::vehicle::{Component, Slot};

/// One instance of a rule.
#[derive(Clone, Debug)]
pub struct Rule {
    pub no: RuleNo,
    /// As it runs: a demoted rule is a shadow here, whatever its author wrote.
    pub source: Arc<RuleSource>,
    /// How often it is right, by the verdicts on this version.
    pub precision: f64,
    /// What was learned of this version, if anything.
    pub learned: Option<Arc<Precision>>,
    /// Value of `each`; empty for plain rules.
    pub subject: String,
    /// `None`: the component of the fault code that matched.
    pub component: Option<Component>,
    pub when: Program,
    pub clear: Option<Program>,
    /// First cell of `when` and of `clear` in the vehicle's cells.
    pub when_cell: usize,
    pub clear_cell: usize,
    pub shows: Vec<Slot>,
    pub by_code: bool,
}

impl Rule {
    /// Why it runs as a shadow although its author made it live.
    pub fn demotion(&self) -> Option<&Demotion> {
        self.learned.as_ref()?.demoted.as_ref()
    }

    /// Cells of both programs; those of `clear` follow those of `when`.
    pub fn cells(&self) -> usize {
        self.when.cells() + self.clear.as_ref().map_or(0, Program::cells)
    }
}
