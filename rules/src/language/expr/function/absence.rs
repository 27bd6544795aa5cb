//! Silence: of one signal, of the whole vehicle. The only functions that time alone can make true.

use super::{Behaviour, Function, LATE, NO_TICK};
use crate::language::expr::check::Call;
use crate::language::expr::probe::Probe;
use crate::language::expr::tree::{Kind, Node, Type};
use crate::unit::Unit;

const TIMER: &str = "a timer asks again when the duration is over; judged at timer time minus the lateness bound";

pub(super) const STALE: Function = Function {
    name: "stale",
    signature: "stale(signal, \"24h\")",
    description: "True if the signal's last reading is at least this old.",
    example: "stale(Vehicle.Speed, \"24h\")",
    behaviour: Behaviour { gap: "true during it", missing: "unknown if never measured", late: LATE, tick: TIMER },
    arguments: (2, 2),
    check: |checker, call| {
        let slot = checker.signal_argument(call, 0);
        let after = checker.span_argument(call, 1);
        let (slot, after) = (slot?, after?);
        let read = checker.read(slot);
        Some(leaf(Probe::Stale { read, after }, Type::Flag, call))
    },
};

pub(super) const SILENT: Function = Function {
    name: "silent",
    signature: "silent(\"72h\")",
    description: "True if nothing at all was measured by the vehicle for this long.",
    example: "silent(\"72h\")",
    behaviour: Behaviour {
        gap: "true during it",
        missing: "unknown before the first reading",
        late: LATE,
        tick: TIMER,
    },
    arguments: (1, 1),
    check: |checker, call| {
        let after = checker.span_argument(call, 0)?;
        Some(leaf(Probe::Silent { after }, Type::Flag, call))
    },
};

pub(super) const AGE: Function = Function {
    name: "age",
    signature: "age(signal)",
    description: "Seconds since the signal's last reading.",
    example: "age(Vehicle.Speed) < 60",
    behaviour: Behaviour {
        gap: "the length of the gap so far",
        missing: "unknown if never measured",
        late: LATE,
        tick: "not asked: use stale to act on silence",
    },
    arguments: (1, 1),
    check: |checker, call| {
        let slot = checker.signal_argument(call, 0)?;
        let read = checker.read(slot);
        let seconds = Unit::parse("s").ok();
        Some(leaf(Probe::Age { read }, Type::Number(seconds), call))
    },
};

pub(super) const HAS: Function = Function {
    name: "has",
    signature: "has(signal)",
    description: "Whether the signal has a value that is young enough to be used.",
    example: "has(Vehicle.Speed)",
    behaviour: Behaviour { gap: "false during it", missing: "false", late: LATE, tick: NO_TICK },
    arguments: (1, 1),
    // The parser turns `has(a.b)` into a selection; only a name without a dot comes here.
    check: |checker, call| {
        let slot = checker.signal_argument(call, 0)?;
        let read = checker.read(slot);
        Some(leaf(Probe::Known { read }, Type::Flag, call))
    },
};

/// A call that became one question to the view.
pub(super) fn leaf(probe: Probe, is: Type, call: &Call<'_>) -> Node {
    Node { kind: Kind::Probe(probe), is, place: call.place }
}
