//! `held`: a condition that lasts.

use super::{Behaviour, Function, LATE};
use crate::language::expr::cell::Hold;
use crate::language::expr::check::{Call, Checker};
use crate::language::expr::memory::Memory;
use crate::language::expr::probe::Probe;
use crate::language::expr::tree::{Kind, Node, Type};
use crate::unit::Span;

pub(super) const HELD: Function = Function {
    name: "held",
    signature: "held(condition, \"10s\")",
    description: "True at a step if the condition held at every step of the duration before it.",
    example: "held(Vehicle.Speed > 60, \"10s\")",
    behaviour: Behaviour {
        gap: "a gap longer than the smallest max_gap of the signals inside makes it unknown until the condition has \
              held that long again or was seen false",
        missing: "unknown, and the time held starts again",
        late: LATE,
        tick: "stays as it was: only a reading ends the duration",
    },
    arguments: (2, 2),
    check,
};

fn check(checker: &mut Checker<'_>, call: &Call<'_>) -> Option<Node> {
    let of = checker.condition(call.args.first()?);
    let span = checker.span_argument(call, 1);
    let held = held(checker, of?, span?)?;
    Some(Node { place: call.place, ..held })
}

/// The same condition, for a span; stands where the condition stands.
pub(in crate::language::expr) fn held(checker: &mut Checker<'_>, of: Node, span: Span) -> Option<Node> {
    let cell = checker.cell()?;
    let (gap, place) = (smallest_gap(checker, &of), of.place);
    let memory = Memory::Held(Hold { cell, span, gap });
    Some(Node { kind: Kind::Remember(memory, Box::new([of])), is: Type::Flag, place })
}

/// The smallest `max_gap` of the signals whose values a condition takes; unlimited without any.
fn smallest_gap(checker: &Checker<'_>, of: &Node) -> Span {
    let mut gap = Span::from_micros(i64::MAX);
    of.walk(&mut |node| {
        if let Kind::Probe(Probe::Value { read }) = node.kind
            && let Some(found) = checker.reads.get(usize::from(read))
        {
            gap = gap.min(found.max_gap);
        }
    });
    gap
}
