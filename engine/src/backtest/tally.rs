//! What came of the rules: cases, contacts, bay-hours and parts, by rule and week, and how much of
//! what each rule needs was there.

use std::collections::BTreeMap;

use rules::case::Audience;
use rules::compact::RuleMask;
use rules::rule_set::RuleSet;
use rules::stage::effect::{CaseEffect, ChangeKind, Effect, FindingEffect, NoticeEffect, OrderEffect, ReviewEffect};
use rules::unit::{Severity, Span, Time};
use rules::vehicle::VehicleId;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

/// One case of the back-test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseRow {
    pub vehicle: VehicleId,
    pub component: String,
    /// Of its worst finding, as of the last change.
    pub rule: String,
    pub version: u32,
    /// The worst it came to.
    pub severity: Severity,
    #[serde(serialize_with = "readable")]
    pub opened_at: Time,
    #[serde(serialize_with = "readable_if_any")]
    pub closed_at: Option<Time>,
    /// Readings that arrived later disproved it: it counts for nothing.
    pub withdrawn: bool,
    pub contacts: u32,
    /// It waited for an advisor's judgement rather than getting an order by itself.
    pub reviewed: bool,
    pub bay_hours: f64,
    pub parts: u32,
    /// Days from its opening to the day it asked for, or to the day it became S1 or S2.
    pub lead_days: Option<f64>,
}

/// What one rule set led to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    pub cases: BTreeMap<Uuid, CaseRow>,
    /// By rule key: vehicle-days on which it was in scope, and on which it came to a verdict.
    pub days: BTreeMap<String, Days>,
    /// Evaluations that came to a verdict, and that could not, by rule key.
    pub asked: BTreeMap<String, Asked>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Days {
    pub in_scope: u64,
    pub covered: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub ready: u64,
    pub not_ready: u64,
}

impl Tally {
    /// Takes over what one input led to.
    pub fn note(&mut self, vehicle: &VehicleId, effects: &[Effect]) {
        for effect in effects {
            self.note_one(vehicle, effect);
        }
    }

    fn note_one(&mut self, vehicle: &VehicleId, effect: &Effect) {
        match effect {
            Effect::Case(CaseEffect::Open { case, component, severity, rule, version, opened_at, .. }) => {
                let row = CaseRow {
                    vehicle: vehicle.clone(),
                    component: component.to_string(),
                    rule: rule.clone(),
                    version: *version,
                    severity: *severity,
                    opened_at: *opened_at,
                    closed_at: None,
                    withdrawn: false,
                    contacts: 0,
                    reviewed: false,
                    bay_hours: 0.0,
                    parts: 0,
                    lead_days: None,
                };
                self.cases.insert(*case, row);
            }
            Effect::Case(CaseEffect::Change { case, severity, rule, version }) => {
                if let Some(row) = self.cases.get_mut(case) {
                    row.severity = row.severity.min(*severity);
                    row.rule.clone_from(rule);
                    row.version = *version;
                }
            }
            Effect::Case(CaseEffect::Log { case, kind: ChangeKind::Escalate, measured_at, .. }) => {
                if let Some(row) = self.cases.get_mut(case).filter(|row| row.severity <= Severity::S2) {
                    let days = measured_at.since(row.opened_at).secs_f64() / 86_400.0;
                    row.lead_days.get_or_insert(days);
                }
            }
            Effect::Finding(FindingEffect::Open { case, evidence, .. }) => {
                if let (Some(row), Some(days)) = (self.cases.get_mut(case), evidence.days_left) {
                    row.lead_days.get_or_insert(days.into());
                }
            }
            Effect::Case(CaseEffect::End { case, withdrawn, at }) => {
                if let Some(row) = self.cases.get_mut(case) {
                    (row.closed_at, row.withdrawn) = (Some(*at), *withdrawn);
                }
            }
            Effect::Review(ReviewEffect::Queue { case, .. }) => {
                if let Some(row) = self.cases.get_mut(case) {
                    row.reviewed = true;
                }
            }
            Effect::Order(OrderEffect::AddLine { case, parts, labour_h, .. }) => {
                if let Some(row) = self.cases.get_mut(case) {
                    row.bay_hours += labour_h;
                    row.parts += parts.len() as u32;
                }
            }
            // The owner and the car; the dealer's own console is no contact.
            Effect::Notice(NoticeEffect::Enqueue(notice)) if notice.audience == Audience::Owner => {
                if let Some(row) = self.cases.get_mut(&notice.case) {
                    row.contacts += 1;
                }
            }
            _ => {}
        }
    }

    /// A day of a vehicle is over: which rules were meant for it, and which came to a verdict.
    pub fn note_day(&mut self, in_scope: RuleMask, verdicts: &RuleMask, set: &RuleSet) {
        for rule in set.in_mask(in_scope) {
            let days = match self.days.get_mut(&rule.source.key) {
                Some(days) => days,
                None => self.days.entry(rule.source.key.clone()).or_default(),
            };
            days.in_scope += 1;
            days.covered += verdicts[rule.no.0 as usize / 64] >> (rule.no.0 % 64) & 1;
        }
    }

    /// Takes over how often each rule was asked.
    pub fn note_asked(&mut self, ready: &[u32], not_ready: &[u32], set: &RuleSet) {
        for rule in &set.rules {
            let count = |of: &[u32]| of.get(usize::from(rule.no.0)).copied().map_or(0, u64::from);
            let asked = self.asked.entry(rule.source.key.clone()).or_default();
            asked.ready += count(ready);
            asked.not_ready += count(not_ready);
        }
    }

    /// Adds what another shard found.
    pub fn merge(&mut self, other: Self) {
        self.cases.extend(other.cases);
        for (key, more) in other.days {
            let days = self.days.entry(key).or_default();
            days.in_scope += more.in_scope;
            days.covered += more.covered;
        }
        for (key, more) in other.asked {
            let asked = self.asked.entry(key).or_default();
            asked.ready += more.ready;
            asked.not_ready += more.not_ready;
        }
    }

    /// Cases that stand: all but withdrawn ones, by vehicle and time.
    pub fn settled(&self) -> Vec<&CaseRow> {
        let mut settled: Vec<&CaseRow> = self.cases.values().filter(|case| !case.withdrawn).collect();
        settled.sort_by(|one, other| {
            (&one.vehicle, one.opened_at, &one.component).cmp(&(&other.vehicle, other.opened_at, &other.component))
        });
        settled
    }
}

/// RFC 3339 for people and their tools, compact for snapshots.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub fn readable<S: Serializer>(at: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() { serializer.collect_str(at) } else { at.serialize(serializer) }
}

#[expect(clippy::ref_option, reason = "serde passes references")]
pub fn readable_if_any<S: Serializer>(at: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) if serializer.is_human_readable() => serializer.collect_str(at),
        at => at.serialize(serializer),
    }
}

/// The Monday of the week that an instant lies in.
pub fn week_of(at: Time) -> Time {
    // 1970-01-01 was a Thursday.
    let day = i64::from(at.day());
    Time::from_secs((day - (day + 3).rem_euclid(7)) * 86_400)
}

/// Weeks, and parts of them, between two instants; at least one day.
pub fn weeks_between(from: Time, to: Time) -> f64 {
    (to.since(from).max(Span::from_days(1)).secs_f64()) / (7.0 * 86_400.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday() {
        let at = |text: &str| Time::parse(text).unwrap();
        assert_eq!(week_of(at("2026-11-22T23:59:59Z")), at("2026-11-16T00:00:00Z"));
        assert_eq!(week_of(at("2026-11-23T00:00:00Z")), at("2026-11-23T00:00:00Z"));
    }
}
