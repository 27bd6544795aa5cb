//! Waits: vehicles that something is due for without a message.

use std::cmp::Reverse;

use rules::stage::recipe::wake;
use rules::vehicle::{Input, What};

use super::Lane;
use super::own::Held;
use crate::history::journal::Restored;
use crate::lane::answer::Told;
use crate::lane::draft::Draft;
use crate::lane::inbox::Until;

impl Lane {
    /// Takes vehicles in, each with its timer.
    pub(super) fn hold(&mut self, vehicles: impl Iterator<Item = Restored>) {
        // Oldest change first: the horizon must not pass a change that only the journal has.
        let mut vehicles: Vec<Restored> = vehicles.collect();
        vehicles.sort_by_key(|restored| restored.since);
        for restored in vehicles {
            let id = restored.vehicle.id.clone();
            if let Some(since) = restored.since {
                self.dirty.mark(&id, if since.incarnation == self.common.incarnation { since.n } else { 0 });
            }
            let timer = self.wake(&restored.vehicle, &restored.set);
            if let Some(at) = timer {
                self.timers.push(Reverse((at, id.clone())));
            }
            let Restored { vehicle, set, position, .. } = restored;
            let held = Held { vehicle, set, position, told: Told::default(), timer };
            self.vehicles.insert(id, Box::new(held));
        }
    }

    /// Waits that are over, after the messages that may have ended them.
    pub(super) fn take_timers(&mut self, draft: &mut Draft) {
        let (now, steps) = self.common.clock.reading();
        if steps != self.corrected {
            // The clock has just made a step: the next batch follows it, and these with it.
            return;
        }
        while self.timers.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((at, id))) = self.timers.pop() else { break };
            let Some(held) = self.vehicles.get_mut(&id).filter(|held| held.timer == Some(at)) else { continue };
            held.timer = None;
            self.correct(&id, now, draft);
            let Some(held) = self.vehicles.get_mut(&id) else { continue };
            match wake(&held.vehicle, &held.set, &self.common.bounds) {
                Some(due) if due <= now => {
                    let at = now.max(held.vehicle.received);
                    draft.timing = Some(id.clone());
                    self.take_input(Input { vehicle: id, what: What::Timer { at } }, draft, None);
                }
                Some(due) => {
                    held.timer = Some(due);
                    self.timers.push(Reverse((due, id)));
                }
                None => {}
            }
        }
        draft.timing = None;
    }

    /// How long the lane may sleep: to the next timer.
    pub(super) fn until_due(&self) -> Until {
        Until { clock: self.common.clock.clone(), timer: self.timers.peek().map(|Reverse((at, _))| *at) }
    }
}
