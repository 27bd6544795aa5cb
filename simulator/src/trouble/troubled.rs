//! Deliveries with all troubles applied, in order of arrival.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

use rules::unit::Time;

use super::{Defects, Disorder, Fate, Troubles};
use crate::delivery::{Delivery, Payload};

/// A sequence of deliveries with all troubles applied, again in order of arrival.
pub struct Troubled<I> {
    inner: I,
    troubles: Troubles,
    seed: u64,
    vehicles: BTreeMap<u32, Patient>,
    waiting: BinaryHeap<Reverse<Arrival>>,
    ordinal: u64,
    /// Nothing earlier than this can come any more.
    reached: Time,
    drained: bool,
}

struct Patient {
    defects: Defects,
    disorder: Disorder,
    streams_lost: u64,
    /// The last number of the stream that was lost.
    base: u64,
}

struct Arrival {
    due: Time,
    ordinal: u64,
    delivery: Delivery,
}

impl Arrival {
    const fn place(&self) -> (Time, u64) {
        (self.due, self.ordinal)
    }
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Arrival {}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl<I: Iterator<Item = Delivery>> Troubled<I> {
    pub fn new(inner: I, troubles: Troubles, seed: u64) -> Self {
        Self {
            inner,
            troubles,
            seed,
            vehicles: BTreeMap::new(),
            waiting: BinaryHeap::new(),
            ordinal: 0,
            reached: Time::NEVER,
            drained: false,
        }
    }

    fn take(&mut self, mut delivery: Delivery) {
        self.reached = delivery.due;
        let (troubles, seed, number) = (self.troubles, self.seed, delivery.number);
        let patient = self.vehicles.entry(number).or_insert_with(|| Patient {
            defects: Defects::new(troubles, seed, number),
            disorder: Disorder::new(troubles, seed, number),
            streams_lost: 0,
            base: 0,
        });
        if !patient.treat(&mut delivery) {
            return;
        }
        for due in patient.disorder.arrivals(delivery.due) {
            self.ordinal += 1;
            let delivery = Delivery { due, ..delivery.clone() };
            self.waiting.push(Reverse(Arrival { due, ordinal: self.ordinal, delivery }));
        }
    }
}

impl Patient {
    /// Applies the vehicle's defects; false if nothing of the message is left.
    fn treat(&mut self, delivery: &mut Delivery) -> bool {
        let fate = self.defects.fate();
        let Payload::Message(message) = &mut delivery.payload else { return true };
        let mut twins = Vec::new();
        for frame in &mut message.frames {
            self.defects.bend(frame);
            twins.extend(self.defects.contradict(frame));
        }
        message.frames.append(&mut twins);
        if fate == Fate::LostStore {
            self.streams_lost += 1;
            self.base = message.seq - 1;
        }
        message.stream += self.streams_lost;
        message.seq -= self.base;
        message.oldest = message.oldest.saturating_sub(self.base).max(1);
        if fate == Fate::Corrupt {
            let mut bytes = message.encode();
            self.defects.corrupt(&mut bytes);
            delivery.payload = Payload::Bytes(bytes);
        }
        fate != Fate::Hole
    }
}

impl<I: Iterator<Item = Delivery>> Iterator for Troubled<I> {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        loop {
            let ripe = self.waiting.peek().is_some_and(|Reverse(first)| self.drained || first.due <= self.reached);
            if ripe {
                return self.waiting.pop().map(|Reverse(arrival)| arrival.delivery);
            }
            match self.inner.next() {
                Some(delivery) => self.take(delivery),
                None if self.drained => return None,
                None => self.drained = true,
            }
        }
    }
}
