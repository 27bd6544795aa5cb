//! Steps of the clock: a lane follows them between two batches, each of its vehicles at its next input or Timer.
//!
//! What a vehicle's state holds is moved by a journalled `ClockCorrected`, so that a replay moves it at the same place.
//! A fleet of a hundred thousand does not write as many inputs at once for it.

use std::cmp::Reverse;

use rules::rule_set::RuleSet;
use rules::stage::recipe::wake;
use rules::state::Vehicle;
use rules::unit::{Span, Time};
use rules::vehicle::{Command, Input, VehicleId, What};

use super::Lane;
use crate::lane::draft::Draft;

impl Lane {
    /// Timers go on waiting for as long as they had to.
    pub(super) fn follow_clock(&mut self, steps: Option<Span>) {
        let (Some(before), Some(steps)) = (self.corrected, steps) else { return };
        let by = steps - before;
        if by == Span::ZERO {
            return;
        }
        self.corrected = Some(steps);
        let timers = std::mem::take(&mut self.timers);
        self.timers = timers.into_iter().map(|Reverse((at, id))| Reverse((at.stepped(by), id))).collect();
        for held in self.vehicles.values_mut() {
            held.timer = held.timer.map(|at| at.stepped(by));
        }
        tracing::info!(lane = self.no, by = %by, "follows a step of the clock");
    }

    /// Moves what a vehicle's state holds, if steps have been made since it was touched last.
    pub(super) fn correct(&mut self, id: &VehicleId, received_at: Time, draft: &mut Draft) {
        let by = self.vehicles.get(id).map_or(Span::ZERO, |held| self.behind(&held.vehicle));
        if by != Span::ZERO {
            self.take_step(id, by, received_at, draft);
        }
    }

    /// A new vehicle has not followed earlier steps and has nothing to move.
    pub(super) fn begin_corrected(&mut self, id: &VehicleId, received_at: Time, draft: &mut Draft) {
        if self.corrected.is_some_and(|total| total != Span::ZERO) {
            self.take_step(id, Span::ZERO, received_at, draft);
        }
    }

    /// When a vehicle wants its next Timer, as of the clock that the lane follows.
    pub(super) fn wake(&self, vehicle: &Vehicle, set: &RuleSet) -> Option<Time> {
        let by = self.behind(vehicle);
        wake(vehicle, set, &self.common.bounds).map(|at| at.stepped(by))
    }

    fn behind(&self, vehicle: &Vehicle) -> Span {
        self.corrected.map_or(Span::ZERO, |total| total - vehicle.corrected)
    }

    fn take_step(&mut self, id: &VehicleId, by: Span, received_at: Time, draft: &mut Draft) {
        let Some(total) = self.corrected else { return };
        let command = Command::ClockCorrected { by, total };
        let what = What::Command { command_id: 0, received_at, command };
        let input = Input { vehicle: id.clone(), what };
        // Noted here: taking an input asks for this very step.
        let mark = draft.note(&input);
        self.take_input(input, draft, Some(&mark));
    }
}
