//! A fault code that means stop-now in a situation goes on meaning it, whatever table is laid over ours.
//!
//! The judgement on a code is a small pure function, so every situation is tried rather than sampled.

use std::collections::BTreeSet;

use super::Loss;
use crate::entry::fault_code::{FaultCode, TriageInput, UdsStatus, triage};
use crate::rule_set::RuleSet;
use crate::unit::Severity;

/// Failing and confirmed, failing and not confirmed, stored.
const STATUSES: [u8; 3] = [0x2f, 0x27, 0x28];
/// Situations: six circumstances that are there or not.
const CIRCUMSTANCES: u8 = 6;

pub fn losses(shipped: &RuleSet, set: &RuleSet) -> Vec<Loss> {
    let (ours, theirs) = (&shipped.catalogue.fault_codes, &set.catalogue.fault_codes);
    let mut losses = Vec::new();
    for code in codes(shipped, set) {
        let milder = situations(code).into_iter().find_map(|input| {
            let after = triage(theirs, &input).severity;
            (triage(ours, &input).severity == Severity::S1 && after > Severity::S1).then_some((input, after))
        });
        if let Some((input, after)) = milder {
            losses.push(Loss {
                severity: Severity::S1,
                rule: "fault_code.stop_now".to_owned(),
                lost: format!("no longer fires on {code}"),
                cause: format!("fault code {code} is {after} instead of S1{}", circumstances(&input)),
            });
        }
    }
    losses
}

/// Every code that either table names, and one of each class that has no entry.
fn codes(shipped: &RuleSet, set: &RuleSet) -> BTreeSet<FaultCode> {
    let tables = [&shipped.catalogue.fault_codes, &set.catalogue.fault_codes];
    let named = tables.iter().flat_map(|table| table.entries()).flat_map(|entry| entry.codes.iter().copied());
    let of_class = tables.iter().flat_map(|table| table.classes()).filter_map(|class| {
        let pattern = class.pattern.to_string();
        let start = pattern.strip_suffix('*').unwrap_or(&pattern);
        // A code of the class that no entry is likely to name.
        let filled = format!("{start}{}", "9F9F".get(start.len().saturating_sub(1)..).unwrap_or_default());
        [filled, pattern.replace('*', "1"), format!("{start}1-FMI1")].iter().find_map(|text| text.parse().ok())
    });
    named.chain(of_class).collect()
}

fn situations(code: FaultCode) -> Vec<TriageInput> {
    let mut all = Vec::new();
    for status in STATUSES {
        for bits in 0..1_u8 << CIRCUMSTANCES {
            for gb_level in [0, 3] {
                let holds = |bit: u8| bits & 1 << bit != 0;
                all.push(TriageInput {
                    code,
                    status: UdsStatus(status),
                    moving: holds(0),
                    charging: holds(1),
                    wet: holds(2),
                    low_voltage_falling: holds(3),
                    brake_lamp: holds(4),
                    mil_flashing: holds(5),
                    gb_level,
                    ..TriageInput::default()
                });
            }
        }
    }
    all
}

fn circumstances(input: &TriageInput) -> String {
    let named = [
        (input.moving, "the car moves"),
        (input.charging, "it charges"),
        (input.wet, "it is wet"),
        (input.low_voltage_falling, "the 12 V level falls"),
        (input.brake_lamp, "the brake lamp is on"),
        (input.mil_flashing, "the lamp flashes"),
        (input.gb_level > 0, "the car's alarm is at level 3"),
    ];
    let holding: Vec<&str> = named.iter().filter(|(holds, _)| *holds).map(|(_, words)| *words).collect();
    if holding.is_empty() { String::new() } else { format!(" while {}", holding.join(" and ")) }
}
