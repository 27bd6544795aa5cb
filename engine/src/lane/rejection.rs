//! What becomes of what is refused: rows within reason, an answer, and a number that leaves no hole.

use ingest::admit::{Admitted, Refusal, UnknownVehicle};
use ingest::refused::Refused;
use rules::unit::Time;
use rules::vehicle::{Reason, Sequence, VehicleId};

use super::Lane;
use super::skipped::Skipped;
use crate::lane::draft::{Draft, refused_input};

impl Lane {
    /// What the source refused, of a vehicle that it knows.
    pub(super) fn take_refused(&mut self, refused: &Refused, received_at: Time, draft: &mut Draft) {
        let Refused { vehicle, refusal, answered } = refused;
        self.note_rejection(refusal, received_at, draft);
        let is_known = self.vehicles.contains_key(vehicle) || self.common.unknown == UnknownVehicle::Register;
        if *answered && is_known {
            self.skip(vehicle, refusal, draft);
        }
    }

    /// The vehicle may drop it and raise its `oldest`; until then its number is no hole.
    pub(super) fn skip(&mut self, vehicle: &VehicleId, refusal: &Refusal, draft: &mut Draft) {
        draft.unreadable.push((vehicle.clone(), refusal.sha256));
        match refusal.sequence {
            Some(sequence) => self.skipped.note(vehicle, Skipped { sequence, reason: refusal.reason }),
            None if refusal.reason == Reason::TooLarge => self.skipped.note_unnumbered(vehicle),
            None => {}
        }
    }

    /// Counts the numbers skipped before this one as dealt with.
    pub(super) fn close_skipped(
        &mut self,
        id: &VehicleId,
        next: Option<Sequence>,
        received_at: Time,
        draft: &mut Draft,
    ) {
        let Some(next) = next.filter(|_| !self.skipped.is_empty()) else { return };
        let position = self.vehicles.get(id).and_then(|held| held.vehicle.order.position());
        let covered = position.filter(|(stream, _)| *stream == next.stream).map(|(_, covered)| covered);
        let covered = covered.max(next.oldest.map(|oldest| oldest.saturating_sub(1)));
        for Skipped { sequence, reason } in self.skipped.before(id, covered, next) {
            // Where the numbers begin is said by the message, never by what was refused.
            let sequence = Sequence { oldest: next.oldest.map(|oldest| oldest.min(sequence.seq)), ..sequence };
            self.take_input(refused_input(id, sequence, received_at, reason), draft, None);
        }
    }

    pub(super) fn note_rejection(&mut self, refusal: &Refusal, received_at: Time, draft: &mut Draft) {
        self.common.ingest.count_refusal(refusal);
        self.note_row(refusal, received_at, draft);
    }

    /// Writes down what became of a payload, as far as its vehicle has not used up its rows.
    pub(super) fn note_row(&mut self, refusal: &Refusal, received_at: Time, draft: &mut Draft) {
        if self.restraint.allows(refusal.vehicle.as_ref(), received_at) {
            draft.reject(refusal, received_at);
        }
    }

    pub(super) fn note_refused_readings(
        &mut self,
        admitted: &Admitted,
        payload: &[u8],
        received_at: Time,
        draft: &mut Draft,
    ) {
        self.common.ingest.count_admitted(admitted);
        for refused in admitted.refused.iter() {
            if self.restraint.allows(Some(&admitted.vehicle), received_at) {
                let sequence = admitted.message.sequence;
                let detail = refused.detail.as_deref().unwrap_or_default();
                let refusal = Refusal::new(refused.reason, detail, Some(admitted.vehicle.clone()), sequence, payload);
                draft.reject(&refusal, received_at);
            }
        }
    }
}
