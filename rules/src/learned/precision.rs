//! Live precision: how often a version of a rule was right, by what technicians found.
//!
//! A Beta prior speaks for rules that nobody has judged yet, old verdicts fade, and a rule is judged by the
//! lower end of what its verdicts allow. Below its gate a rule of S3 or S4 runs as a shadow; what must not be
//! tuned away (S1, S2, recalls, the end of a warranty) stays live and gives its author a task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::case::Verdict;
use crate::entry::rule::{Mode, RuleSource};

/// DOMAIN 5.0: before any verdict, 7 of 10 findings are taken to be right.
const PRIOR_RIGHT: f64 = 7.0;
const PRIOR_JUDGED: f64 = 10.0;
/// Precision of a rule without verdicts.
pub const PRIOR_PRECISION: f64 = PRIOR_RIGHT / PRIOR_JUDGED;
/// DOMAIN 5.0: a verdict counts half after this long.
pub const HALF_LIFE_DAYS: f64 = 180.0;
/// A fault that the workshop did not find and that came back counts half (DOMAIN 6.5).
const CAME_BACK: f64 = 0.5;
/// One-sided 95 %.
pub(super) const Z: f64 = 1.645;
/// Verdicts, by weight, below which nothing is demoted: with the prior alone the lower bound is 0.44, and a
/// single car without a fault would bring it to 0.39.
pub const ENOUGH: f64 = 5.0;
/// A precision that moved less than this changes no decision worth an activation.
const NOTICEABLE: f64 = 0.02;
/// Verdicts that have faded to less than this are forgotten.
const FADED: f64 = 0.05;

/// A verdict on a finding, as far as it weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    pub verdict: Verdict,
    /// Another rule found the same component within 30 days: a fault that was not found needs its conditions.
    pub came_back: bool,
}

/// Verdicts by weight.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    pub confirmed: f64,
    pub refuted: f64,
}

impl Tally {
    /// Adds so many verdicts of one kind and age.
    pub fn add(&mut self, judged: Judged, count: u32, age_days: f64) {
        let weight = f64::from(count) * (-age_days.max(0.0) / HALF_LIFE_DAYS).exp2();
        match judged.verdict {
            Verdict::Confirmed | Verdict::ConfirmedOtherCause => self.confirmed += weight,
            Verdict::NoFaultFound if judged.came_back => self.refuted += CAME_BACK * weight,
            Verdict::NoFaultFound => self.refuted += weight,
            Verdict::PrecautionaryReplaced | Verdict::NotInspected => {}
        }
    }

    pub fn weight(self) -> f64 {
        self.confirmed + self.refuted
    }

    /// The mean of the Beta posterior.
    pub fn precision(self) -> f64 {
        (PRIOR_RIGHT + self.confirmed) / (PRIOR_JUDGED + self.weight())
    }

    /// Wilson's lower bound of it, the prior counted as if it had been seen.
    pub fn lower(self) -> f64 {
        wilson_lower(self.precision(), PRIOR_JUDGED + self.weight(), Z)
    }

    /// Whether enough was said, and the worst of it lies below the gate.
    pub fn is_below(self, gate: f64) -> bool {
        self.weight() >= ENOUGH && self.lower() < gate
    }
}

/// The lower end of Wilson's score interval of a share `p` seen in `n`.
pub(super) fn wilson_lower(p: f64, n: f64, z: f64) -> f64 {
    let centre = p + z * z / (2.0 * n);
    let margin = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - margin) / (1.0 + z * z / n)).max(0.0)
}

/// One rule version of the table, `[[precision]]` of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Precision {
    pub rule: String,
    pub version: u32,
    /// Verdicts for it and against it, by weight.
    pub confirmed: f64,
    pub refuted: f64,
    pub precision: f64,
    pub lower: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demoted: Option<Demotion>,
}

impl Precision {
    pub const fn tally(&self) -> Tally {
        Tally { confirmed: self.confirmed, refuted: self.refuted }
    }
}

/// Why a rule version runs as a shadow. It stays so: only another version has verdicts of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demotion {
    /// The day, such as `2026-11-22`.
    pub on: String,
    pub precision: f64,
    pub lower: f64,
    pub gate: f64,
}

impl Demotion {
    /// The sentence for people.
    pub fn because(&self) -> String {
        format!(
            "demoted to shadow on {}: of its findings {:.2} were right, at least {:.2}, and its gate is {:.2}",
            self.on, self.precision, self.lower, self.gate
        )
    }
}

/// Precision by rule and version, in that order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrecisionTable(Vec<Precision>);

#[derive(Serialize)]
struct File<'a> {
    precision: &'a [Precision],
}

impl PrecisionTable {
    pub fn new(mut entries: Vec<Precision>) -> Self {
        entries.sort_by(|a, b| (&a.rule, a.version).cmp(&(&b.rule, b.version)));
        Self(entries)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Precision> {
        self.0.iter()
    }

    pub fn of(&self, rule: &str, version: u32) -> Option<&Precision> {
        let place = self.0.binary_search_by(|entry| (entry.rule.as_str(), entry.version).cmp(&(rule, version)));
        place.ok().map(|place| &self.0[place])
    }

    /// The file of the table.
    pub fn to_toml(&self) -> String {
        // A list of plain tables can always be written.
        let body = toml::to_string(&File { precision: &self.0 }).unwrap_or_default();
        format!("# Learned from technicians' verdicts; the engine writes it, nobody else.\n\n{body}")
    }

    /// Whether something that a decision of the set depends on is another one in `other`.
    pub fn decides_otherwise(&self, other: &Self, rules: &[RuleSource]) -> bool {
        rules.iter().any(|rule| {
            let (old, new) = (self.of(&rule.key, rule.version), other.of(&rule.key, rule.version));
            let demoted = |entry: Option<&Precision>| entry.is_some_and(|entry| entry.demoted.is_some());
            let precision = |entry: Option<&Precision>| entry.map_or(PRIOR_PRECISION, |entry| entry.precision);
            demoted(old) != demoted(new) || (precision(old) - precision(new)).abs() >= NOTICEABLE
        })
    }

    /// How a rule version stands in `other` against here, if a person can see a difference.
    pub fn difference(&self, other: &Self, rule: &str, version: u32) -> Option<String> {
        let (old, new) = (self.of(rule, version), other.of(rule, version));
        let demoted = |entry: Option<&Precision>| entry.is_some_and(|entry| entry.demoted.is_some());
        let word = match (demoted(old), demoted(new)) {
            (false, true) => ", demoted to shadow",
            (true, false) => ", live again",
            _ => "",
        };
        let figure =
            |entry: Option<&Precision>| format!("{:.2}", entry.map_or(PRIOR_PRECISION, |entry| entry.precision));
        if word.is_empty() && figure(old) == figure(new) {
            return None;
        }
        let lower = new.map_or_else(|| Tally::default().lower(), |entry| entry.lower);
        Some(format!("precision {} -> {} (lower bound {lower:.2}){word}", figure(old), figure(new)))
    }
}

/// The table that follows from the verdicts by rule and version, as of a day; `before` is the table in force.
///
/// Demotions go on: what is demoted gets no orders, so what little is said of it later is no proof.
pub fn learn(
    rules: &[RuleSource],
    before: &PrecisionTable,
    tallies: &BTreeMap<(String, u32), Tally>,
    day: &str,
) -> PrecisionTable {
    let mut all = tallies.clone();
    for entry in before.iter().filter(|entry| entry.demoted.is_some()) {
        all.entry((entry.rule.clone(), entry.version)).or_default();
    }
    let mut entries = Vec::new();
    for ((key, version), tally) in all {
        let demoted = before.of(&key, version).and_then(|entry| entry.demoted.clone()).or_else(|| {
            let rule = rules.iter().find(|rule| rule.key == key && rule.version == version)?;
            demotion(rule, tally, day)
        });
        if tally.weight() < FADED && demoted.is_none() {
            continue;
        }
        entries.push(Precision {
            rule: key,
            version,
            confirmed: rounded(tally.confirmed, 100.0),
            refuted: rounded(tally.refuted, 100.0),
            precision: rounded(tally.precision(), 1_000.0),
            lower: rounded(tally.lower(), 1_000.0),
            demoted,
        });
    }
    PrecisionTable::new(entries)
}

fn demotion(rule: &RuleSource, tally: Tally, day: &str) -> Option<Demotion> {
    let gate = rule.gate();
    (rule.mode == Mode::Live && rule.may_be_demoted() && tally.is_below(gate)).then(|| Demotion {
        on: day.to_owned(),
        precision: rounded(tally.precision(), 1_000.0),
        lower: rounded(tally.lower(), 1_000.0),
        gate,
    })
}

fn rounded(value: f64, per: f64) -> f64 {
    (value * per).round() / per
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn judged(verdict: Verdict, came_back: bool) -> Judged {
        Judged { verdict, came_back }
    }
    use crate::entry::rule::GATE;

    fn close(left: f64, right: f64) {
        assert!((left - right).abs() < 5e-5, "{left} {right}");
    }

    fn tally(confirmed: u32, refuted: u32) -> Tally {
        let mut tally = Tally::default();
        tally.add(judged(Verdict::Confirmed, false), confirmed, 0.0);
        tally.add(judged(Verdict::NoFaultFound, false), refuted, 0.0);
        tally
    }

    #[test]
    fn the_lower_bound_is_wilsons() {
        // Newcombe 1998, table I, method 3.
        for (right, of, lower) in [(81.0, 263.0, 0.2553), (15.0, 148.0, 0.0624), (0.0, 20.0, 0.0), (1.0, 29.0, 0.0061)]
        {
            let found = wilson_lower(right / of, of, 1.959_964);
            assert!((found - lower).abs() < 6e-5, "{right} of {of}: {found}");
        }
    }

    #[test]
    fn no_verdict_is_the_prior_and_above_the_gate() {
        close(tally(0, 0).precision(), 0.7);
        close(tally(0, 0).lower(), 0.44168);
        assert!(!tally(0, 0).is_below(GATE));
        // Four cars without a fault are below the gate, and too few to say so.
        assert!(tally(0, 4).lower() < GATE && !tally(0, 4).is_below(GATE));
        assert!(tally(0, 5).is_below(GATE) && !tally(8, 5).is_below(GATE));
    }

    #[test]
    fn a_verdict_counts_half_after_half_a_year() {
        let mut tally = Tally::default();
        tally.add(judged(Verdict::Confirmed, false), 4, 180.0);
        tally.add(judged(Verdict::NoFaultFound, false), 4, 360.0);
        // The clock of a vehicle may be ahead: no verdict counts more than once.
        tally.add(judged(Verdict::ConfirmedOtherCause, false), 1, -3.0);
        close(tally.confirmed, 3.0);
        close(tally.refuted, 1.0);
        close(tally.precision(), 10.0 / 14.0);
    }

    #[test]
    fn what_proves_nothing_counts_nothing_and_what_came_back_counts_half() {
        let mut tally = Tally::default();
        tally.add(judged(Verdict::NotInspected, false), 5, 0.0);
        tally.add(judged(Verdict::PrecautionaryReplaced, false), 5, 0.0);
        tally.add(judged(Verdict::NoFaultFound, true), 3, 0.0);
        assert_eq!(tally, Tally { confirmed: 0.0, refuted: 1.5 });
    }
}
