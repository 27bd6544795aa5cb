//! Aggregates: of a sliding window, a trip, a charge, a session, or the last readings of a signal.

use super::absence::leaf;
use super::{Behaviour, Function, LATE};
use crate::entry::signal::{Kind, Signal};
use crate::language::expr::check::{Call, Checker};
use crate::language::expr::probe::Probe;
use crate::language::expr::tree::{Node, Type};
use crate::observed::window::{Extent, MOST_READINGS, Stat};
use crate::unit::{Span, Unit, UnitError};

const HINT: &str = "write a duration, \"trip\", \"charge\", \"session 30m\" or \"20 readings\"";

/// What describes the readings of a window wants all of them.
const WHOLE: Behaviour = Behaviour {
    gap: "a gap longer than max_gap makes a duration unknown until it has been filled again; trips, charges, sessions \
          and numbers of readings do not mind",
    missing: "unknown until the window is full; of a trip, charge or session from its first reading on",
    late: LATE,
    tick: "not asked: readings that grow too old leave at the next step; a duration looks back up to an eleventh more",
};

/// What counts the readings of a window knows that there were none.
const COUNTING: Behaviour =
    Behaviour { gap: "counts what came", missing: "unknown if never measured, else 0", late: LATE, tick: WHOLE.tick };

const LAST_TWO: Behaviour = Behaviour {
    gap: "unknown: the reading before is too old to compare with",
    missing: "unknown until the second reading",
    late: LATE,
    tick: "delta stays, changed is false",
};

macro_rules! window {
    ($const:ident, $name:literal, $stat:ident, $behaviour:expr, $description:literal, $example:literal) => {
        pub(super) const $const: Function = Function {
            name: $name,
            signature: concat!($name, "(signal, \"10m\")"),
            description: $description,
            example: $example,
            behaviour: $behaviour,
            arguments: (2, 2),
            check: |checker, call| over(checker, call, Stat::$stat),
        };
    };
}

window!(AVG, "avg", Avg, WHOLE, "The mean of the readings in the window.", "avg(Vehicle.Speed, \"10m\") > 60");
window!(SUM, "sum", Sum, COUNTING, "The sum of the readings in the window.", "sum(Vehicle.Speed, \"10m\") > 60");
window!(COUNT, "count", Count, COUNTING, "How many readings came in the window.", "count(Vehicle.Speed, \"10m\") < 3");
window!(
    RATE,
    "rate",
    Rate,
    WHOLE,
    "Change from the first to the last reading of the window, per second between them.",
    "to(rate(Vehicle.Speed, \"10s\"), \"m/s2\") < -6"
);
window!(
    STDDEV,
    "stddev",
    Stddev,
    WHOLE,
    "The standard deviation of the readings in the window.",
    "stddev(Vehicle.Speed, \"10m\") < 1"
);
window!(
    SLOPE,
    "slope",
    Slope,
    WHOLE,
    "The slope of the least-squares line through the readings of the window, per second.",
    "to(slope(Vehicle.Speed, \"1m\"), \"m/s2\") > 1"
);
window!(FIRST, "first", First, WHOLE, "The first reading of the window.", "first(Vehicle.Speed, \"trip\") > 60");
window!(LAST, "last", Last, WHOLE, "The last reading of the window.", "last(Vehicle.Speed, \"trip\") > 60");

pub(super) const DELTA: Function = Function {
    name: "delta",
    signature: "delta(signal)",
    description: "Change from the reading before to the last one.",
    example: "delta(Vehicle.Speed) < -30",
    behaviour: LAST_TWO,
    arguments: (1, 1),
    check: |checker, call| last_two(checker, call, Stat::Delta),
};

pub(super) const CHANGED: Function = Function {
    name: "changed",
    signature: "changed(signal)",
    description: "Whether this step brought a reading that differs from the one before.",
    example: "changed(Vehicle.Speed)",
    behaviour: LAST_TWO,
    arguments: (1, 1),
    check: |checker, call| last_two(checker, call, Stat::Changed),
};

/// One of the functions above, or `min` and `max` with a window behind the signal.
pub(super) fn over(checker: &mut Checker<'_>, call: &Call<'_>, stat: Stat) -> Option<Node> {
    let slot = checker.signal_argument(call, 0);
    let extent = extent_argument(checker, call, stat);
    let (slot, extent) = (slot?, extent?);
    ask(checker, call, slot, extent, stat)
}

fn last_two(checker: &mut Checker<'_>, call: &Call<'_>, stat: Stat) -> Option<Node> {
    let slot = checker.signal_argument(call, 0)?;
    ask(checker, call, slot, Extent::Step, stat)
}

fn ask(
    checker: &mut Checker<'_>,
    call: &Call<'_>,
    slot: crate::vehicle::Slot,
    extent: Extent,
    stat: Stat,
) -> Option<Node> {
    let signal = checker.context.signals.get(slot);
    let is = match type_of(signal, stat) {
        Ok(is) => is,
        Err(Refused::Unit(error)) => return checker.unit_error(call.place.first, &error),
        Err(Refused::Words) => {
            let message = format!("`{}` is a word, and `{}` wants numbers", signal.path, call.function.name);
            return checker.wrong(call.place.first, message, "words can be counted, and asked whether they changed");
        }
    };
    let window = checker.context.windows.borrow_mut().ask_for(slot, extent, stat, signal.max_gap);
    let read = checker.read(slot);
    Some(leaf(Probe::Window { read, window, stat }, is, call))
}

enum Refused {
    Unit(UnitError),
    Words,
}

/// Flags are 1 and 0: their mean is the share of readings at which they were true.
fn type_of(signal: &Signal, stat: Stat) -> Result<Type, Refused> {
    let unit = match (&signal.kind, stat) {
        (_, Stat::Changed) => return Ok(Type::Flag),
        (_, Stat::Count) => return Ok(Type::Number(Some(Unit::default()))),
        (Kind::Words(_), _) => return Err(Refused::Words),
        (Kind::Flag, _) => Unit::default(),
        (Kind::Number, _) => signal.unit.clone(),
    };
    let unit = match stat {
        Stat::Sum if unit.is_point() => Err(UnitError::Point(unit.to_string())),
        Stat::Stddev | Stat::Delta => Ok(unit.step()),
        Stat::Rate | Stat::Slope => Unit::parse("s").and_then(|second| unit.step().per(&second)),
        _ => Ok(unit),
    };
    unit.map(|unit| Type::Number(Some(unit))).map_err(Refused::Unit)
}

fn extent_argument(checker: &mut Checker<'_>, call: &Call<'_>, stat: Stat) -> Option<Extent> {
    let (text, token) = checker.text_argument(call, 1)?;
    if let Some(count) = text.strip_suffix(" readings") {
        if matches!(stat, Stat::Rate | Stat::Slope) {
            let message = format!("`{}` needs time, and \"{text}\" has none", call.function.name);
            return checker.wrong(token, message, "write a duration, \"trip\", \"charge\" or \"session 30m\"");
        }
        return match count.parse() {
            Ok(count @ 2..=MOST_READINGS) => Some(Extent::Readings(count)),
            _ => checker.wrong(token, format!("\"{text}\" is not 2 to {MOST_READINGS} readings"), ""),
        };
    }
    let session = text.strip_prefix("session ");
    match (text, session) {
        ("trip", _) => Some(Extent::Trip),
        ("charge", _) => Some(Extent::Charge),
        _ => match Span::parse(session.unwrap_or(text)) {
            Ok(span) if span < Span::from_secs(1) || span > Span::from_days(400) => {
                checker.wrong(token, format!("\"{text}\" is not between a second and 400 days"), "")
            }
            Ok(span) => Some(if session.is_some() { Extent::Session(span) } else { Extent::Time(span) }),
            Err(_) => checker.wrong(token, format!("\"{text}\" is not a window"), HINT),
        },
    }
}
