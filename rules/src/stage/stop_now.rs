//! Stop-now: who must stop hears it from the first fresh reading that shows why, whenever the case opened.
//!
//! A case may open in a backlog, rise to S1 later, or open while the vehicle's clock is in doubt. None of that
//! warns anybody by itself: readings older than ten minutes are no reason to stop. The next fresh one is.

use crate::case::{Case, FindingKey, OpenFinding};
use crate::entry::rule::Mode;
use crate::language::expr::{self, Cell, Tri, View};
use crate::observed::fault_cycle::FaultPhase;
use crate::rule_set::{Rule, RuleSet};
use crate::stage::evidence::evidence_now;
use crate::stage::scope::StepScope;
use crate::state::Vehicle;
use crate::unit::{Severity, Span, Time};

/// What was measured longer ago is no reason to stop now.
pub const STOP_NOW_WITHIN: Span = Span::from_mins(10);

/// Sends stop-now for every open case of S1 that fresh readings show and that was not warned of yet.
pub fn warn_of_open_cases(scope: &mut StepScope<'_>) {
    let waits = |case: &Case| case.severity == Severity::S1 && case.mode == Mode::Live && !case.warned;
    for place in 0..scope.vehicle.cases.len() {
        let (vehicle, received_at, set) = (&*scope.vehicle, scope.received_at, scope.set);
        let case = &vehicle.cases[place];
        let is_urgent = |finding: &&OpenFinding| {
            finding.severity == Severity::S1 && is_shown(vehicle, finding.key, finding.opened_at, received_at, set)
        };
        let Some(finding) = case.findings.iter().filter(|_| waits(case)).find(is_urgent) else { continue };
        let Some(rule) = set.rule(finding.key.rule) else { continue };
        let evidence = evidence_now(vehicle, finding.key, finding.opened_at, set);
        let (id, order) = (case.id, case.proposal.order());
        scope.stop_now(id, order, rule, evidence.as_ref());
        scope.vehicle.cases[place].warned = true;
    }
}

/// Whether readings that are no older than ten minutes show now what a finding says.
pub fn is_shown(vehicle: &Vehicle, key: FindingKey, opened_at: Time, received_at: Time, set: &RuleSet) -> bool {
    let now = vehicle.newest;
    let is_fresh = |at: Time| at != Time::NEVER && received_at.since(at) <= STOP_NOW_WITHIN;
    if !is_fresh(now) {
        return false;
    }
    // What opens right now was shown right now; some conditions hold for a moment only.
    let Some(rule) = set.rule(key.rule).filter(|_| opened_at != now) else { return opened_at == now };
    let cycle = key.code.and_then(|code| vehicle.faults.iter().find(|cycle| cycle.code == code));
    let measured_at = match (cycle, rule.when.evidence_slots().first()) {
        (Some(cycle), _) => cycle.last_at,
        (None, Some(slot)) => vehicle.last(Some(*slot)).at,
        (None, None) => {
            let active = vehicle.faults.iter().filter(|cycle| cycle.phase != FaultPhase::Stored);
            active.map(|cycle| cycle.last_at).max().unwrap_or(now)
        }
    };
    is_fresh(measured_at) && holds(vehicle, rule, View { code: cycle, ..vehicle.view(now, set) })
}

/// Runs a rule's condition once more, on a copy of what it remembers.
fn holds(vehicle: &Vehicle, rule: &Rule, view: View<'_>) -> bool {
    let cell = |index| vehicle.watches.cell(rule.when_cell + index).unwrap_or(Cell::EMPTY);
    let mut cells: Vec<Cell> = (0..rule.when.cells()).map(cell).collect();
    expr::run(&rule.when, &view, &mut cells) == Tri::True
}
