//! The report: per rule what came of it, or why nothing can be said; and what two rule sets differ in.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rules::rule_set::RuleSet;
use rules::unit::Time;
use serde::Serialize;

use super::run::Finished;
use super::tally::{CaseRow, Tally, readable_if_any, week_of, weeks_between};

/// Everything a back-test has to say.
#[derive(Debug, Serialize)]
pub struct Report {
    pub read: Read,
    /// The rule set that is tried, then the one it is compared with.
    pub sets: Vec<SetReport>,
    pub difference: Option<Difference>,
    pub cost: Cost,
}

/// What was read.
#[derive(Debug, Serialize)]
pub struct Read {
    pub vehicles: usize,
    pub messages: u64,
    pub readings: u64,
    pub refused: BTreeMap<String, u64>,
    /// Lines that name no vehicle.
    pub nameless: u64,
    /// Messages outside of `--from` and `--to`.
    pub outside: u64,
    #[serde(serialize_with = "readable_if_any")]
    pub from: Option<Time>,
    #[serde(serialize_with = "readable_if_any")]
    pub to: Option<Time>,
    pub weeks: f64,
}

#[derive(Debug, Serialize)]
pub struct Cost {
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub messages_per_s: f64,
    pub cpu_s_per_million_messages: f64,
    pub threads: usize,
}

#[derive(Debug, Serialize)]
pub struct SetReport {
    pub name: String,
    pub rules: Vec<RuleReport>,
    pub cases: Vec<CaseRow>,
}

/// One rule.
#[derive(Debug, Serialize)]
pub struct RuleReport {
    pub rule: String,
    pub version: u32,
    /// Share of the vehicle-days in its scope on which it came to a verdict at all.
    pub coverage: f64,
    pub vehicle_days: u64,
    /// `None`: coverage is below the bound, and zero would be no news.
    pub verdict: Option<Verdict>,
}

/// What a rule would have led to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Verdict {
    pub cases: u64,
    pub cases_per_week: f64,
    pub withdrawn: u64,
    /// Notices to owners and cars.
    pub contacts: u64,
    /// Cases that an advisor would have had to judge.
    pub reviews: u64,
    pub bay_hours: f64,
    pub parts: u64,
    pub lead_days_p10: Option<f64>,
    pub lead_days_p50: Option<f64>,
    pub lead_days_p90: Option<f64>,
    /// By the Monday a week begins with.
    pub weeks: BTreeMap<String, Week>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Week {
    pub cases: u64,
    pub contacts: u64,
    pub bay_hours: f64,
    pub parts: u64,
}

/// Cases that only one of two rule sets has, by vehicle, component and time of opening.
#[derive(Debug, Serialize)]
pub struct Difference {
    pub in_both: usize,
    pub only_in_first: Vec<CaseRow>,
    pub only_in_second: Vec<CaseRow>,
    /// First minus second.
    pub cases: i64,
    pub contacts: i64,
    pub bay_hours: f64,
    pub parts: i64,
}

/// Draws the report up. `least` is the coverage below which nothing is said about a rule.
pub fn draw_up(
    finished: Finished,
    sets: &[(String, &RuleSet)],
    least: f64,
    threads: usize,
    cpu_seconds: f64,
) -> Report {
    let Finished { found, vehicles, nameless, seconds, .. } = finished;
    let weeks = match (found.first, found.last) {
        (Some(first), Some(last)) => weeks_between(first, last),
        _ => 0.0,
    };
    let reports: Vec<SetReport> = sets
        .iter()
        .zip(&found.tallies)
        .map(|((name, set), tally)| SetReport {
            name: name.clone(),
            rules: rules_of(set, tally, weeks, least),
            cases: tally.settled().into_iter().cloned().collect(),
        })
        .collect();
    let difference = match reports.as_slice() {
        [first, second] => Some(compare(&first.cases, &second.cases)),
        _ => None,
    };
    Report {
        read: Read {
            vehicles,
            messages: found.messages,
            readings: found.readings,
            refused: found.refused,
            nameless,
            outside: found.outside,
            from: found.first,
            to: found.last,
            weeks,
        },
        sets: reports,
        difference,
        cost: Cost {
            seconds,
            cpu_seconds,
            messages_per_s: found.messages as f64 / seconds.max(1e-9),
            cpu_s_per_million_messages: cpu_seconds / (found.messages.max(1) as f64 / 1e6),
            threads,
        },
    }
}

fn rules_of(set: &RuleSet, tally: &Tally, weeks: f64, least: f64) -> Vec<RuleReport> {
    let one = |source: &rules::entry::rule::RuleSource| {
        let days = tally.days.get(&source.key).copied().unwrap_or_default();
        let coverage = if days.in_scope == 0 { 0.0 } else { days.covered as f64 / days.in_scope as f64 };
        let verdict = (coverage >= least && days.in_scope > 0).then(|| verdict(&source.key, tally, weeks));
        RuleReport { rule: source.key.clone(), version: source.version, coverage, vehicle_days: days.in_scope, verdict }
    };
    set.catalogue.rules.iter().map(one).collect()
}

fn verdict(rule: &str, tally: &Tally, weeks: f64) -> Verdict {
    let mut verdict = Verdict::default();
    let mut leads = Vec::new();
    for case in tally.cases.values().filter(|case| case.rule == rule) {
        if case.withdrawn {
            verdict.withdrawn += 1;
            continue;
        }
        verdict.cases += 1;
        verdict.contacts += u64::from(case.contacts);
        verdict.reviews += u64::from(case.reviewed);
        verdict.bay_hours += case.bay_hours;
        verdict.parts += u64::from(case.parts);
        leads.extend(case.lead_days);
        let monday = week_of(case.opened_at).to_utc().format("%Y-%m-%d").to_string();
        let week = verdict.weeks.entry(monday).or_default();
        week.cases += 1;
        week.contacts += u64::from(case.contacts);
        week.bay_hours += case.bay_hours;
        week.parts += u64::from(case.parts);
    }
    leads.sort_by(f64::total_cmp);
    let quantile = |share: f64| leads.get(((leads.len().max(1) - 1) as f64 * share).round() as usize).copied();
    verdict.cases_per_week = if weeks > 0.0 { verdict.cases as f64 / weeks } else { 0.0 };
    (verdict.lead_days_p10, verdict.lead_days_p50, verdict.lead_days_p90) =
        (quantile(0.1), quantile(0.5), quantile(0.9));
    verdict
}

fn compare(first: &[CaseRow], second: &[CaseRow]) -> Difference {
    let key = |case: &CaseRow| (case.vehicle.clone(), case.component.clone(), case.opened_at);
    let keys = |cases: &[CaseRow]| cases.iter().map(key).collect::<std::collections::BTreeSet<_>>();
    let (of_first, of_second) = (keys(first), keys(second));
    let without = |cases: &[CaseRow], other: &std::collections::BTreeSet<_>| -> Vec<CaseRow> {
        cases.iter().filter(|case| !other.contains(&key(case))).cloned().collect()
    };
    let sum = |cases: &[CaseRow], of: fn(&CaseRow) -> f64| cases.iter().map(of).sum::<f64>();
    let contacts = |case: &CaseRow| f64::from(case.contacts);
    let parts = |case: &CaseRow| f64::from(case.parts);
    Difference {
        in_both: of_first.intersection(&of_second).count(),
        only_in_first: without(first, &of_second),
        only_in_second: without(second, &of_first),
        cases: first.len() as i64 - second.len() as i64,
        contacts: (sum(first, contacts) - sum(second, contacts)) as i64,
        bay_hours: sum(first, |case| case.bay_hours) - sum(second, |case| case.bay_hours),
        parts: (sum(first, parts) - sum(second, parts)) as i64,
    }
}

impl Report {
    /// The report as a table for the terminal.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let Read { vehicles, messages, readings, nameless, outside, weeks, .. } = &self.read;
        let _ = writeln!(text, "{messages} messages, {readings} readings of {vehicles} vehicles in {weeks:.1} weeks");
        let refused: Vec<String> = self.read.refused.iter().map(|(reason, n)| format!("{reason} {n}")).collect();
        if !refused.is_empty() || *nameless > 0 || *outside > 0 {
            let _ = writeln!(
                text,
                "not used: {}; naming no vehicle {nameless}; outside the time {outside}",
                refused.join(", ")
            );
        }
        for set in &self.sets {
            let _ = writeln!(text, "\n{}", set.name);
            let widest = set.rules.iter().map(|rule| rule.rule.len()).max().unwrap_or(4).max(4);
            let _ = writeln!(
                text,
                "{:widest$} {:>8} {:>7} {:>9} {:>8} {:>7} {:>9} {:>6} {:>9}",
                "rule", "coverage", "cases", "per week", "contacts", "reviews", "bay-hours", "parts", "lead days"
            );
            for rule in &set.rules {
                let _ = write!(text, "{:widest$} {:>7.1}% ", rule.rule, rule.coverage * 100.0);
                let _ = match &rule.verdict {
                    Some(of) => writeln!(
                        text,
                        "{:>7} {:>9.2} {:>8} {:>7} {:>9.1} {:>6} {:>9}",
                        of.cases,
                        of.cases_per_week,
                        of.contacts,
                        of.reviews,
                        of.bay_hours,
                        of.parts,
                        of.lead_days_p50.map_or_else(|| "-".to_owned(), |days| format!("{days:.1}"))
                    ),
                    None => writeln!(text, "no verdict: what it needs was not there often enough"),
                };
            }
        }
        if let Some(difference) = &self.difference {
            let Difference { in_both, only_in_first, only_in_second, cases, contacts, bay_hours, parts } = difference;
            let _ = writeln!(
                text,
                "\n{in_both} cases in both, {} only in the first, {} only in the second\nfirst minus second: cases {cases:+}, contacts {contacts:+}, bay-hours {bay_hours:+.1}, parts {parts:+}",
                only_in_first.len(),
                only_in_second.len()
            );
        }
        let Cost { seconds, cpu_seconds, messages_per_s, cpu_s_per_million_messages, threads } = &self.cost;
        let _ = writeln!(
            text,
            "\n{seconds:.1} s on {threads} threads, {messages_per_s:.0} messages/s; {cpu_seconds:.2} CPU-seconds, {cpu_s_per_million_messages:.3} per million messages"
        );
        text
    }
}
