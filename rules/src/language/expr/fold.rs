//! Computes what does not depend on the vehicle once, when the rule is loaded.

use super::tree::{Binary, Kind, Node, choose};

/// The same expression with constant parts replaced by their value, and conditions that cannot
/// matter left out. Uses the operations of the machine, so that results cannot differ.
pub(super) fn fold(node: Node) -> Node {
    let Node { kind, is, place } = node;
    let kind =
        match kind {
            Kind::Unary(op, of) => match fold(*of) {
                Node { kind: Kind::Const(value), .. } => Kind::Const(op.apply(value)),
                of => Kind::Unary(op, Box::new(of)),
            },
            Kind::Binary(op, both) => {
                let [left, right] = *both;
                binary(op, fold(left), fold(right))
            }
            Kind::Choose(three) => {
                let [condition, a, b] = *three;
                match (fold(condition), fold(a), fold(b)) {
                    (Node { kind: Kind::Const(truth), .. }, a, b) if !truth.is_nan() => {
                        if choose(truth, 1.0, 0.0) == 1.0 { a.kind } else { b.kind }
                    }
                    (condition, a, b) => Kind::Choose(Box::new([condition, a, b])),
                }
            }
            Kind::Remember(memory, of) => Kind::Remember(memory, of.into_iter().map(fold).collect()),
            leaf @ (Kind::Const(_) | Kind::Text(_) | Kind::Probe(_)) => leaf,
        };
    Node { kind, is, place }
}

fn binary(op: Binary, left: Node, right: Node) -> Kind {
    // The constant that decides the operator alone, and the one that leaves the other side as it is.
    let (decides, neutral) = match op {
        Binary::And => (Some(0.0), Some(1.0)),
        Binary::Or => (Some(1.0), Some(0.0)),
        Binary::Multiply => (None, Some(1.0)),
        Binary::Add => (None, Some(0.0)),
        _ => (None, None),
    };
    match (&left.kind, &right.kind) {
        (Kind::Const(a), Kind::Const(b)) => Kind::Const(op.apply(*a, *b)),
        (Kind::Const(one), _) | (_, Kind::Const(one)) if decides == Some(*one) => Kind::Const(*one),
        (Kind::Const(one), _) if neutral == Some(*one) => right.kind,
        (_, Kind::Const(one)) if neutral == Some(*one) => left.kind,
        _ => Kind::Binary(op, Box::new([left, right])),
    }
}
