//! Acknowledge: vehicles hear how far they are committed.

use bytes::Bytes;
use ingest::down::Down;
use rules::vehicle::VehicleId;

use super::Lane;
use crate::lane::draft::Draft;

impl Lane {
    /// The vehicle hears its position with the next commit, also if that is the one it knows.
    pub(super) fn answer_at_once(&mut self, id: &VehicleId, draft: &mut Draft) {
        if let Some(held) = self.vehicles.get_mut(id) {
            held.told.ask();
            draft.asked.push(id.clone());
        }
    }

    /// The first message after a connect is answered, and not the connect itself: only the message shows whether
    /// the vehicle still counts as it did.
    pub(super) fn answer_next(&mut self, id: &VehicleId) {
        if let Some(held) = self.vehicles.get_mut(id) {
            held.told.ask();
        }
    }

    /// Tells vehicles what is committed now.
    pub(super) fn acknowledge(&mut self, draft: &Draft) {
        let mut said = Vec::new();
        for id in draft.changed.iter().chain(&draft.asked) {
            let Some(held) = self.vehicles.get_mut(id) else { continue };
            let Some((stream, seq)) = held.vehicle.order.position() else { continue };
            if held.told.say((stream, seq)) {
                said.push((id.clone(), Bytes::from(Down::Committed { stream, seq }.encode())));
            }
        }
        for (id, sha256) in &draft.unreadable {
            said.push((id.clone(), Bytes::from(Down::Unreadable { sha256: *sha256 }.encode())));
        }
        if !said.is_empty() {
            self.common.source.publish_down(&said);
        }
    }
}
