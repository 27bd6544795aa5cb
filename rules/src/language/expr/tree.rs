//! A checked expression: every node has a type, names are slots, words are numbers.

use std::sync::Arc;

use super::memory::Memory;
use super::parse::Place;
use super::probe::Probe;
use super::tri;
use crate::unit::Unit;

/// What a sub-expression is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    /// True or false.
    Flag,
    /// A number; a bare literal has no unit yet and takes that of its partner.
    Number(Option<Unit>),
    /// One of a list of words, inside its place in the list.
    Words(Words),
    /// A literal in quotes, before it met its partner.
    Text,
}

/// The words a value can be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Words {
    pub list: Arc<[String]>,
    /// Whether `<` and `>` mean something.
    pub ordered: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub kind: Kind,
    pub is: Type,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Const(f64),
    Text(String),
    Probe(Probe),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<[Node; 2]>),
    /// Condition, then, else.
    Choose(Box<[Node; 3]>),
    /// As many conditions as the function looks at.
    Remember(Memory, Box<[Node]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Negate,
    Abs,
    Floor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Min,
    Max,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

impl Unary {
    #[inline]
    pub fn apply(self, a: f64) -> f64 {
        match self {
            Self::Not => tri::not(a),
            Self::Negate => -a,
            Self::Abs => a.abs(),
            Self::Floor => a.floor(),
        }
    }
}

impl Binary {
    /// NaN, which is unknown, for whatever is not a finite number.
    #[inline]
    pub fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => finite(a + b),
            Self::Subtract => finite(a - b),
            Self::Multiply => finite(a * b),
            Self::Divide => finite(a / b),
            Self::Remainder => finite(a % b),
            // The sum is NaN if either is; `f64::min` would drop the unknown.
            Self::Min => {
                if (a + b).is_nan() {
                    f64::NAN
                } else {
                    a.min(b)
                }
            }
            Self::Max => {
                if (a + b).is_nan() {
                    f64::NAN
                } else {
                    a.max(b)
                }
            }
            Self::Less => truth(a < b, a, b),
            Self::LessEqual => truth(a <= b, a, b),
            Self::Greater => truth(a > b, a, b),
            Self::GreaterEqual => truth(a >= b, a, b),
            Self::Equal => truth(a == b, a, b),
            Self::NotEqual => truth(a != b, a, b),
            Self::And => tri::and(a, b),
            Self::Or => tri::or(a, b),
        }
    }

    pub const fn is_comparison(self) -> bool {
        matches!(self, Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual | Self::Equal | Self::NotEqual)
    }

    /// The comparison with both sides exchanged.
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            other => other,
        }
    }
}

/// The value of `condition ? a : b`; unknown if the condition is.
#[inline]
pub(super) fn choose(condition: f64, a: f64, b: f64) -> f64 {
    if condition.is_nan() {
        f64::NAN
    } else if condition == 0.0 {
        b
    } else {
        a
    }
}

#[inline]
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

#[inline]
fn truth(holds: bool, a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { f64::from(u8::from(holds)) }
}

impl Node {
    pub fn constant(value: f64, is: Type, place: Place) -> Self {
        Self { kind: Kind::Const(value), is, place }
    }

    pub fn binary(op: Binary, left: Self, right: Self, is: Type, place: Place) -> Self {
        Self { kind: Kind::Binary(op, Box::new([left, right])), is, place }
    }

    pub fn unary(op: Unary, of: Self, is: Type, place: Place) -> Self {
        Self { kind: Kind::Unary(op, Box::new(of)), is, place }
    }

    pub fn children(&self) -> &[Self] {
        match &self.kind {
            Kind::Const(_) | Kind::Text(_) | Kind::Probe(_) => &[],
            Kind::Unary(_, of) => std::slice::from_ref(of),
            Kind::Remember(_, of) => of,
            Kind::Binary(_, both) => both.as_slice(),
            Kind::Choose(three) => three.as_slice(),
        }
    }

    /// Calls `visit` for this node and all below it, in the order of the text.
    pub fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// Whether anything below keeps state, and so must run at every step.
    pub fn keeps_state(&self) -> bool {
        matches!(self.kind, Kind::Remember(..)) || self.children().iter().any(Self::keeps_state)
    }
}
