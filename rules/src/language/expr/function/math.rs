//! Arithmetic beyond the operators, and the only way from one unit to another.

use cel::common::ast::{Expr, LiteralValue};

use super::{Behaviour, Function, LATE, NO_TICK, window};
use crate::language::expr::check::{Call, Checker};
use crate::language::expr::tree::{Binary, Kind, Node, Type, Unary};
use crate::observed::window::Stat;
use crate::unit::Unit;

const PLAIN: Behaviour = Behaviour { gap: "as its argument", missing: "unknown", late: LATE, tick: NO_TICK };

pub(super) const ABS: Function = Function {
    name: "abs",
    signature: "abs(x)",
    description: "The amount without its sign.",
    example: "abs(Vehicle.Speed - 60) < 5",
    behaviour: PLAIN,
    arguments: (1, 1),
    check: |checker, call| unary(checker, call, Unary::Abs),
};

pub(super) const FLOOR: Function = Function {
    name: "floor",
    signature: "floor(x)",
    description: "The next whole number below.",
    example: "floor(Vehicle.Speed / 10) >= 6",
    behaviour: PLAIN,
    arguments: (1, 1),
    check: |checker, call| unary(checker, call, Unary::Floor),
};

pub(super) const MIN: Function = Function {
    name: "min",
    signature: "min(a, b, …) or min(signal, \"10m\")",
    description: "The smallest of two to eight numbers of one unit, or of the readings in a window.",
    example: "min(Vehicle.Speed, 100) > 60",
    behaviour: PLAIN,
    arguments: (2, 8),
    check: |checker, call| fold_or_window(checker, call, Binary::Min, Stat::Min),
};

pub(super) const MAX: Function = Function {
    name: "max",
    signature: "max(a, b, …) or max(signal, \"10m\")",
    description: "The largest of two to eight numbers of one unit, or of the readings in a window.",
    example: "max(Vehicle.Speed, 10) > 60",
    behaviour: PLAIN,
    arguments: (2, 8),
    check: |checker, call| fold_or_window(checker, call, Binary::Max, Stat::Max),
};

pub(super) const GIVEN: Function = Function {
    name: "given",
    signature: "given(x, condition)",
    description: "A number or a condition where the circumstances let it be judged, unknown elsewhere. For rules that take one verdict per trip or day: what cannot be judged must not count as sound.",
    example: "given(Vehicle.Speed, Vehicle.LowVoltageBattery.CurrentVoltage > 12) > 60",
    behaviour: Behaviour { missing: "unknown, also while the condition is unknown or false", ..PLAIN },
    arguments: (2, 2),
    check: given,
};

pub(super) const TO: Function = Function {
    name: "to",
    signature: "to(x, \"km\")",
    description: "The same quantity in another unit; a bare number gets the unit.",
    example: "to(Vehicle.Speed, \"m/s\") > 20",
    behaviour: PLAIN,
    arguments: (2, 2),
    check: convert,
};

fn given(checker: &mut Checker<'_>, call: &Call<'_>) -> Option<Node> {
    let (of, condition) = (checker.expr(call.args.first()?), checker.condition(call.args.get(1)?));
    let (of, condition) = (of?, condition?);
    if matches!(of.is, Type::Text | Type::Words(_)) {
        return checker.wrong(of.place.first, "a word cannot be given", "compare it: `given(x == \"…\", condition)`");
    }
    let is = of.is.clone();
    let unknown = Node::constant(f64::NAN, is.clone(), call.place);
    Some(Node { kind: Kind::Choose(Box::new([condition, of, unknown])), is, place: call.place })
}

fn unary(checker: &mut Checker<'_>, call: &Call<'_>, op: Unary) -> Option<Node> {
    let of = checker.number(call.args.first()?)?;
    let is = of.is.clone();
    Some(Node::unary(op, of, is, call.place))
}

fn fold_or_window(checker: &mut Checker<'_>, call: &Call<'_>, op: Binary, stat: Stat) -> Option<Node> {
    let of_window = matches!(call.args.get(1)?.expr, Expr::Literal(LiteralValue::String(_)));
    if of_window { window::over(checker, call, stat) } else { fold(checker, call, op) }
}

fn fold(checker: &mut Checker<'_>, call: &Call<'_>, op: Binary) -> Option<Node> {
    let all: Vec<Option<Node>> = call.args.iter().map(|arg| checker.number(arg)).collect();
    let mut all = all.into_iter();
    let mut sum = all.next()??;
    for next in all {
        let next = next?;
        let token = next.place.first;
        sum = checker.arithmetic(op, token, sum, next, call.place)?;
    }
    Some(sum)
}

fn convert(checker: &mut Checker<'_>, call: &Call<'_>) -> Option<Node> {
    let of = checker.number(call.args.first()?);
    let (text, token) = checker.text_argument(call, 1)?;
    let target = match Unit::parse(text) {
        Ok(target) => target,
        Err(error) => return checker.unit_error(token, &error),
    };
    let of = of?;
    let (factor, summand) = match &of.is {
        Type::Number(Some(unit)) => match unit.conversion(&target) {
            Ok(found) => found,
            Err(error) => return checker.unit_error(token, &error),
        },
        _ => (1.0, 0.0),
    };
    let is = Type::Number(Some(target));
    let number = |value: f64| Node::constant(value, is.clone(), call.place);
    let scaled = Node::binary(Binary::Multiply, of, number(factor), is.clone(), call.place);
    Some(Node::binary(Binary::Add, scaled, number(summand), is.clone(), call.place))
}
