//! Lives: a vehicle whose state was erased or lost counts from 1 again, under ids of its own.

use rules::unit::Time;
use rules::vehicle::{Command, Input, Life, VehicleId, What};

use super::Lane;
use crate::lane::draft::Draft;

/// A vehicle whose ids are still taken after so many lives is refused like any other row that the store refuses.
pub(super) const LIVES_TRIED: Life = Life(1_000);

impl Lane {
    /// A vehicle has a life from now on, in the journal and in the store.
    pub(super) fn live(&mut self, id: &VehicleId, life: Life, received_at: Time, draft: &mut Draft) {
        if self.vehicles.contains_key(id) {
            let what = What::Command { command_id: 0, received_at, command: Command::Life { life } };
            self.take_input(Input { vehicle: id.clone(), what }, draft, None);
            draft.lives.push((id.clone(), life));
        }
    }

    /// The life a vehicle has, or has should it come back.
    pub(super) fn life_of(&self, id: &VehicleId) -> Life {
        let held = self.vehicles.get(id).map(|held| held.vehicle.life);
        let known =
            [held, self.lives.get(id).copied(), self.common.lives.get(id).copied(), self.reborn.get(id).copied()];
        known.into_iter().flatten().max().unwrap_or_default()
    }

    /// A vehicle whose ids are taken begins another life when the batch is taken again.
    pub(super) fn begin_life(&mut self, id: &VehicleId) {
        let life = self.life_of(id).next();
        self.reborn.insert(id.clone(), life);
    }

    /// Drops a vehicle; the commit erases what is stored of it.
    pub(super) fn erase(&mut self, id: &VehicleId, draft: &mut Draft) {
        let life = self.life_of(id).next();
        let Some(held) = self.vehicles.remove(id) else { return };
        self.skipped.forget(id);
        draft.erased.push((id.clone(), life));
        self.lives.insert(id.clone(), life);
        draft.more_vehicles -= 1;
        draft.more_waiting -= held.vehicle.order.waiting_count() as i64;
    }
}
