//! What is estimated of one vehicle: the estimators' states, and what its service plan needs.
//!
//! How hard and how far it is driven is no estimator's: no rule reads it as a signal, every vehicle has it, and the
//! plan of the catalogue asks for it by name.

use serde::{Deserialize, Serialize};

use super::severity::Severity;
use super::states::States;
use super::usage::Usage;
use super::{ESTIMATORS, State};
use crate::unit::Span;
use crate::vehicle::{Component, Profile};

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimates {
    pub states: States,
    pub severity: Severity,
    pub usage: Usage,
}

impl Estimates {
    /// Of a vehicle that was never heard; `items`: service items of the catalogue.
    pub fn new(profile: &Profile, items: usize) -> Self {
        Self { states: States::default(), severity: Severity::default(), usage: Usage::new(profile, items) }
    }

    /// The state of an estimator by its key, once it has one.
    pub fn state(&self, key: &str) -> Option<&State> {
        self.states.get(ESTIMATORS.iter().position(|entry| entry.key == key)?)
    }

    /// Moves what is remembered by a step of the clock; dates that people gave stay.
    pub fn move_by(&mut self, by: Span) {
        self.states.move_by(by, ESTIMATORS);
        self.severity.move_by(by);
        self.usage.move_by(by);
    }

    /// Forgets what was learned of a part that was replaced.
    pub fn restart(&mut self, component: &Component) {
        self.states.restart(component, ESTIMATORS);
    }
}
