//! Gates between a verdict and an order, each in one place: the stages stop at them, and explanations print them.

use crate::case::{Case, FindingKey, Proposal};
use crate::entry::rule::{Evidence, Mode, RuleKind, RuleSource};
use crate::rule_set::Rule;
use crate::state::Vehicle;
use crate::unit::{Severity, Span, Time};
use crate::vehicle::Component;

/// DOMAIN 5.0: below this confidence an advisor judges first.
pub const ORDER_GATE: f64 = 0.6;

/// DOMAIN 5.0: no new case on a component for this long after one closed, unless worse.
const REFRACTORY: Span = Span::from_days(30);

/// The gates of a case on its way to an order, as they stand at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CaseGates<'a> {
    pub case: &'a Case,
    /// A worse live case on the same branch; the lesser is planned for when that is over.
    pub muted_by: Option<&'a Case>,
    /// Until when a person asked not to be reminded.
    pub snoozed_until: Option<Time>,
    /// Until when a backlog is folded at the latest; nothing is planned meanwhile.
    pub backfill_until: Option<Time>,
    /// Its order is shared with other matters.
    pub is_bundled: bool,
}

impl<'a> CaseGates<'a> {
    /// How the gates of a case stand at a time of reception.
    pub fn of(vehicle: &'a Vehicle, case: &'a Case, received_at: Time) -> Self {
        let snooze = vehicle.snoozed.iter().find(|(id, until)| *id == case.id && received_at < *until);
        let order = case.proposal.order();
        Self {
            case,
            muted_by: muted_by(vehicle, case),
            snoozed_until: snooze.map(|(_, until)| *until),
            backfill_until: vehicle.backfill_until,
            is_bundled: vehicle.visits.iter().any(|visit| Some(visit.order) == order && !visit.alone),
        }
    }

    /// S1 is held by no snooze.
    pub fn is_snoozed(&self) -> bool {
        self.snoozed_until.is_some() && self.case.severity > Severity::S1
    }

    /// Whether there is something to plan for it now.
    pub fn wants_plan(&self) -> bool {
        let severity = self.case.severity;
        if self.case.mode != Mode::Live
            || severity == Severity::S4
            || self.is_snoozed()
            || self.backfill_until.is_some()
        {
            return false;
        }
        match self.case.proposal {
            Proposal::Nothing => self.muted_by.is_none(),
            Proposal::Refused { at } => severity < at,
            // An escalation lifts a waiting case over the gate, or an order out of its bundle.
            Proposal::InReview => is_ordered(self.case),
            Proposal::Ordered { .. } => severity == Severity::S1 && self.is_bundled,
        }
    }
}

/// Whether the engine opens an order by itself: S1 always, S2 where it is sure enough.
pub fn is_ordered(case: &Case) -> bool {
    match case.severity {
        Severity::S1 => true,
        Severity::S2 => f64::from(case.confidence) >= ORDER_GATE,
        Severity::S3 | Severity::S4 => false,
    }
}

/// The live case that mutes another: worse, and on the same branch.
fn muted_by<'a>(vehicle: &'a Vehicle, case: &Case) -> Option<&'a Case> {
    vehicle.cases.iter().find(|other| {
        other.mode == Mode::Live
            && other.id != case.id
            && other.severity < case.severity
            && other.component.same_branch(&case.component)
    })
}

/// The gates of a rule for one vehicle, before any case.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleGates {
    pub in_scope: bool,
    pub is_consented: bool,
    /// A physical act made older readings of the component obsolete; `None` while no component is known.
    pub is_repaired: Option<bool>,
    pub evidence: Option<EvidenceGate>,
    /// Until when the component rests after a case that closed.
    pub refractory_until: Option<Time>,
}

/// How far `n of m` has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EvidenceGate {
    pub asked: Evidence,
    pub held: u32,
    pub judged: u32,
}

impl EvidenceGate {
    pub fn is_enough(&self) -> bool {
        self.held >= u32::from(self.asked.n)
    }
}

impl RuleGates {
    /// How the gates of a rule about a component stand at a measured time.
    pub fn of(vehicle: &Vehicle, rule: &Rule, key: FindingKey, component: Option<&Component>, at: Time) -> Self {
        let source = &rule.source;
        let evidence = source.evidence.map(|asked| {
            let (held, judged) = vehicle.watches.outcomes(key);
            EvidenceGate { asked, held, judged }
        });
        Self {
            in_scope: source.runs_on(&vehicle.id) && source.scope.includes(&vehicle.profile),
            is_consented: vehicle.profile.consents.contains(&source.purpose),
            is_repaired: component.map(|component| vehicle.is_obsolete(component, at)),
            evidence,
            refractory_until: component.and_then(|component| refractory_until(vehicle, component, source, at)),
        }
    }
}

/// Until when nothing of a severity opens on a component whose case closed, exempt severities apart: what was
/// withdrawn never was, and a due date is no relapse.
pub fn rests_until(vehicle: &Vehicle, component: &Component, severity: Severity, rule: &RuleSource) -> Option<Time> {
    let past = vehicle.past.iter().find(|past| past.component == *component)?;
    let closed_at = past.closed_at?;
    let exempt = severity <= Severity::S2 || severity < past.severity || rule.kind == RuleKind::Due;
    (!exempt).then(|| closed_at + rule.refractory.unwrap_or(REFRACTORY))
}

/// Until when a component rests for a rule at `at`, if it does; what has a fault code never rests.
fn refractory_until(vehicle: &Vehicle, component: &Component, rule: &RuleSource, at: Time) -> Option<Time> {
    let severity = rule.severity.filter(|_| !rule.is_by_code())?;
    rests_until(vehicle, component, severity, rule).filter(|until| at < *until)
}
