//! respond: what to do about open cases. Plans are idempotent: what has been proposed is not
//! proposed again, so respond may run after any step and at the end of a back-fill.

use uuid::Uuid;

use crate::case::{Audience, Case, Proposal, order_id};
use crate::entry::rule::Mode;
use crate::rule_set::Rule;
use crate::stage::effect::{Effect, OrderEffect, ReviewEffect};
use crate::stage::gate::{CaseGates, ORDER_GATE, is_ordered};
use crate::stage::scope::StepScope;
use crate::stage::stop_now::warn_of_open_cases;
use crate::state::Visit;
use crate::unit::{Severity, Text, Time};

/// What became of a case that passed its gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// An order was opened, alone or to be shared.
    Ordered { order: Uuid },
    /// It joined the visit that was open already.
    Joined { order: Uuid },
    /// An advisor judges it.
    Queued,
}

/// Plans for every open live case whose gates are open, and says which they were and what became of them.
pub fn respond(scope: &mut StepScope<'_>) -> Vec<(Uuid, Plan)> {
    let (vehicle, received_at) = (&*scope.vehicle, scope.received_at);
    let mut waiting: Vec<(Severity, Time, Uuid)> = vehicle
        .cases
        .iter()
        .filter(|case| CaseGates::of(vehicle, case, received_at).wants_plan())
        .map(|case| (case.severity, case.opened_at, case.id))
        .collect();
    // Worst first: the milder ones then find a visit to join. Alike ones in the order in which they came.
    waiting.sort_unstable();
    let plans = waiting.into_iter().filter_map(|(_, _, id)| scope.plan(id).map(|plan| (id, plan))).collect();
    warn_of_open_cases(scope);
    plans
}

impl StepScope<'_> {
    fn plan(&mut self, id: Uuid) -> Option<Plan> {
        let case = self.vehicle.case(id).cloned()?;
        if case.proposal == Proposal::InReview {
            self.write(Effect::Review(ReviewEffect::End { case: id }));
        }
        if case.severity == Severity::S1 {
            let order = self.open_order(&case, true)?;
            self.hasten_others(&case);
            Some(Plan::Ordered { order })
        } else if let Some(place) = self.shared_visit() {
            Some(self.join_visit(place, &case))
        } else if is_ordered(&case) {
            let order = self.open_order(&case, false)?;
            self.bundle();
            Some(Plan::Ordered { order })
        } else {
            self.queue_review(&case);
            Some(Plan::Queued)
        }
    }

    /// Opens an order for a case that an advisor accepted, whatever its severity.
    pub fn open_accepted(&mut self, id: Uuid) {
        let Some(case) = self.vehicle.case(id).cloned() else { return };
        if matches!(case.proposal, Proposal::Ordered { .. }) {
            return;
        }
        if let Some(place) = self.shared_visit() {
            self.join_visit(place, &case);
        } else {
            self.open_order(&case, false);
            self.bundle();
        }
    }

    /// The visit that other matters may join, by its place.
    fn shared_visit(&self) -> Option<usize> {
        self.vehicle.visits.iter().position(|visit| !visit.alone)
    }

    fn open_order(&mut self, case: &Case, alone: bool) -> Option<Uuid> {
        self.vehicle.visit_count += 1;
        let visit = self.vehicle.visit_count;
        let order = order_id(&self.vehicle.id, self.vehicle.life, visit);
        let rule = case.worst().and_then(|worst| self.set.rule(worst.key.rule))?;
        self.write(Effect::Order(OrderEffect::Propose {
            order,
            visit,
            severity: case.severity,
            due_at: due_at(case.severity, self.received_at),
            opened_at: self.received_at,
            because: Text::new(
                format!("{}({}),置信度{:.2}", rule.source.title.zh_cn, rule.source.key, case.confidence),
                format!("{} ({}), confidence {:.2}", rule.source.title.en, rule.source.key, case.confidence),
            ),
        }));
        self.vehicle.visits.push(Visit { order, severity: case.severity, alone, checked_in: false, cases: Vec::new() });
        let place = self.vehicle.visits.len() - 1;
        self.add_line(place, case);
        self.notify(case, order, Audience::Owner);
        self.notify(case, order, Audience::Dealer);
        Some(order)
    }

    fn join_visit(&mut self, place: usize, case: &Case) -> Plan {
        self.add_line(place, case);
        let visit = &mut self.vehicle.visits[place];
        let order = visit.order;
        if case.severity < visit.severity {
            visit.severity = case.severity;
            let due_at = due_at(case.severity, self.received_at);
            self.write(Effect::Order(OrderEffect::Hasten { order, severity: case.severity, due_at }));
        }
        Plan::Joined { order }
    }

    fn add_line(&mut self, place: usize, case: &Case) {
        let visit = &mut self.vehicle.visits[place];
        let (order, extra_work) = (visit.order, visit.checked_in);
        visit.cases.push(case.id);
        let work = self.work_for(case);
        self.write(Effect::Order(OrderEffect::AddLine {
            order,
            case: case.id,
            component: case.component.clone(),
            severity: case.severity,
            operations: work.operations,
            parts: work.parts,
            labour_h: work.labour_h,
            extra_work,
        }));
        if let Some(open) = self.vehicle.case_mut(case.id) {
            open.proposal = Proposal::Ordered { order };
        }
    }

    /// What a case takes in the workshop, by its rules, its fault codes and its item of the plan.
    fn work_for(&self, case: &Case) -> Work {
        let catalogue = &self.set.catalogue;
        let rules: Vec<&Rule> = case.findings.iter().filter_map(|finding| self.set.rule(finding.key.rule)).collect();
        let mut operations: Vec<String> = rules.iter().flat_map(|rule| rule.source.operations.clone()).collect();
        let mut parts: Vec<String> = rules.iter().flat_map(|rule| rule.source.parts.clone()).collect();
        for code in case.findings.iter().filter_map(|finding| finding.key.code) {
            if let Some(entry) = catalogue.fault_codes.entry(code) {
                operations.extend(entry.operations.iter().cloned());
                parts.extend(entry.parts.iter().cloned());
            }
        }
        if let Some(item) = catalogue.service_item(&self.vehicle.profile.model, &case.component) {
            operations.extend(item.operations.iter().cloned());
            parts.extend(item.parts.iter().cloned());
        }
        for list in [&mut operations, &mut parts] {
            list.sort_unstable();
            list.dedup();
        }
        let by_rule = rules.iter().map(|rule| rule.source.labour_h).fold(0.0, f64::max);
        let by_operation: f64 =
            operations.iter().filter_map(|key| catalogue.operation(key)).map(|operation| operation.labour_h).sum();
        Work { operations, parts, labour_h: if by_rule > 0.0 { by_rule } else { by_operation } }
    }

    /// One visit bundles what is due anyway: every other open case that waits for judgement.
    fn bundle(&mut self) {
        let Some(place) = self.shared_visit() else { return };
        let waits = |case: &&Case| {
            case.mode == Mode::Live && case.proposal == Proposal::InReview && case.severity > Severity::S1
        };
        let joining: Vec<Case> = self.vehicle.cases.iter().filter(waits).cloned().collect();
        for case in joining {
            self.write(Effect::Review(ReviewEffect::End { case: case.id }));
            self.add_line(place, &case);
        }
    }

    /// S1 gets its own order and pulls the others forward: the car comes in anyway.
    fn hasten_others(&mut self, case: &Case) {
        let due_at = due_at(Severity::S1, self.received_at);
        for visit in &self.vehicle.visits {
            if !visit.alone && !visit.checked_in && !visit.cases.contains(&case.id) {
                let hasten =
                    Effect::Order(OrderEffect::Hasten { order: visit.order, severity: visit.severity, due_at });
                self.effects.written.push(hasten);
            }
        }
    }

    fn queue_review(&mut self, case: &Case) {
        let because = if case.severity == Severity::S2 {
            Text::new(
                format!("置信度{:.2}低于{ORDER_GATE:.2}", case.confidence),
                format!("confidence {:.2} is below {ORDER_GATE:.2}", case.confidence),
            )
        } else {
            Text::new(format!("{}由服务顾问安排", case.severity), format!("{} is planned by an advisor", case.severity))
        };
        let queued_at = self.received_at;
        self.write(Effect::Review(ReviewEffect::Queue { case: case.id, severity: case.severity, because, queued_at }));
        if let Some(open) = self.vehicle.case_mut(case.id) {
            open.proposal = Proposal::InReview;
        }
    }
}

/// What a line of an order takes.
struct Work {
    operations: Vec<String>,
    parts: Vec<String>,
    /// Hours of labour.
    labour_h: f64,
}

fn due_at(severity: Severity, from: Time) -> Time {
    from + severity.time_limit()
}
