//! Takes over what was committed about a vehicle's cases where a replay decided otherwise.

use std::collections::BTreeMap;

use crate::case::{Case, FindingKey, PastCase};
use crate::state::{Vehicle, Visit};
use crate::unit::{Severity, Time};

/// Cases, past ones and visits of one vehicle, as they were committed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Committed {
    pub cases: Vec<Case>,
    pub past: Vec<PastCase>,
    pub visits: Vec<Visit>,
    pub visit_count: u32,
}

impl Vehicle {
    /// Replaces what the state says of cases. What a rule finds on top of it opens anew from here on; nothing is
    /// opened, closed or told for the past.
    pub fn adopt(&mut self, committed: Committed) {
        let open: BTreeMap<FindingKey, (Time, Severity)> = committed
            .cases
            .iter()
            .flat_map(|case| &case.findings)
            .map(|finding| (finding.key, (finding.opened_at, finding.severity)))
            .collect();
        self.watches.adopt(&open);
        self.cases = committed.cases;
        self.past = committed.past.into();
        self.visits = committed.visits.into();
        self.visit_count = committed.visit_count;
        self.warned.clear();
    }
}
