//! The functions of the language: one slice, from which checking, errors and documents come.
//!
//! To add one: write its [`Function`] in a file here, with what it means when readings are missing,
//! late or far apart, and put it into [`FUNCTIONS`].

mod absence;
mod cohort;
mod fault;
pub(super) mod hold;
mod math;
mod sequence;
mod service;
mod window;

use super::check::{Call, Checker};
use super::tree::Node;

/// One function: what authors read about it, and how a call is checked.
pub struct Function {
    pub name: &'static str,
    pub signature: &'static str,
    pub description: &'static str,
    /// A condition that uses it.
    pub example: &'static str,
    pub behaviour: Behaviour,
    /// Fewest and most arguments.
    pub(super) arguments: (usize, usize),
    pub(super) check: fn(&mut Checker<'_>, &Call<'_>) -> Option<Node>,
}

/// What a function does when the data is not perfect.
pub struct Behaviour {
    /// Two readings are further apart than the signal's `max_gap`.
    pub gap: &'static str,
    /// There is no reading, or it is too old.
    pub missing: &'static str,
    /// A reading arrives after a younger one was folded.
    pub late: &'static str,
    /// Time passes without a reading.
    pub tick: &'static str,
}

/// Late readings never reach an expression.
const LATE: &str = "not seen: late readings change nothing";
/// Most functions are asked only when something they read was measured.
const NO_TICK: &str = "not asked";

/// All functions, in the order of the reference.
pub static FUNCTIONS: &[Function] = &[
    hold::HELD,
    sequence::SINCE,
    sequence::THEN_WITHIN,
    sequence::NOT_FOLLOWED_BY,
    window::AVG,
    window::SUM,
    window::COUNT,
    window::RATE,
    window::SLOPE,
    window::STDDEV,
    window::FIRST,
    window::LAST,
    window::DELTA,
    window::CHANGED,
    absence::STALE,
    absence::SILENT,
    absence::AGE,
    absence::HAS,
    cohort::COHORT,
    fault::FAULT,
    fault::FAULT_COUNT,
    fault::FAULT_TRIPS,
    service::SERVICE,
    service::SERVICE_DAYS,
    service::SERVICE_KM,
    service::SERVICE_PROBABILITY,
    math::ABS,
    math::MIN,
    math::MAX,
    math::FLOOR,
    math::TO,
    math::GIVEN,
];

pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recipe "add a function", as a file here would write it.
    const DUMMY: Function = Function {
        name: "dummy",
        signature: "dummy(x)",
        description: "The amount without its sign, for a test.",
        example: "dummy(Vehicle.Speed) < 5",
        behaviour: Behaviour { gap: "as its argument", missing: "unknown", late: LATE, tick: NO_TICK },
        arguments: (1, 1),
        check: |checker, call| (math::ABS.check)(checker, call),
    };

    #[test]
    fn functions_have_names_of_their_own_and_say_what_they_do() {
        let all: Vec<&Function> = FUNCTIONS.iter().chain([&DUMMY]).collect();
        for (place, function) in all.iter().enumerate() {
            assert!(all.iter().skip(place + 1).all(|other| other.name != function.name), "{}", function.name);
            assert!(!function.description.is_empty() && !function.example.is_empty(), "{}", function.name);
            assert!(function.arguments.0 <= function.arguments.1);
        }
    }
}
