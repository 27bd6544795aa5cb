//! Acknowledge: vehicles hear how far they are committed.

use std::time::Instant;

use bytes::Bytes;
use ingest::down::Down;
use rules::vehicle::VehicleId;

use super::Lane;
use crate::draft::Draft;

impl Lane {
    /// Tells vehicles what is committed now.
    pub(super) fn acknowledge(&mut self, draft: &Draft) {
        let mut said = Vec::new();
        for id in draft.changed.iter().chain(&draft.asked) {
            let Some(held) = self.vehicles.get_mut(id) else { continue };
            let position = held.vehicle.order.position();
            if let Some((stream, seq)) = self.answers.committed(id, &mut held.told, position) {
                said.push((id.clone(), Bytes::from(Down::Committed { stream, seq }.encode())));
            }
        }
        for (id, sha256) in &draft.unreadable {
            said.push((id.clone(), Bytes::from(Down::Unreadable { sha256: *sha256 }.encode())));
        }
        self.say(&said);
    }

    fn say(&self, said: &[(VehicleId, Bytes)]) {
        if !said.is_empty() {
            self.common.source.publish_down(said);
        }
    }

    /// Tells those whose progress has waited for company long enough.
    pub(super) fn tell_late(&mut self) {
        let over: Vec<VehicleId> = self.answers.over(Instant::now()).collect();
        let mut said = Vec::new();
        for id in over {
            let Some(held) = self.vehicles.get_mut(&id) else { continue };
            let Some((stream, seq)) = held.vehicle.order.position() else { continue };
            if held.told.say((stream, seq)) {
                said.push((id, Bytes::from(Down::Committed { stream, seq }.encode())));
            }
        }
        self.say(&said);
    }
}
