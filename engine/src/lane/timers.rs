//! Waits: vehicles that something is due for without a message.

use std::cmp::Reverse;

use rules::reading::{Input, What};
use rules::recipe::wake;

use super::Lane;
use crate::draft::Draft;
use crate::inbox::Until;

impl Lane {
    /// Waits that are over, after the messages that may have ended them.
    pub(super) fn take_timers(&mut self, draft: &mut Draft) {
        let now = self.common.clock.now();
        while self.timers.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((at, id))) = self.timers.pop() else { break };
            let Some(held) = self.vehicles.get_mut(&id).filter(|held| held.timer == Some(at)) else { continue };
            held.timer = None;
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
