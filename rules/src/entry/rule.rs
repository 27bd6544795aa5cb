//! A rule as written in the catalogue: data, before its expressions are compiled.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::unit::{Severity, Span, Text};
use crate::vehicle::{Powertrain, Profile, Purpose, VehicleId};

/// DOMAIN 5.0: below this a rule goes to shadow mode by itself, unless it has a `gate` of its own.
pub const GATE: f64 = 0.4;

/// One `[[rule]]` of a rule file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Rule")]
pub struct RuleSource {
    pub key: String,
    pub version: u32,
    /// Where its findings belong; `"by fault code"` takes the component of the code that matched.
    pub component: String,
    pub title: Text,
    /// What an advisor reads. `{value}` is the deciding signal and `{limit}` the rule's limit, in the unit written
    /// behind; also `{code}`, `{each}`, `{wheel}`, `{days}`, `{since}`, and what `says` names.
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
    /// The precision below which it runs as a shadow, by the lower bound of its verdicts; 0.4 if left out.
    /// Not for S1, S2, recalls, the end of a warranty and rules by fault code: they are never demoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<f64>,
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
    /// Share of the vehicles that a canary runs on, 0 to 1; always the same ones.
    #[serde(default = "a_tenth")]
    pub canary: f64,
    /// What becomes of what it remembers when a new version of it takes effect.
    #[serde(default)]
    pub on_change: OnChange,
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
    /// Numbers for reason and template by name, each the path of a signal: `says = { v = "Vehicle.…" }`. Without it
    /// `{value}`, `{v}` and `{p}` are the deciding signal; `v = ""` says that there is no such number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub says: BTreeMap<String, String>,
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

    /// Whether it runs on a vehicle at all: canaries run on a share of them, by a stable hash.
    pub fn runs_on(&self, vehicle: &VehicleId) -> bool {
        if self.mode != Mode::Canary {
            return true;
        }
        let place = xxh3_64(format!("{}\u{1f}{}", self.key, vehicle.as_str()).as_bytes());
        (place as f64 / u64::MAX as f64) < self.canary
    }

    /// Whether it is for some dealers' vehicles only: it may add cases, and takes nothing from what holds for all.
    pub fn is_local(&self) -> bool {
        !self.scope.dealer.is_empty()
    }

    /// Whether verdicts may take it out of force. What keeps people safe or keeps their rights is never tuned
    /// away, and rules by fault code have the severity of the code.
    pub fn may_be_demoted(&self) -> bool {
        let mild = self.severity.is_some_and(|severity| severity >= Severity::S3);
        mild && !self.is_by_code() && !matches!(self.kind, RuleKind::Recall | RuleKind::WarrantyEnding)
    }

    /// The template of a notice about a case of that severity: the rule's own, or a general one.
    pub fn template_for(&self, severity: Severity) -> &str {
        let general = if severity == Severity::S1 { "stop_now" } else { "fault_soon" };
        self.template.as_deref().unwrap_or(general)
    }

    /// The precision below which it performs badly.
    pub fn gate(&self) -> f64 {
        self.gate.unwrap_or(GATE)
    }

    /// Whether it is another rule than `other` in more than words and in more than how it is judged.
    pub fn means_other_than(&self, other: &Self) -> bool {
        let judged = |rule: &Self| Self {
            title: Text::default(),
            reason: Text::default(),
            source: String::new(),
            examples: Vec::new(),
            says: BTreeMap::new(),
            gate: None,
            ..rule.clone()
        };
        judged(self) != judged(other)
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

fn a_tenth() -> f64 {
    0.1
}

/// Which vehicles a rule is for; empty means all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    pub powertrain: Vec<Powertrain>,
    pub model: Vec<String>,
    /// First and last model year, included.
    pub year: Option<(u16, u16)>,
    pub region: Vec<String>,
    /// Software of the vehicle: from this version on, and below that one; either may be left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software: Option<SoftwareRange>,
    /// Dealers whose vehicles are meant; a dealer's own rule is for that dealer's, whatever is written here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub dealer: Vec<Uuid>,
    /// Value tiers of the owner. Never for S1 and S2: safety does not depend on what a customer is worth.
    pub tier: Vec<String>,
}

/// Versions such as `2.11.3`, compared number by number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct SoftwareRange {
    /// Included.
    pub from: Option<String>,
    /// Excluded.
    pub below: Option<String>,
}

impl SoftwareRange {
    /// Whether a version lies in the range; one that is not known lies in none.
    pub fn contains(&self, version: &str) -> bool {
        let Some(version) = numbers(version) else { return false };
        let after = self.from.as_deref().and_then(numbers).is_none_or(|from| from <= version);
        let before = self.below.as_deref().and_then(numbers).is_none_or(|below| version < below);
        after && before
    }

    /// Whether both ends are versions.
    pub fn is_sound(&self) -> bool {
        self.from.iter().chain(&self.below).all(|end| numbers(end).is_some())
    }
}

/// The numbers of a version, trailing zeros apart; `None` if it is none.
fn numbers(version: &str) -> Option<Vec<u32>> {
    let mut numbers = version.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}

impl Scope {
    /// Whether a vehicle is meant.
    pub fn includes(&self, profile: &Profile) -> bool {
        let named = |list: &[String], own: &str| list.is_empty() || list.iter().any(|one| one == own);
        (self.powertrain.is_empty() || self.powertrain.contains(&profile.powertrain))
            && named(&self.model, &profile.model)
            && named(&self.region, &profile.region)
            && named(&self.tier, &profile.tier)
            && (self.dealer.is_empty() || self.dealer.contains(&profile.dealer))
            && self.year.is_none_or(|(first, last)| (first..=last).contains(&profile.model_year))
            && self.software.as_ref().is_none_or(|range| range.contains(&profile.software))
    }
}

/// `when` must be true in `n` of the last `of` samples, trips or days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub n: u8,
    /// At most 32.
    pub of: u8,
    pub per: Per,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    Sample,
    Trip,
    Day,
}

/// What a finding of the rule is; decides gates and wording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    #[default]
    Detection,
    Prediction,
    /// Service due by distance or date.
    Due,
    /// Something did not come.
    Absence,
    /// A recall concerns the vehicle.
    Recall,
    /// A warranty ends, and with it the owner's right.
    WarrantyEnding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Live,
    /// Its cases are marked and nobody is contacted.
    Shadow,
    /// As a shadow, on a share of the vehicles.
    Canary,
}

impl Mode {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Shadow => "shadow",
            Self::Canary => "canary",
        }
    }

    /// The same in Chinese.
    pub const fn word_zh(self) -> &'static str {
        match self {
            Self::Live => "正式",
            Self::Shadow => "影子",
            Self::Canary => "灰度",
        }
    }
}

/// What becomes of the memory of a rule (durations, evidence, windows of its own) that gets a new version.
/// Open findings stay open in any case: only the new version's end closes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
pub enum OnChange {
    /// Gathered anew: nothing of the old version counts for the new one.
    #[default]
    Reset,
    /// Goes on; refused if the new version does not remember the same things.
    Keep,
    /// What both versions remember goes on, the rest starts anew.
    Migrate,
}

impl OnChange {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Keep => "keep",
            Self::Migrate => "migrate",
        }
    }
}

/// A rule's own test: readings in, decision out, under a virtual clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub name: String,
    /// Powertrain of the example's vehicle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub powertrain: Option<Powertrain>,
    /// Lines such as `"0s Vehicle.Speed=60 Vehicle.…=12.1"`, `"10s x30 every 1s Vehicle.Speed=60"`,
    /// `"30s fault P0301 0x2f"`, `"4h nothing"`: time since start, then what was measured.
    pub readings: Vec<String>,
    /// What was learned of vehicles like the example's, such as `"Vehicle.Speed 0.95 = 60"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cohort: Vec<String>,
    pub expect: Expect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    Fires,
    Silent,
    Clears,
}

/// The place of a rule instance in its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleNo(pub u16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number() {
        let range = SoftwareRange { from: Some("2.9".to_owned()), below: Some("3.0".to_owned()) };
        for (version, inside) in
            [("2.9", true), ("2.10.1", true), ("2.8.9", false), ("3", false), ("", false), ("x", false)]
        {
            assert_eq!(range.contains(version), inside, "{version}");
        }
        assert!(range.is_sound() && !SoftwareRange { from: Some("two".to_owned()), below: None }.is_sound());
    }

    #[test]
    fn a_canary_runs_on_its_share_of_vehicles_always_the_same() {
        let catalogue = crate::catalogue::Catalogue::builtin().unwrap();
        let rule = RuleSource { mode: Mode::Canary, canary: 0.25, ..catalogue.rules[0].clone() };
        let id = |number: u32| VehicleId::try_new(&format!("car-{number}")).unwrap();
        let chosen: Vec<u32> = (0..4_000).filter(|number| rule.runs_on(&id(*number))).collect();
        assert!((850..1_150).contains(&chosen.len()), "{}", chosen.len());
        assert!(chosen.iter().all(|number| rule.runs_on(&id(*number))));
        let live = RuleSource { mode: Mode::Live, ..rule };
        assert!((0..100).all(|number| live.runs_on(&id(number))));
    }
}
