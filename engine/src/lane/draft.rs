//! A batch while it is being decided: what one commit will write, and whom it will answer.

use std::time::Duration;

use ingest::admit::Refusal;
use rules::stage::effect::{Effect, Effects};
use rules::unit::Time;
use rules::vehicle::{Input, Life, Reason, Refused, VehicleId, What};
use uuid::Uuid;

use crate::history::journal::{Decided, decision_hash, encode_input};
use crate::metrics::EffectCounts;
use crate::store::case::NewVehicle;
use crate::store::commit::{RejectionRow, Written};
use crate::store::sample::SampleRows;

/// Everything decided since the last commit.
#[derive(Debug, Default)]
pub struct Draft {
    inputs: Vec<u8>,
    pub input_count: i32,
    pub decisions: Vec<Decided>,
    pub samples: SampleRows,
    pub effects: Vec<Written>,
    pub rejections: Vec<RejectionRow>,
    pub registered: Vec<NewVehicle>,
    pub commands: Vec<i64>,
    /// Vehicles that were erased, and the life they have should they come back.
    pub erased: Vec<(VehicleId, Life)>,
    /// Vehicles that began another life.
    pub lives: Vec<(VehicleId, Life)>,
    pub received: Option<(Time, Time)>,
    /// Vehicles whose state changed.
    pub changed: Vec<VehicleId>,
    /// The vehicle whose timer is being taken.
    pub timing: Option<VehicleId>,
    /// Vehicles that wonder how far they are: duplicates, new connections.
    pub asked: Vec<VehicleId>,
    /// Unreadable payloads to answer after the commit.
    pub unreadable: Vec<(VehicleId, [u8; 32])>,
    /// What the effects add to the counters.
    pub counts: EffectCounts,
    /// Time spent in admission.
    pub admitting: Duration,
    /// Readings not used, by reason, for the counters.
    pub unused: Vec<Reason>,
    pub admitted: u64,
    /// What the commit adds to the gauges of known vehicles and of waiting messages.
    pub more_vehicles: i64,
    pub more_waiting: i64,
    pub settled: u64,
}

impl Draft {
    pub fn inputs(&self) -> &[u8] {
        &self.inputs
    }

    pub fn is_empty(&self) -> bool {
        self.input_count == 0 && self.rejections.is_empty() && self.effects.is_empty() && self.commands.is_empty()
    }

    /// Writes an input down before it is taken; the mark undoes that if it turns out to be known.
    pub fn note(&mut self, input: &Input) -> Mark {
        let mark = Mark(self.inputs.len());
        encode_input(&mut self.inputs, input);
        mark
    }

    pub fn forget(&mut self, mark: &Mark) {
        self.inputs.truncate(mark.0);
    }

    /// Keeps a noted input, with what it led to. Returns its index in the batch.
    pub fn keep(&mut self, vehicle: &VehicleId, dealer: Uuid, received_at: Time, effects: &mut Effects) -> i32 {
        let index = self.input_count;
        self.input_count += 1;
        let (from, to) = self.received.unwrap_or((received_at, received_at));
        self.received = Some((from.min(received_at), to.max(received_at)));
        if let Some(hash) = decision_hash(&effects.written) {
            self.decisions.push(Decided { index: index as u32, hash });
        }
        self.take_effects(vehicle, dealer, effects);
        index
    }

    /// Takes over what an input, known or not, asks to be written.
    pub fn take_effects(&mut self, vehicle: &VehicleId, dealer: Uuid, effects: &mut Effects) {
        for reading in effects.kept.drain(..) {
            self.samples.push(vehicle, &reading);
        }
        self.counts.note(&effects.written);
        self.write(vehicle, dealer, effects.written.drain(..));
        self.unused.extend(effects.unused.drain(..).map(|(reason, _)| reason));
        self.settled += u64::from(std::mem::take(&mut effects.settled));
    }

    pub fn write(&mut self, vehicle: &VehicleId, dealer: Uuid, effects: impl Iterator<Item = Effect>) {
        self.effects.extend(effects.map(|effect| Written { vehicle: vehicle.clone(), dealer, effect }));
    }

    pub fn reject(&mut self, refusal: &Refusal, received_at: Time) {
        self.rejections.push(RejectionRow {
            received_at,
            vehicle: refusal.vehicle.clone(),
            reason: refusal.reason,
            detail: refusal.detail.clone(),
            size: refusal.size,
            sha256: Some(refusal.sha256),
            excerpt: refusal.excerpt.clone(),
            sequence: refusal.sequence,
        });
    }
}

/// Where an input starts in the batch.
#[derive(Debug)]
pub struct Mark(usize);

/// The input that counts a refused message's number as dealt with.
pub fn refused_input(
    vehicle: &VehicleId,
    sequence: rules::vehicle::Sequence,
    received_at: Time,
    reason: Reason,
) -> Input {
    Input { vehicle: vehicle.clone(), what: What::Refused(Refused { sequence, received_at, reason }) }
}
