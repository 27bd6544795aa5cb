//! Numbers of messages that were refused without being judged, for their topic or their size.
//!
//! They must not leave a hole that the messages behind them wait for. But such a number was only read:
//! it may belong to another vehicle, or its message may come again on the right topic. So it counts as
//! dealt with when a later one of its stream comes and it has not. A few per vehicle are remembered, and
//! none over a restart: then the hole is waited for like any other.

use std::collections::HashMap;

use rules::reading::{Reason, Sequence};
use rules::vehicle::VehicleId;

/// Numbers remembered per vehicle.
const MOST: usize = 16;

/// A number, and why its message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub sequence: Sequence,
    pub reason: Reason,
}

/// The numbers of a lane's vehicles.
#[derive(Debug, Default)]
pub struct SkippedNumbers {
    numbers: HashMap<VehicleId, Vec<Skipped>>,
    /// Taken out for a batch that is not committed.
    taken: Vec<(VehicleId, Skipped)>,
}

impl SkippedNumbers {
    pub fn note(&mut self, vehicle: &VehicleId, skipped: Skipped) {
        let numbers = self.numbers.entry(vehicle.clone()).or_default();
        let same = |other: &Skipped| key(other.sequence) == key(skipped.sequence);
        numbers.retain(|other| !same(other));
        if numbers.len() == MOST {
            numbers.remove(0);
        }
        numbers.push(skipped);
    }

    /// Those that count now that `next` is here, in order.
    pub fn before(&mut self, vehicle: &VehicleId, next: Sequence) -> Vec<Skipped> {
        let Some(numbers) = self.numbers.get_mut(vehicle) else { return Vec::new() };
        let over = |skipped: &mut Skipped| skipped.sequence.stream == next.stream && skipped.sequence.seq <= next.seq;
        let mut before: Vec<Skipped> = numbers.extract_if(.., over).collect();
        if numbers.is_empty() {
            self.numbers.remove(vehicle);
        }
        self.taken.extend(before.iter().map(|skipped| (vehicle.clone(), *skipped)));
        before.retain(|skipped| skipped.sequence.seq < next.seq);
        before.sort_by_key(|skipped| skipped.sequence.seq);
        before
    }

    /// The batch is committed.
    pub fn commit(&mut self) {
        self.taken.clear();
    }

    /// The batch was not committed, and is taken again.
    pub fn put_back(&mut self) {
        for (vehicle, skipped) in std::mem::take(&mut self.taken) {
            self.note(&vehicle, skipped);
        }
    }

    pub fn forget(&mut self, vehicle: &VehicleId) {
        self.numbers.remove(vehicle);
        self.taken.retain(|(other, _)| other != vehicle);
    }
}

fn key(sequence: Sequence) -> (u64, u64) {
    (sequence.stream, sequence.seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(stream: u64, seq: u64) -> Sequence {
        Sequence { stream, seq, oldest: None }
    }

    fn skipped(stream: u64, seq: u64) -> Skipped {
        Skipped { sequence: number(stream, seq), reason: Reason::TopicMismatch }
    }

    fn vehicle(id: &str) -> VehicleId {
        VehicleId::try_new(id).unwrap()
    }

    #[test]
    fn a_number_counts_once_when_a_later_one_of_its_stream_comes() {
        let (mut numbers, car) = (SkippedNumbers::default(), vehicle("a"));
        for seq in [7, 5, 9, 5] {
            numbers.note(&car, skipped(1, seq));
        }
        assert_eq!(numbers.before(&car, number(2, 100)), []);
        assert_eq!(numbers.before(&vehicle("b"), number(1, 100)), []);
        assert_eq!(numbers.before(&car, number(1, 8)), [skipped(1, 5), skipped(1, 7)]);
        assert_eq!(numbers.before(&car, number(1, 8)), []);
        assert_eq!(numbers.before(&car, number(1, 10)), [skipped(1, 9)]);
        assert!(numbers.numbers.is_empty());
    }

    #[test]
    fn a_number_whose_message_comes_after_all_does_not_count() {
        let (mut numbers, car) = (SkippedNumbers::default(), vehicle("a"));
        for seq in 1..=1_000 {
            // A gateway speaks for another vehicle with numbers of its own.
            numbers.note(&car, skipped(1, seq));
            assert_eq!(numbers.before(&car, number(1, seq)), []);
        }
        assert!(numbers.numbers.is_empty());
    }

    #[test]
    fn a_batch_that_is_taken_again_finds_them_again() {
        let (mut numbers, car) = (SkippedNumbers::default(), vehicle("a"));
        numbers.note(&car, skipped(1, 5));
        for _ in 0..3 {
            numbers.put_back();
            assert_eq!(numbers.before(&car, number(1, 6)), [skipped(1, 5)]);
        }
        numbers.commit();
        numbers.put_back();
        assert_eq!(numbers.before(&car, number(1, 6)), []);
    }

    #[test]
    fn few_are_remembered() {
        let (mut numbers, car) = (SkippedNumbers::default(), vehicle("a"));
        (1..=1_000).for_each(|seq| numbers.note(&car, skipped(1, seq)));
        assert_eq!(numbers.before(&car, number(1, 2_000)).len(), MOST);
    }
}
