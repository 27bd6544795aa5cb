//! What makes an advisor believe a finding: the readings, faults and figures behind it, and the reason in words.

use crate::case::{Evidence, EvidenceFault, EvidenceReading, EvidenceSignal, FindingKey};
use crate::entry::phrase::Phrase;
use crate::observed::fault_cycle::{FaultCycle, FaultPhase};
use crate::rule_set::{Rule, RuleSet};
use crate::stage::variables::{named, values};
use crate::state::Vehicle;
use crate::unit::{Locale, Severity, Text, Time};

/// The evidence of an open finding as the state has it now.
pub fn evidence_now(vehicle: &Vehicle, key: FindingKey, since: Time, set: &RuleSet) -> Option<Evidence> {
    let cycle = key.code.and_then(|code| vehicle.faults.iter().find(|cycle| cycle.code == code));
    set.rule(key.rule).map(|rule| evidence_of(vehicle, rule, cycle, since, set))
}

pub fn evidence_of(vehicle: &Vehicle, rule: &Rule, cycle: Option<&FaultCycle>, at: Time, set: &RuleSet) -> Evidence {
    let shown = if rule.shows.is_empty() { rule.when.evidence_slots().to_vec() } else { rule.shows.clone() };
    let readings: Vec<EvidenceReading> = shown
        .iter()
        .map(|slot| (*slot, vehicle.last(Some(*slot))))
        .filter(|(_, last)| last.at != Time::NEVER && !last.value.is_nan())
        .map(|(slot, last)| EvidenceReading {
            signal: set.catalogue.signals.get(slot).no,
            at: last.at,
            value: last.value,
        })
        .collect();
    let faults = match cycle {
        Some(cycle) => vec![fault_of(cycle)],
        None if rule.when.reads_faults() => {
            vehicle.faults.iter().filter(|cycle| cycle.phase != FaultPhase::Stored).take(16).map(fault_of).collect()
        }
        None => Vec::new(),
    };
    let item = set
        .catalogue
        .item_codes()
        .iter()
        .position(|code| *code == rule.subject)
        .and_then(|index| vehicle.estimates.usage.items.get(index));
    let (clock, shift) = vehicle.clock.told();
    Evidence {
        signals: shown
            .iter()
            .map(|slot| set.catalogue.signals.get(*slot))
            .map(|signal| EvidenceSignal { no: signal.no, path: signal.path.clone() })
            .collect(),
        limit: rule.source.limit,
        above_limit: shown.first().and_then(|slot| rule.when.asks_above(*slot)),
        value: shown.first().map(|slot| vehicle.last(Some(*slot)).value).filter(|value| !value.is_nan()),
        numbers: named(rule, set, |slot| {
            let last = vehicle.last(Some(slot));
            (last.at, last.value)
        })
        .into_iter()
        .collect(),
        readings,
        faults,
        since: at,
        odometer_km: Some(vehicle.odometer.km).filter(|km| !km.is_nan()),
        days_left: item.map(|item| item.days_left() as f32).filter(|days| days.is_finite()),
        km_left: item.map(|item| item.km_left() as f32).filter(|km| km.is_finite()),
        clock,
        clock_shift_s: shift.secs_f64(),
    }
}

fn fault_of(cycle: &FaultCycle) -> EvidenceFault {
    EvidenceFault {
        code: cycle.code.to_string(),
        ecu: cycle.ecu.to_string(),
        status: cycle.status,
        first_at: cycle.first_at,
        at: cycle.last_at,
    }
}

/// The rule's reason with its variables filled in, in every language. A variable that the catalogue lets pass and this
/// finding has not leaves the title to speak.
pub fn reason_of(rule: &Rule, severity: Severity, evidence: &Evidence, set: &RuleSet) -> Text {
    let values = values(rule, severity, evidence, set);
    let fill = |locale: Locale| {
        let text = rule.source.reason.in_locale(locale);
        let filled = Phrase::parse(text).ok().and_then(|phrase| phrase.fill(&values, locale).ok());
        filled.unwrap_or_else(|| rule.source.title.in_locale(locale).to_owned())
    };
    Text { zh_cn: fill(Locale::ZhCn), en: fill(Locale::En) }
}
