//! A rule as written in the catalogue: data, before its expressions are compiled.

use serde::{Deserialize, Serialize};

use crate::severity::Severity;
use crate::text::Text;
use crate::time::Span;
use crate::vehicle::{Powertrain, Purpose};

/// One `[[rule]]` of a rule file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSource {
    pub key: String,
    pub version: u32,
    /// Where its findings belong; `"by fault code"` takes the component of the code that matched.
    pub component: String,
    pub title: Text,
    /// What an advisor and an owner read; `{value}`, `{limit}`, `{since}` and `{code}` are filled in.
    pub reason: Text,
    #[serde(default)]
    pub scope: Scope,
    /// Instances of this rule, one per value; the value replaces `{each}` in `component`, in both
    /// expressions and in `shows`. Wheels, service items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub each: Vec<String>,
    pub when: String,
    /// What ends it; without it, `when` being false does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear: Option<String>,
    /// `when` must hold this long, in measured time.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub for_: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear_for: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    #[serde(default)]
    pub kind: RuleKind,
    /// `"by fault code"` is written by leaving it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Probability that the finding is right, before technicians' verdicts; 0 to 1.
    #[serde(default = "one")]
    pub probability: f64,
    #[serde(default)]
    pub operations: Vec<String>,
    #[serde(default)]
    pub parts: Vec<String>,
    #[serde(default)]
    pub labour_h: f64,
    /// Message template for the owner; without one the owner is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    #[serde(default)]
    pub mode: Mode,
    pub purpose: Purpose,
    /// No new case on the component for this long after it closed, unless worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refractory: Option<Span>,
    /// Signals charted as evidence, the first one is `{value}`.
    #[serde(default)]
    pub shows: Vec<String>,
    /// The limit line of the chart and `{limit}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// Where the thresholds come from.
    pub source: String,
    #[serde(default)]
    pub examples: Vec<Example>,
}

/// The component of rules whose findings belong where their fault code belongs.
const BY_FAULT_CODE: &str = "by fault code";

impl RuleSource {
    /// Whether it is asked about one fault code at a time.
    pub fn is_by_code(&self) -> bool {
        self.component == BY_FAULT_CODE
    }

    /// What its instances are about: the values of `each`, or nothing.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        let plain = self.each.is_empty().then_some("");
        plain.into_iter().chain(self.each.iter().map(String::as_str))
    }
}

/// A text of a rule as it is for one of its subjects.
pub fn about(text: &str, subject: &str) -> String {
    text.replace("{each}", subject)
}

fn one() -> f64 {
    1.0
}

/// Which vehicles a rule is for; empty means all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    pub powertrain: Vec<Powertrain>,
    pub model: Vec<String>,
    /// First and last model year, included.
    pub year: Option<(u16, u16)>,
    pub region: Vec<String>,
}

/// `when` must be true in `n` of the last `of` samples, trips or days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub n: u8,
    /// At most 32.
    pub of: u8,
    pub per: Per,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    Sample,
    Trip,
    Day,
}

/// What a finding of the rule is; decides gates and wording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum RuleKind {
    #[default]
    Detection,
    Prediction,
    /// Service due by distance or date.
    Due,
    /// Something did not come.
    Absence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Live,
    Shadow,
    Canary,
}

/// A rule's own test: readings in, decision out, under a virtual clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub name: String,
    /// Powertrain of the example's vehicle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub powertrain: Option<Powertrain>,
    /// Lines such as `"0s Vehicle.Speed=60 Vehicle.…=12.1"`, `"10s x30 every 1s Vehicle.Speed=60"`,
    /// `"30s fault P0301 0x2f"`, `"4h nothing"`: time since start, then what was measured.
    pub readings: Vec<String>,
    pub expect: Expect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    Fires,
    Silent,
    Clears,
}
