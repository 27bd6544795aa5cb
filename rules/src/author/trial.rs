//! One vehicle under a virtual clock: what a lane does with it, without lane, broker and store.
//!
//! Back-test and benchmarks stand on it, so that a vehicle gets its Timers from one place: all that are
//! due before its next input.

use serde::{Deserialize, Serialize};

use crate::rule_set::RuleSet;
use crate::stage::effect::Effects;
use crate::stage::recipe::{take, wake};
use crate::state::Vehicle;
use crate::state::settle::{Arrival, Bounds};
use crate::unit::Time;
use crate::vehicle::{Command, Refused, What};

/// A vehicle and when it wants its next Timer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    pub vehicle: Vehicle,
    timer: Option<Time>,
}

impl Trial {
    pub fn new(vehicle: Vehicle, set: &RuleSet, bounds: &Bounds) -> Self {
        let timer = wake(&vehicle, set, bounds);
        Self { vehicle, timer }
    }

    /// Takes an input after the Timers that are due before it; appends what both lead to.
    pub fn take(&mut self, input: What, set: &RuleSet, bounds: &Bounds, effects: &mut Effects) -> Arrival {
        let received_at = input.received_at();
        // A step of the clock is no time that passed.
        let is_a_step = matches!(input, What::Command { command: Command::ClockCorrected { .. }, .. });
        if !is_a_step && self.timer.is_some_and(|at| at < received_at) {
            self.pass_time(received_at, set, bounds, effects);
        }
        let sequence = if let What::Message(message) = &input { message.sequence } else { None };
        let arrival = take(&mut self.vehicle, input, set, bounds, effects);
        if let Some((sequence, reason)) = sequence.zip(arrival.counts_as_refused()) {
            let refused = Refused { sequence, received_at, reason };
            take(&mut self.vehicle, What::Refused(refused), set, bounds, effects);
        }
        self.timer = wake(&self.vehicle, set, bounds);
        arrival
    }

    /// Gives it every Timer it asks for before `to`.
    pub fn pass_time(&mut self, to: Time, set: &RuleSet, bounds: &Bounds, effects: &mut Effects) {
        while let Some(due) = self.timer.filter(|at| *at < to) {
            let at = due.max(self.vehicle.received);
            take(&mut self.vehicle, What::Timer { at }, set, bounds, effects);
            // One that is asked for again at once waits for something else than time.
            self.timer = wake(&self.vehicle, set, bounds).filter(|next| *next > at);
        }
    }
}
