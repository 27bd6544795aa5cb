//! The words of each page, field by field as its template asks for them.

use std::collections::BTreeMap;

use rules::author::safety::Proof;
use rules::catalogue::EntryKind;
use serde::Deserialize;

use super::{Named, fill};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NavWords {
    pub board: String,
    pub review: String,
    pub inbox: String,
    pub rules: String,
    pub campaigns: String,
    pub status: String,
    pub search: String,
    pub log_out: String,
    pub skip: String,
    pub language: String,
    pub language_title: String,
    pub virtual_clock: String,
    pub live: String,
    pub lost: String,
    pub all_dealers: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginWords {
    pub title: String,
    pub lead: String,
    pub login: String,
    pub password: String,
    pub enter: String,
    pub wrong: String,
    pub wait: String,
    pub busy: String,
    pub too_long: String,
    pub unread: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeverityWords {
    pub s1: String,
    pub s2: String,
    pub s3: String,
    pub s4: String,
    pub s1_hint: String,
    pub s2_hint: String,
    pub s3_hint: String,
    pub s4_hint: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardWords {
    pub title: String,
    pub empty_s1: String,
    pub empty_s2: String,
    pub empty_s3: String,
    pub empty_s4: String,
    pub empty_title: String,
    pub empty: String,
    pub waiting: String,
    pub overdue: String,
    pub no_order: String,
    pub case_only: String,
    pub extra_work: String,
    pub flagged: String,
    pub since: String,
    pub due: String,
    pub appointment: String,
    pub truncated: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewWords {
    pub title: String,
    pub lead: String,
    pub empty_title: String,
    pub empty: String,
    pub unsure: String,
    pub planned: String,
    pub why_not: String,
    pub accept: String,
    pub dismiss: String,
    pub waiting_since: String,
    pub gone: String,
    pub read_only: String,
}

impl RulesWords {
    /// What entries of a kind are called.
    pub fn kind(&self, kind: EntryKind) -> &str {
        self.kinds.get(&kind).map_or(kind.word(), String::as_str)
    }

    /// What was proved of a proposal.
    pub fn proof(&self, proof: &Proof) -> String {
        if proof.examples + proof.courses == 0 {
            return self.nothing_to_prove.clone();
        }
        fill(&fill(&self.proved, "examples", proof.examples), "courses", proof.courses)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesWords {
    pub why: String,
    pub explain: String,
    pub as_of: String,
    pub at_time: String,
    pub nothing_to_look_at: String,
    pub open_since: String,
    pub gates: String,
    pub title: String,
    pub lead: String,
    pub reference: String,
    pub reference_lead: String,
    pub problem: String,
    pub waiting: String,
    pub none_waiting: String,
    pub in_force: String,
    pub history: String,
    pub approve: String,
    pub reject: String,
    pub second_person: String,
    pub own_proposal: String,
    pub manufacturer_decides: String,
    pub of_dealer: String,
    pub proved: String,
    pub nothing_to_prove: String,
    pub not_proved: String,
    pub losses: String,
    pub field: String,
    pub before: String,
    pub after: String,
    pub learned: String,
    /// By the state's word in the store.
    pub states: Named,
    /// Where a proposal comes from, by its word in the store.
    pub origins: Named,
    kinds: BTreeMap<EntryKind, String>,
    pub roll_back: String,
    pub added: String,
    pub removed: String,
    pub needs_second: String,
    pub memory: String,
    pub no_changes: String,
    pub rule: String,
    pub version: String,
    pub severity: String,
    pub component: String,
    pub what: String,
    pub mode: String,
    pub verdicts: String,
    pub precision: String,
    pub at_least: String,
    pub demoted: String,
    pub tasks: String,
    pub task_demoted: String,
    pub task_performs_badly: String,
    pub close_task: String,
    pub functions: String,
    pub signals: String,
    pub signal: String,
    pub unit: String,
    pub range: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignWords {
    pub title: String,
    pub lead: String,
    pub empty_title: String,
    pub empty: String,
    pub with_software: String,
    pub built_in: String,
    pub sentence: String,
    pub since: String,
    pub chart: String,
    pub ratio: String,
    pub false_share: String,
    pub vehicles: String,
    pub accept: String,
    pub dismiss: String,
    pub reason: String,
    pub decided: String,
    pub accepted: String,
    pub dismissed: String,
    pub baseline: String,
    pub change_point: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderWords {
    pub order: String,
    pub and_more: String,
    pub due: String,
    pub opened: String,
    pub appointment: String,
    pub odometer: String,
    pub labour: String,
    pub operations: String,
    pub parts: String,
    pub no_operations: String,
    pub no_parts: String,
    pub hours: String,
    pub rule: String,
    pub confidence: String,
    pub holds_since: String,
    pub reading: String,
    pub limit: String,
    pub at_odometer: String,
    pub clock: String,
    pub clock_corrected: String,
    pub clock_replaced: String,
    pub code: String,
    pub ecu: String,
    pub status: String,
    pub first_seen: String,
    pub last_seen: String,
    pub readings: String,
    pub no_chart: String,
    pub chart_opened: String,
    pub chart_limit: String,
    pub history: String,
    pub log: String,
    pub other_cases: String,
    pub no_other_cases: String,
    pub next: String,
    pub others: String,
    pub over: String,
    pub waits_for: String,
    pub reason: String,
    pub reason_hint: String,
    pub note: String,
    pub odometer_km: String,
    pub appointment_at: String,
    pub flag: String,
    pub flag_done: String,
    pub verdict: String,
    pub verdict_none: String,
    pub verdict_choose: String,
    pub verdict_note: String,
    pub verdict_save: String,
    pub verdict_work: String,
    pub work_done: String,
    pub work_open: String,
    pub work_declined: String,
    pub verdicts_missing: String,
    pub line_withdrawn: String,
    pub case_closed: String,
    pub extra_work: String,
    pub by_engine: String,
    pub changed: String,
    pub refused_reason: String,
    pub refused_odometer: String,
    pub refused_appointment: String,
    pub refused_next: String,
    pub value_at_opening: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastWords {
    pub title: String,
    pub none: String,
    pub nothing: String,
    /// Instead of a date that would not hold.
    pub no_date: String,
    pub due: String,
    pub within: String,
    pub evidence: String,
    pub learning: String,
    /// Of what an estimator's value is.
    pub what: Named,
    /// The estimators' names.
    pub estimator: Named,
    pub held: String,
    pub held_lead: String,
    pub no_outcomes: String,
    pub judged: String,
    pub brier: String,
    pub calibration_error: String,
    pub coverage: String,
    pub said: String,
    pub seen: String,
    pub all_models: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VehicleWords {
    pub title: String,
    pub powertrain: String,
    pub delivered: String,
    pub dealer: String,
    pub registered_by: String,
    pub consents: String,
    pub no_consents: String,
    pub owner: String,
    pub no_owner: String,
    pub phone: String,
    pub plate: String,
    pub vin: String,
    pub language: String,
    pub show: String,
    pub show_hint: String,
    pub show_reason: String,
    pub show_button: String,
    pub reasons: Vec<String>,
    pub revealed: String,
    pub last_heard: String,
    pub never_heard: String,
    pub trends: String,
    pub no_trends: String,
    pub values: String,
    pub no_values: String,
    pub cases: String,
    pub no_cases: String,
    pub open_cases: String,
    pub past_cases: String,
    pub orders: String,
    pub no_orders: String,
    pub services: String,
    pub no_services: String,
    pub plan: String,
    pub no_plan: String,
    pub km_left: String,
    pub km_over: String,
    pub days_left: String,
    pub days_over: String,
    pub driven_in: String,
    pub last_done: String,
    pub notices: String,
    pub no_notices: String,
    pub attempts: String,
    pub seen: String,
    pub rejections: String,
    pub no_rejections: String,
    pub case_no_order: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboxWords {
    pub title: String,
    pub empty_title: String,
    pub empty: String,
    pub read: String,
    pub read_all: String,
    pub unread: String,
    pub earlier: String,
    pub open_order: String,
    pub open_vehicle: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusWords {
    pub title: String,
    pub ready: String,
    pub not_ready: String,
    pub lead: String,
    pub queues: String,
    pub outbox_queued: String,
    pub outbox_parked: String,
    pub commands_waiting: String,
    pub reviews_waiting: String,
    pub orders_open: String,
    pub rejections: String,
    pub no_rejections: String,
    pub metrics: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeWords {
    pub now: String,
    pub minutes: String,
    pub hours: String,
    pub days: String,
    pub ago: String,
    pub ahead: String,
    pub overdue: String,
    pub day_month: String,
    pub day_month_year: String,
}
