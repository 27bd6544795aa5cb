//! What every stage works on: one vehicle, the instant, the rules, and what must be written because of it.

use uuid::Uuid;

use crate::case::Case;
use crate::rule_set::RuleSet;
use crate::stage::effect::{CaseEffect, ChangeKind, Effect, Effects};
use crate::state::Vehicle;
use crate::unit::{Text, Time};

/// The scope of one step of the recipe. It owns nothing: it saves every stage four arguments, and a stage can be
/// tested by what it leaves in the vehicle and in the effects.
pub struct StepScope<'a> {
    pub vehicle: &'a mut Vehicle,
    /// When what is decided on was received; age and skew count from it.
    pub received_at: Time,
    pub set: &'a RuleSet,
    pub effects: &'a mut Effects,
}

impl<'a> StepScope<'a> {
    /// As of the newest reception of the vehicle.
    pub const fn new(vehicle: &'a mut Vehicle, set: &'a RuleSet, effects: &'a mut Effects) -> Self {
        let received_at = vehicle.received;
        Self { vehicle, received_at, set, effects }
    }

    /// Appends what must be written. Order matters: the store writes effects as they stand.
    pub fn write(&mut self, effect: Effect) {
        self.effects.written.push(effect);
    }

    /// The open case of an id, by its place.
    pub fn place_of(&self, case: Uuid) -> Option<usize> {
        self.vehicle.cases.iter().position(|open| open.id == case)
    }
}

/// Adds a line to the history of a case.
pub fn log(case: &mut Case, kind: ChangeKind, measured_at: Time, because: Text, received_at: Time) -> Effect {
    case.changes += 1;
    Effect::Case(CaseEffect::Log { case: case.id, change_no: case.changes, kind, measured_at, received_at, because })
}
