//! Items of the service plan: where they stand, and when they are due.

use super::absence::leaf;
use super::{Behaviour, Function, LATE};
use crate::language::expr::check::{Call, Checker, phases};
use crate::language::expr::probe::{Probe, ServiceField};
use crate::language::expr::tree::{Node, Type};
use crate::unit::{Span, Unit};

const PLAN: Behaviour = Behaviour {
    gap: "the projection goes on with the usage known so far",
    missing: "unknown if the item does not apply or nothing is known",
    late: LATE,
    tick: "asked again when the day changes",
};

pub(super) const SERVICE: Function = Function {
    name: "service",
    signature: "service(\"item\")",
    description: "The phase of a service item, compared with ok, due_soon, due, overdue or lapsed.",
    example: "service(\"oil\") >= due",
    behaviour: PLAN,
    arguments: (1, 1),
    check: |checker, call| item(checker, call, ServiceField::Phase, Type::Words(phases())),
};

pub(super) const SERVICE_DAYS: Function = Function {
    name: "service_days",
    signature: "service_days(\"item\")",
    description: "Estimated days until the item is due; negative when past.",
    example: "service_days(\"oil\") < 21",
    behaviour: PLAN,
    arguments: (1, 1),
    check: |checker, call| item(checker, call, ServiceField::Days, Type::Number(Unit::parse("d").ok())),
};

pub(super) const SERVICE_KM: Function = Function {
    name: "service_km",
    signature: "service_km(\"item\")",
    description: "Kilometres until the item is due; negative when past.",
    example: "service_km(\"oil\") < 1500",
    behaviour: PLAN,
    arguments: (1, 1),
    check: |checker, call| item(checker, call, ServiceField::Km, Type::Number(Unit::parse("km").ok())),
};

pub(super) const SERVICE_PROBABILITY: Function = Function {
    name: "service_probability",
    signature: "service_probability(\"item\", \"21d\")",
    description: "Probability, 0 to 1, that the item is due within the duration.",
    example: "service_probability(\"oil\", \"21d\") >= 0.8",
    behaviour: PLAN,
    arguments: (2, 2),
    check: |checker, call| {
        let item = number_of(checker, call);
        let days = checker.span_argument(call, 1).map(Span::days_f64);
        let (item, days) = (item?, days? as f32);
        Some(leaf(Probe::ServiceProbability { item, days }, Type::Number(Some(Unit::default())), call))
    },
};

fn item(checker: &mut Checker<'_>, call: &Call<'_>, field: ServiceField, is: Type) -> Option<Node> {
    let item = number_of(checker, call)?;
    Some(leaf(Probe::Service { item, field }, is, call))
}

/// The item's index in the catalogue.
fn number_of(checker: &mut Checker<'_>, call: &Call<'_>) -> Option<u16> {
    let names: Vec<&str> = checker.context.items.iter().map(String::as_str).collect();
    checker.word_argument(call, 0, "service item", &names).map(|index| index as u16)
}
