//! Vehicles that changed since their snapshot, oldest change first.
//!
//! The journal must be replayed from the oldest of them; writing that one's snapshot moves the
//! horizon. So the work is spread over the batches, and a vehicle that changes all the time costs
//! one snapshot per horizon, not per change.

use std::collections::{HashMap, VecDeque};

use rules::vehicle::VehicleId;

/// Inputs a start may have to replay before snapshots are written: a few seconds' worth.
const REPLAY_INPUTS: u64 = 400_000;
/// Snapshots per batch, so that no commit grows long.
const PER_BATCH: usize = 256;

/// Batch and count of inputs at the first change since the snapshot.
pub type Mark = (i64, u64);

#[derive(Debug, Default)]
pub struct Dirty {
    since: HashMap<VehicleId, Mark>,
    queue: VecDeque<(VehicleId, Mark)>,
    inputs: u64,
}

impl Dirty {
    /// Notes that batch `n` changed a vehicle.
    pub fn mark(&mut self, vehicle: &VehicleId, n: i64) {
        if !self.since.contains_key(vehicle) {
            let mark = (n, self.inputs);
            self.since.insert(vehicle.clone(), mark);
            self.queue.push_back((vehicle.clone(), mark));
        }
    }

    pub fn count(&mut self, inputs: u64) {
        self.inputs += inputs;
    }

    /// Vehicles to write with the next batch, oldest change first; they count as clean.
    pub fn take_due(&mut self) -> Vec<(VehicleId, Mark)> {
        let mut due = Vec::new();
        while due.len() < PER_BATCH {
            let Some((_, (_, at))) = self.queue.front() else { break };
            if self.inputs - at < REPLAY_INPUTS {
                break;
            }
            due.extend(self.queue.pop_front());
        }
        for (vehicle, _) in &due {
            self.since.remove(vehicle);
        }
        due
    }

    /// They were not written after all.
    pub fn put_back(&mut self, due: Vec<(VehicleId, Mark)>) {
        for (vehicle, mark) in due.into_iter().rev() {
            self.since.insert(vehicle.clone(), mark);
            self.queue.push_front((vehicle, mark));
        }
    }

    /// Up to `most` vehicles whatever their age, for the end of a run.
    pub fn take_any(&mut self, most: usize) -> Vec<VehicleId> {
        let count = most.min(self.queue.len());
        let taken: Vec<VehicleId> = self.queue.drain(..count).map(|(vehicle, _)| vehicle).collect();
        for vehicle in &taken {
            self.since.remove(vehicle);
        }
        taken
    }

    /// The batch up to which every change is in a snapshot, `last` being the newest batch.
    pub fn horizon(&self, last: i64) -> i64 {
        self.queue.front().map_or(last, |(_, (n, _))| n - 1)
    }

    pub fn waiting(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_horizon_stands_before_the_oldest_unwritten_change() {
        let (a, b) = (VehicleId::try_new("a").unwrap(), VehicleId::try_new("b").unwrap());
        let mut dirty = Dirty::default();
        assert_eq!(dirty.horizon(7), 7);
        dirty.mark(&a, 8);
        dirty.count(REPLAY_INPUTS / 2);
        dirty.mark(&b, 9);
        dirty.mark(&a, 9);
        assert_eq!(dirty.horizon(9), 7);
        assert!(dirty.take_due().is_empty());
        dirty.count(REPLAY_INPUTS / 2);
        let due = dirty.take_due();
        assert_eq!((due.len(), &due[0].0, dirty.horizon(10)), (1, &a, 8));
        dirty.put_back(due);
        assert_eq!(dirty.horizon(10), 7, "what the store refused is still to be written");
        assert_eq!(dirty.take_due().len(), 1);
        assert_eq!(dirty.horizon(10), 8);
        assert_eq!(dirty.take_any(9), [b]);
        assert_eq!((dirty.horizon(10), dirty.waiting()), (10, 0));
    }
}
