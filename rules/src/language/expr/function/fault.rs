//! Fault codes of the vehicle, by pattern and phase.

use super::absence::leaf;
use super::{Behaviour, Function, LATE};
use crate::entry::fault_code::FaultPattern;
use crate::language::expr::check::{Call, Checker};
use crate::language::expr::probe::{PhaseFilter, Probe};
use crate::language::expr::tree::Type;
use crate::unit::Unit;

const CODES: Behaviour = Behaviour {
    gap: "a code lasts until its cycle ends; silence does not end it",
    missing: "no such code",
    late: LATE,
    tick: "not asked: a code that the storm gate holds back counts from the next step",
};

pub(super) const FAULT: Function = Function {
    name: "fault",
    signature: "fault(\"P03*\", \"active\")",
    description: "Whether the vehicle has a code that matches: active (failing, pending or confirmed; the default), \
                  confirmed, pending or stored.",
    example: "fault(\"P0301\") && !fault(\"U*\", \"confirmed\")",
    behaviour: CODES,
    arguments: (1, 2),
    check: |checker, call| {
        let (pattern, filter) = query(checker, call)?;
        Some(leaf(Probe::Fault { pattern, filter }, Type::Flag, call))
    },
};

pub(super) const FAULT_COUNT: Function = Function {
    name: "fault_count",
    signature: "fault_count(\"U*\", \"active\")",
    description: "How many codes of the vehicle match, as in fault.",
    example: "fault_count(\"U*\") >= 5",
    behaviour: CODES,
    arguments: (1, 2),
    check: |checker, call| {
        let (pattern, filter) = query(checker, call)?;
        Some(leaf(Probe::FaultCount { pattern, filter }, Type::Number(Some(Unit::default())), call))
    },
};

pub(super) const FAULT_TRIPS: Function = Function {
    name: "fault_trips",
    signature: "fault_trips(\"P0420\")",
    description: "In how many of the last ten trips a code that matches failed.",
    example: "fault_trips(\"P0420\") >= 3",
    behaviour: CODES,
    arguments: (1, 1),
    check: |checker, call| {
        let (pattern, _) = query(checker, call)?;
        Some(leaf(Probe::FaultTrips { pattern }, Type::Number(Some(Unit::default())), call))
    },
};

fn query(checker: &mut Checker<'_>, call: &Call<'_>) -> Option<(FaultPattern, PhaseFilter)> {
    let (text, token) = checker.text_argument(call, 0)?;
    let pattern = match text.parse() {
        Ok(pattern) => Some(pattern),
        Err(error) => checker.wrong(token, format!("{error}"), ""),
    };
    let filter = if call.args.len() > 1 {
        let names = PhaseFilter::ALL.map(PhaseFilter::name);
        let index = checker.word_argument(call, 1, "phase", &names)?;
        PhaseFilter::ALL.get(index).copied()
    } else {
        Some(PhaseFilter::Active)
    };
    Some((pattern?, filter?))
}
