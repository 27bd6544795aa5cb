//! What the variables of a finding stand for: words, and numbers with their units.

use crate::case::Evidence;
use crate::entry::fault_code::FaultCode;
use crate::entry::phrase::{Said, Values};
use crate::entry::rule::{RuleKind, about};
use crate::entry::variable::{DECIDING, LIMIT, Source, source, unfit, wheel};
use crate::rule_set::{Rule, RuleSet};
use crate::unit::{Severity, Span, Text, Time, Unit};
use crate::vehicle::Slot;

/// What the variables of a finding stand for, in every language; nothing personal.
pub fn values(rule: &Rule, severity: Severity, evidence: &Evidence, set: &RuleSet) -> Values {
    let mut all = Values::new();
    words(&mut all, rule, evidence, set);
    numbers(&mut all, rule, evidence, set);
    if severity > Severity::S1 {
        put(&mut all, "days", days(severity.time_limit().days_f64()));
    }
    if rule.source.kind == RuleKind::Due {
        due(&mut all, evidence);
    }
    all
}

fn put(all: &mut Values, name: &str, said: Said) {
    all.insert(name.to_owned(), said);
}

fn words(all: &mut Values, rule: &Rule, evidence: &Evidence, set: &RuleSet) {
    let codes = &set.catalogue.fault_codes;
    let code: Option<FaultCode> = evidence.faults.first().and_then(|fault| fault.code.parse().ok());
    let own = code.filter(|_| rule.by_code);
    put(all, "fault", Said::Words(own.map_or(&rule.source.title, |code| codes.meaning(code)).clone()));
    let by_code = own.map(|code| codes.component(code));
    if let Some(component) = rule.component.as_ref().or(by_code) {
        let title = set.catalogue.component_title(component);
        let caution = set.catalogue.components.caution(component);
        for (name, text) in [("item", title), ("caution", caution)] {
            if let Some(text) = text {
                put(all, name, Said::Words(text.clone()));
            }
        }
    }
    if let Some(code) = code {
        put(all, "code", Said::Name(code.to_string()));
    }
    if !rule.subject.is_empty() {
        put(all, "each", Said::Name(rule.subject.clone()));
    }
    if let Some(wheel) = wheel(&rule.subject) {
        put(all, "wheel", Said::Words(wheel));
    }
    let since = evidence.since.to_utc().format("%Y-%m-%d %H:%M UTC").to_string();
    put(all, "since", Said::Name(since));
}

fn numbers(all: &mut Values, rule: &Rule, evidence: &Evidence, set: &RuleSet) {
    let signals = &set.catalogue.signals;
    let deciding = evidence.signals.first().and_then(|signal| signals.by_no(signal.no));
    let names = rule.source.says.keys().map(String::as_str).chain(DECIDING).chain(LIMIT);
    for name in names {
        let (signal, value) = match source(&rule.source, name) {
            Some(Source::Deciding) => (deciding, evidence.value),
            Some(Source::Limit) => (deciding, evidence.limit),
            Some(Source::Signal(path)) => {
                (signals.by_path(&about(path, &rule.subject)), evidence.numbers.get(name).copied())
            }
            None => continue,
        };
        let Some((signal, value)) = signal.zip(value) else { continue };
        // What lies outside of the signal's range was not measured.
        if unfit(signal).is_none() && (signal.range.0..=signal.range.1).contains(&value) {
            put(all, name, Said::Number { value, unit: signal.unit.clone() });
        }
    }
}

/// When a service item is due: a date ahead, or now.
fn due(all: &mut Values, evidence: &Evidence) {
    let is_due = [evidence.days_left, evidence.km_left].into_iter().flatten().any(|left| left <= 0.0);
    if is_due {
        let now = Text { zh_cn: "现已到期".to_owned(), en: "due now".to_owned() };
        put(all, "due", Said::Words(now));
        return;
    }
    let date = evidence.days_left.map(|left| {
        let at = evidence.since + Span::from_micros((f64::from(left) * 86.4e9) as i64);
        at.to_utc().format("%Y-%m-%d").to_string()
    });
    let ahead = date.as_ref().map_or_else(
        || Text { zh_cn: "即将到期".to_owned(), en: "due soon".to_owned() },
        |date| Text { zh_cn: format!("预计{date}前后到期"), en: format!("due around {date}") },
    );
    put(all, "due", Said::Words(ahead));
    if let Some(date) = date {
        put(all, "date", Said::Name(date));
    }
    if let (Some(km), Ok(unit)) = (evidence.km_left, Unit::parse("km")) {
        put(all, "km", Said::Number { value: f64::from(km).round(), unit });
    }
}

fn days(value: f64) -> Said {
    // A symbol of the table always parses.
    Said::Number { value, unit: Unit::parse("d").unwrap_or_default() }
}

/// The numbers of signals that a rule names, as they stand.
pub fn named(rule: &Rule, set: &RuleSet, last: impl Fn(Slot) -> (Time, f64)) -> Vec<(String, f64)> {
    let value = |(name, path): (&String, &String)| {
        let slot = set.catalogue.signals.slot_of_path(&about(path, &rule.subject))?;
        let (at, value) = last(slot);
        (at != Time::NEVER && !value.is_nan()).then(|| (name.clone(), value))
    };
    rule.source.says.iter().filter_map(value).collect()
}
