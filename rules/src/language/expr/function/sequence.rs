//! What came before what: sequences in measured time, and how long ago something was.

use super::{Behaviour, Function, LATE};
use crate::language::expr::check::{Call, Checker};
use crate::language::expr::memory::{Asks, Memory, Sequence};
use crate::language::expr::tree::{Kind, Node, Type};
use crate::unit::Unit;

pub(super) const SINCE: Function = Function {
    name: "since",
    signature: "since(condition)",
    description: "Seconds since the condition held last, 0 while it holds.",
    example: "since(Vehicle.Speed > 60) > 600",
    behaviour: Behaviour {
        gap: "goes on counting",
        missing: "unknown while the condition is, and before it held for the first time",
        late: LATE,
        tick: "not asked: use stale or not_followed_by to act on time alone",
    },
    arguments: (1, 1),
    check: |checker, call| {
        let of = checker.condition(call.args.first()?);
        let cell = checker.cell()?;
        let seconds = Type::Number(Unit::parse("s").ok());
        Some(Node { kind: Kind::Remember(Memory::Since { cell }, Box::new([of?])), is: seconds, place: call.place })
    },
};

pub(super) const THEN_WITHIN: Function = Function {
    name: "then_within",
    signature: "then_within(first, second, \"30m\")",
    description: "True at the step at which the second holds, if the first held at an earlier step no longer ago \
                  than the duration. The newest first counts, and each is followed once.",
    example: "then_within(Vehicle.Speed > 60, Vehicle.Speed < 5, \"10s\")",
    behaviour: Behaviour {
        gap: "does not matter: what was seen was seen",
        missing: "an unknown first did not come; an unknown second makes it unknown while a first is young enough",
        late: LATE,
        tick: "false: only a reading brings the second",
    },
    arguments: (3, 3),
    check: |checker, call| check(checker, call, Asks::Then),
};

pub(super) const NOT_FOLLOWED_BY: Function = Function {
    name: "not_followed_by",
    signature: "not_followed_by(first, second, \"30m\")",
    description: "True from the end of the duration after the first until the second comes, if it did not come within \
                  it. A first that goes on or comes again does not begin anew.",
    example: "not_followed_by(Vehicle.Speed > 60, Vehicle.Speed < 5, \"12h\")",
    behaviour: Behaviour {
        gap: "counts as not followed; a backlog that shows the second withdraws the finding",
        missing: "an unknown first did not come; a second that was unknown at a step makes the end unknown",
        late: LATE,
        tick: "a timer asks at the end of the duration; judged at timer time minus the lateness bound",
    },
    arguments: (3, 3),
    check: |checker, call| check(checker, call, Asks::NotFollowed),
};

fn check(checker: &mut Checker<'_>, call: &Call<'_>, asks: Asks) -> Option<Node> {
    let first = checker.condition(call.args.first()?);
    let second = checker.condition(call.args.get(1)?);
    let within = checker.span_argument(call, 2);
    let cell = checker.cell()?;
    let memory = Memory::Sequence(Sequence { cell, within: within?, asks });
    Some(Node { kind: Kind::Remember(memory, Box::new([first?, second?])), is: Type::Flag, place: call.place })
}
