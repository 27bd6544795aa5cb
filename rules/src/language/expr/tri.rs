//! Three-valued truth after Kleene: what is not known is neither true nor false.
//!
//! Inside the machine truth is a float, 1 or 0, and NaN for unknown, so that numbers, flags and
//! truth share one stack and an unknown reading spreads by itself.

use serde::{Deserialize, Serialize};

/// The outcome of a rule's expression at one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tri {
    False,
    True,
    /// A reading is missing or too old: not true, not clear.
    Unknown,
}

impl Tri {
    pub const fn is_true(self) -> bool {
        matches!(self, Self::True)
    }

    pub const fn is_false(self) -> bool {
        matches!(self, Self::False)
    }

    pub(super) fn of_number(value: f64) -> Self {
        if value.is_nan() {
            Self::Unknown
        } else if value == 0.0 {
            Self::False
        } else {
            Self::True
        }
    }
}

impl Tri {
    /// As the machine writes it.
    #[cfg(test)]
    pub(super) const fn number(self) -> f64 {
        match self {
            Self::False => 0.0,
            Self::True => 1.0,
            Self::Unknown => f64::NAN,
        }
    }
}

impl From<bool> for Tri {
    fn from(truth: bool) -> Self {
        if truth { Self::True } else { Self::False }
    }
}

/// False if either is false, whatever the other is.
#[inline]
#[expect(clippy::needless_bitwise_bool, reason = "a branch here is taken at random, and mispredicted")]
pub(super) fn and(a: f64, b: f64) -> f64 {
    if (a == 0.0) | (b == 0.0) { 0.0 } else { a * b }
}

/// True if either is true, whatever the other is.
#[inline]
#[expect(clippy::needless_bitwise_bool, reason = "a branch here is taken at random, and mispredicted")]
pub(super) fn or(a: f64, b: f64) -> f64 {
    if (a == 1.0) | (b == 1.0) { 1.0 } else { a + b }
}

#[inline]
pub(super) fn not(a: f64) -> f64 {
    1.0 - a
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Tri; 3] = [Tri::False, Tri::True, Tri::Unknown];

    fn lift(f: fn(f64, f64) -> f64) -> impl Fn(Tri, Tri) -> Tri {
        move |a, b| Tri::of_number(f(a.number(), b.number()))
    }

    #[test]
    fn follows_the_laws_of_kleene() {
        let (both, either) = (lift(and), lift(or));
        let negate = |a: Tri| Tri::of_number(not(a.number()));
        for a in ALL {
            assert_eq!(negate(negate(a)), a);
            assert_eq!(both(a, Tri::False), Tri::False);
            assert_eq!(either(a, Tri::True), Tri::True);
            assert_eq!(both(a, Tri::True), a);
            assert_eq!(either(a, Tri::False), a);
            for b in ALL {
                assert_eq!(both(a, b), both(b, a));
                assert_eq!(either(a, b), either(b, a));
                assert_eq!(negate(both(a, b)), either(negate(a), negate(b)));
                for c in ALL {
                    assert_eq!(both(a, both(b, c)), both(both(a, b), c));
                    assert_eq!(both(a, either(b, c)), either(both(a, b), both(a, c)));
                }
            }
        }
    }
}
