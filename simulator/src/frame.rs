//! What a vehicle measured at one instant, as its telematics unit sees it.
//!
//! A frame is the unit of everything in this crate: physics fills it, faults and troubles bend it,
//! the outbox numbers it and the wire encodes it. Values are already rounded to the sensor's
//! resolution.

use std::borrow::Cow;

pub use ingest::wire::{UploadFault as CodeReport, UploadValue as Value};
use rules::unit::Time;

/// A signal's path in the catalogue; borrowed for what we simulate, owned for what a log names.
pub type Name = Cow<'static, str>;

/// All that was measured at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub at: Time,
    pub readings: Vec<(Name, Value)>,
    pub codes: Vec<CodeReport>,
}

impl Frame {
    pub fn new(at: Time) -> Self {
        Self { at, readings: Vec::with_capacity(32), codes: Vec::new() }
    }

    /// Adds a number, rounded to `per_unit` steps per unit (100 means two digits).
    pub fn number(&mut self, name: &'static str, value: f64, per_unit: f64) {
        self.readings.push((Cow::Borrowed(name), Value::Number(round(value, per_unit))));
    }

    pub fn flag(&mut self, name: &'static str, value: bool) {
        self.readings.push((Cow::Borrowed(name), Value::Flag(value)));
    }

    pub fn word(&mut self, name: &'static str, value: &'static str) {
        self.readings.push((Cow::Borrowed(name), Value::Word(Cow::Borrowed(value))));
    }

    /// The number of a signal, if the frame has one.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.readings.iter().find_map(|(own, value)| match value {
            Value::Number(number) if own == name => Some(*number),
            _ => None,
        })
    }

    /// The flag of a signal, if the frame has one.
    pub fn is(&self, name: &str) -> Option<bool> {
        self.readings.iter().find_map(|(own, value)| match value {
            Value::Flag(flag) if own == name => Some(*flag),
            _ => None,
        })
    }

    /// Whether the frame has this word of a signal.
    pub fn says(&self, name: &str, word: &str) -> bool {
        self.readings.iter().any(|(own, value)| own == name && matches!(value, Value::Word(said) if said == word))
    }

    /// The number of a signal, to change it in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut f64> {
        self.readings.iter_mut().find_map(|(own, value)| match value {
            Value::Number(number) if own == name => Some(number),
            _ => None,
        })
    }
}

/// Rounds to `per_unit` steps per unit without leaving digits of binary dust behind.
pub fn round(value: f64, per_unit: f64) -> f64 {
    (value * per_unit).round() / per_unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_without_dust() {
        assert_eq!(round(12.406_7, 100.0).to_string(), "12.41");
        assert_eq!(round(231.3, 0.4), 232.5);
    }
}
