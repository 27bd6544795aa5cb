//! Why a rule fired for a vehicle, or why it did not: every part of its condition with its value, and
//! every gate between the condition and the owner, in the order in which they are passed.

use serde::Serialize;

use crate::case::FindingKey;
use crate::entry::fault_code::FaultCode;
use crate::entry::rule::{Mode, Per, RuleSource};
use crate::language::expr::{self, Cell, State, Step, Tri, Value};
use crate::learned::Demotion;
use crate::rule_set::{Rule, RuleSet};
use crate::stage::gate::{CaseGates, ORDER_GATE, RuleGates, is_ordered};
use crate::state::Vehicle;
use crate::unit::{Severity, Time};
use crate::vehicle::Component;

/// One rule of one vehicle, as of its newest reading.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    pub vehicle: String,
    pub rule: String,
    pub version: u32,
    pub at: String,
    pub instances: Vec<Instance>,
}

/// One instance: a wheel, a service item, a fault code, or the rule as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Instance {
    pub subject: String,
    /// What the condition came out as.
    pub verdict: &'static str,
    pub open_since: Option<String>,
    /// Of the rule, or of the fault code; `None` where neither has one.
    pub severity: Option<Severity>,
    pub parts: Vec<Part>,
    pub gates: Vec<Gate>,
}

/// A part of the condition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    pub depth: usize,
    pub text: String,
    pub value: String,
    /// Where the value comes from, or why there is none.
    pub state: String,
}

/// Something that can stop a finding on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gate {
    pub name: &'static str,
    pub passed: bool,
    pub because: String,
}

/// Explains a rule; empty of instances where the vehicle gives it nothing to look at.
pub fn explain(vehicle: &Vehicle, source: &RuleSource, set: &RuleSet) -> Explanation {
    let at = vehicle.newest;
    let mut instances = Vec::new();
    for rule in set.rules.iter().filter(|rule| rule.source.key == source.key) {
        if rule.by_code {
            let mut codes: Vec<FaultCode> = vehicle.faults.iter().map(|cycle| cycle.code).collect();
            codes.sort_unstable();
            codes.dedup();
            instances.extend(codes.into_iter().map(|code| instance(vehicle, rule, Some(code), at, set)));
        } else {
            instances.push(instance(vehicle, rule, None, at, set));
        }
    }
    let at = if at == Time::NEVER { "nothing was measured yet".to_owned() } else { at.to_string() };
    Explanation { vehicle: vehicle.id.to_string(), rule: source.key.clone(), version: source.version, at, instances }
}

fn instance(vehicle: &Vehicle, rule: &Rule, code: Option<FaultCode>, at: Time, set: &RuleSet) -> Instance {
    let key = FindingKey { rule: rule.no, code };
    let cycle = code
        .and_then(|code| vehicle.faults.iter().filter(|cycle| cycle.code == code).min_by_key(|cycle| cycle.severity));
    let view = expr::View { code: cycle, ..vehicle.view(at, set) };
    let cells: Vec<Cell> = (0..rule.when.cells())
        .map(|index| vehicle.watches.cell(rule.when_cell + index).unwrap_or(Cell::EMPTY))
        .collect();
    let steps = expr::trace(&rule.when, &view, &cells);
    let verdict = match steps.first().map(|step| &step.value) {
        Some(Value::Truth(truth)) => *truth,
        _ => Tri::Unknown,
    };
    let component = rule.component.clone().or_else(|| cycle.map(|cycle| cycle.component.clone()));
    let open_since = vehicle.watches.open().find(|(open, _)| *open == key).map(|(_, since)| since.to_string());
    Instance {
        subject: code.map_or_else(|| rule.subject.clone(), |code| code.to_string()),
        verdict: word(verdict),
        open_since,
        severity: rule.source.severity.or(cycle.map(|cycle| cycle.severity)),
        parts: steps
            .iter()
            .enumerate()
            .map(|(place, step)| part(step, is_withheld(&steps, place, set), at, set))
            .collect(),
        gates: gates(vehicle, rule, key, verdict, component.as_ref()),
    }
}

const fn word(truth: Tri) -> &'static str {
    match truth {
        Tri::True => "true",
        Tri::False => "false",
        Tri::Unknown => "unknown",
    }
}

/// Whether a step is a number that says when a part fails, or is made of one: people are not shown it.
fn is_withheld(steps: &[Step], place: usize, set: &RuleSet) -> bool {
    let Some(step) = steps.get(place) else { return false };
    let foretells = |step: &Step| match step.state {
        State::Measured { slot, .. } => set.catalogue.signals.get(slot).forecast.is_some(),
        _ => false,
    };
    let mut inside = steps.iter().skip(place + 1).take_while(|inner| inner.depth > step.depth);
    matches!(step.value, Value::Number(Some(_), _)) && (foretells(step) || inside.any(foretells))
}

fn part(step: &Step, withheld: bool, now: Time, set: &RuleSet) -> Part {
    let value = match &step.value {
        _ if withheld => "not shown: when a part fails is not known well enough".to_owned(),
        Value::Truth(truth) => word(*truth).to_owned(),
        Value::Number(Some(number), unit) if unit.is_empty() => format!("{number}"),
        Value::Number(Some(number), unit) => format!("{number} {unit}"),
        Value::Word(Some(word)) => word.clone(),
        Value::Number(None, _) | Value::Word(None) => "unknown".to_owned(),
    };
    let state = match &step.state {
        State::Derived => String::new(),
        State::Measured { slot, at: None, .. } => {
            format!("{} was never measured", set.catalogue.signals.get(*slot).path)
        }
        State::Measured { at: Some(at), usable: true, .. } => format!("measured {at}"),
        State::Measured { slot, at: Some(at), usable: false } => {
            let longest = set.catalogue.signals.get(*slot).max_gap;
            format!("measured {at}, {} ago; it may be used for {longest}", now.since(*at))
        }
        State::Held { since: Some(since) } => format!("since {since}"),
        State::Cohort { vehicles: Some(vehicles) } => format!("of {vehicles} vehicles of its model and mileage"),
        State::Cohort { vehicles: None } => {
            "nothing is known of vehicles like it, or its model or odometer is not known".to_owned()
        }
        State::Held { since: None } => "does not hold".to_owned(),
    };
    Part { depth: step.depth, text: step.text.clone(), value, state }
}

/// How sure a finding of the rule is, and from what.
fn precision(rule: &Rule) -> String {
    let probability = rule.source.probability;
    let confidence = probability * rule.precision;
    let verdicts = rule.learned.as_ref().map_or_else(
        || "no verdicts on this version yet".to_owned(),
        |learned| {
            format!(
                "verdicts weigh {} for it and {} against it, at least {:.2}",
                learned.confirmed, learned.refuted, learned.lower
            )
        },
    );
    format!("confidence {confidence:.2} = probability {probability:.2} x precision {:.2} ({verdicts})", rule.precision)
}

/// Every gate between the rule and an order, as the stages themselves stop at it.
fn gates(vehicle: &Vehicle, rule: &Rule, key: FindingKey, verdict: Tri, component: Option<&Component>) -> Vec<Gate> {
    let of_rule = RuleGates::of(vehicle, rule, key, component, vehicle.newest);
    let mut gates = gates_of_rule(vehicle, rule, verdict, &of_rule);
    let Some(component) = component else { return gates };
    let because = of_rule.refractory_until.map_or_else(
        || "the component does not rest".to_owned(),
        |until| format!("a case on {component} closed; nothing of this severity opens before {until}"),
    );
    gates.push(Gate { name: "refractory", passed: of_rule.refractory_until.is_none(), because });
    let case = vehicle.cases.iter().find(|case| case.findings.iter().any(|finding| finding.key == key));
    if let Some(case) = case {
        gates.extend(gates_of_case(&CaseGates::of(vehicle, case, vehicle.received)));
    }
    gates
}

fn gates_of_rule(vehicle: &Vehicle, rule: &Rule, verdict: Tri, of: &RuleGates) -> Vec<Gate> {
    let (source, profile) = (&rule.source, &vehicle.profile);
    let mut gates = Vec::new();
    let mut gate = |name, passed, because: String| gates.push(Gate { name, passed, because });
    gate(
        "scope",
        of.in_scope,
        format!(
            "{} of {}, {:?}, region `{}`, software `{}`, tier `{}`",
            profile.model, profile.model_year, profile.powertrain, profile.region, profile.software, profile.tier
        ),
    );
    let consented = if of.is_consented { "is consented to" } else { "is not consented to" };
    gate("consent", of.is_consented, format!("{:?} {consented}", source.purpose));
    if let Some(repaired) = of.is_repaired {
        let because = if repaired { "repaired after the newest reading" } else { "not repaired since" };
        gate("repair", !repaired, because.to_owned());
    }
    gate("condition", verdict == Tri::True, format!("it is {}", word(verdict)));
    if let Some(evidence) = of.evidence {
        let per = match evidence.asked.per {
            Per::Sample => "samples",
            Per::Trip => "trips",
            Per::Day => "days",
        };
        let (held, judged, asked) = (evidence.held, evidence.judged, evidence.asked);
        let because = format!("{held} of {judged} {per} so far; it takes {} of {}", asked.n, asked.of);
        gate("evidence", evidence.is_enough(), because);
    }
    let mode = rule.demotion().map_or_else(|| source.mode.word().to_owned(), Demotion::because);
    gate("mode", source.mode == Mode::Live, format!("the rule is {mode}"));
    gate("precision", rule.demotion().is_none(), precision(rule));
    gates
}

fn gates_of_case(of: &CaseGates<'_>) -> [Gate; 4] {
    let case = of.case;
    let muted = of.muted_by.map_or_else(
        || "nothing worse on its branch".to_owned(),
        |worse| format!("muted by {} on {}", worse.severity, worse.component),
    );
    let snoozed = of.snoozed_until.map_or_else(|| "not snoozed".to_owned(), |until| format!("until {until}"));
    let backlog = of.backfill_until.map_or_else(
        || "the vehicle speaks of now".to_owned(),
        |until| format!("a backlog is folded, until {until} at the latest"),
    );
    let order = format!(
        "{}, confidence {:.2} at its opening; by itself the engine orders S1, and S2 from {ORDER_GATE:.2} on: {:?}",
        case.severity, case.confidence, case.proposal
    );
    [
        Gate { name: "inhibition", passed: of.muted_by.is_none(), because: muted },
        Gate { name: "snooze", passed: !of.is_snoozed(), because: snoozed },
        Gate { name: "back-fill", passed: of.backfill_until.is_none(), because: backlog },
        Gate { name: "order", passed: is_ordered(case), because: order },
    ]
}
