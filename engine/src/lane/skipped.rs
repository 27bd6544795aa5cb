//! Numbers of messages that were refused without being judged, for their topic or their size.
//!
//! They must not leave a hole that the messages behind them wait for. But such a number was only read:
//! it may belong to another vehicle, or its message may come again on the right topic. So it counts as
//! dealt with when a later one of its stream comes and it has not. Of a large one whose number cannot be
//! read, the numbers missing right before the next message tell it. A few per vehicle are remembered, and
//! none over a restart: then the hole is waited for like any other.

use std::collections::HashMap;

use rules::vehicle::{Reason, Sequence, VehicleId};

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
    /// How many too large ones without a readable number came since the vehicle's last message.
    unnumbered: HashMap<VehicleId, u64>,
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

    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.unnumbered.is_empty()
    }

    /// One came whose number cannot be read.
    pub fn note_unnumbered(&mut self, vehicle: &VehicleId) {
        *self.unnumbered.entry(vehicle.clone()).or_default() += 1;
    }

    /// Those that count now that `next` is here, in order. `covered`: every number up to it has been dealt with.
    pub fn before(&mut self, vehicle: &VehicleId, covered: Option<u64>, next: Sequence) -> Vec<Skipped> {
        let mut before = self.take_numbers(vehicle, next);
        let came = if self.unnumbered.is_empty() { None } else { self.unnumbered.remove(vehicle) };
        if let (Some(came), Some(covered)) = (came, covered) {
            let missing = unread(&before, covered, next);
            // They account for what is missing: a vehicle numbers its messages without gaps and sends them in order.
            if missing.len() as u64 <= came {
                before.extend(missing);
            }
        }
        before.sort_by_key(|skipped| skipped.sequence.seq);
        before
    }

    fn take_numbers(&mut self, vehicle: &VehicleId, next: Sequence) -> Vec<Skipped> {
        let Some(numbers) = self.numbers.get_mut(vehicle) else { return Vec::new() };
        let over = |skipped: &mut Skipped| skipped.sequence.stream == next.stream && skipped.sequence.seq <= next.seq;
        let mut taken: Vec<Skipped> = numbers.extract_if(.., over).collect();
        if numbers.is_empty() {
            self.numbers.remove(vehicle);
        }
        self.taken.extend(taken.iter().map(|skipped| (vehicle.clone(), *skipped)));
        taken.retain(|skipped| skipped.sequence.seq < next.seq);
        taken
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
        self.unnumbered.remove(vehicle);
        self.taken.retain(|(other, _)| other != vehicle);
    }
}

/// Numbers between `covered` and `next` that are not among these; none where they are many.
fn unread(known: &[Skipped], covered: u64, next: Sequence) -> Vec<Skipped> {
    let missing = covered.saturating_add(1)..next.seq;
    if missing.end.saturating_sub(missing.start) > 2 * MOST as u64 {
        return Vec::new();
    }
    let unknown = missing.filter(|seq| known.iter().all(|skipped| skipped.sequence.seq != *seq));
    let skipped = |seq| Skipped { sequence: Sequence { seq, oldest: None, ..next }, reason: Reason::TooLarge };
    unknown.map(skipped).collect()
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
        assert_eq!(numbers.before(&car, None, number(2, 100)), []);
        assert_eq!(numbers.before(&vehicle("b"), None, number(1, 100)), []);
        assert_eq!(numbers.before(&car, None, number(1, 8)), [skipped(1, 5), skipped(1, 7)]);
        assert_eq!(numbers.before(&car, None, number(1, 8)), []);
        assert_eq!(numbers.before(&car, None, number(1, 10)), [skipped(1, 9)]);
        assert!(numbers.numbers.is_empty());
    }

    #[test]
    fn a_number_whose_message_comes_after_all_does_not_count() {
        let (mut numbers, car) = (SkippedNumbers::default(), vehicle("a"));
        for seq in 1..=1_000 {
            // A gateway speaks for another vehicle with numbers of its own.
            numbers.note(&car, skipped(1, seq));
            assert_eq!(numbers.before(&car, None, number(1, seq)), []);
        }
        assert!(numbers.numbers.is_empty());
    }

    #[test]
    fn what_came_without_a_number_accounts_for_as_many_missing_ones_right_before() {
        let (mut numbers, car) = (SkippedNumbers::default(), vehicle("a"));
        let mut before = |unnumbered, skips: &[u64], covered, next| {
            for _ in 0..unnumbered {
                numbers.note_unnumbered(&car);
            }
            for seq in skips {
                numbers.note(&car, skipped(1, *seq));
            }
            let before = numbers.before(&car, covered, number(1, next));
            before.iter().map(|skipped| skipped.sequence.seq).collect::<Vec<u64>>()
        };
        assert_eq!(before(0, &[], Some(4), 6), [0_u64; 0], "a hole of its own");
        assert_eq!(before(1, &[], Some(4), 6), [5]);
        assert_eq!(before(0, &[], Some(6), 8), [0_u64; 0], "it counts once");
        assert_eq!(before(1, &[], Some(8), 11), [0_u64; 0], "more are missing");
        assert_eq!(before(1, &[5, 7], Some(4), 8), [5, 6, 7]);
        assert_eq!(before(3, &[], Some(8), 11), [9, 10]);
        assert_eq!(before(1, &[], Some(20), 3), [0_u64; 0]);
        assert_eq!(before(u64::from(u16::MAX), &[], Some(0), u64::MAX), [0_u64; 0]);
        assert_eq!(before(1, &[], None, 6), [0_u64; 0]);
        assert!(numbers.unnumbered.is_empty());
    }

    #[test]
    fn a_batch_that_is_taken_again_finds_them_again() {
        let (mut numbers, car) = (SkippedNumbers::default(), vehicle("a"));
        numbers.note(&car, skipped(1, 5));
        for _ in 0..3 {
            numbers.put_back();
            assert_eq!(numbers.before(&car, None, number(1, 6)), [skipped(1, 5)]);
        }
        numbers.commit();
        numbers.put_back();
        assert_eq!(numbers.before(&car, None, number(1, 6)), []);
    }

    #[test]
    fn few_are_remembered() {
        let (mut numbers, car) = (SkippedNumbers::default(), vehicle("a"));
        for seq in 1..=1_000 {
            numbers.note(&car, skipped(1, seq));
        }
        assert_eq!(numbers.before(&car, None, number(1, 2_000)).len(), MOST);
    }
}
