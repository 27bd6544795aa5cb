//! The queues between a source and the lanes, bounded in bytes and in count.
//!
//! The producer is a thread of its own and blocks while a queue is full; that is how a slow store
//! reaches the sources. The one consumer takes everything that waits at once: a lane's batch is
//! whatever arrived while its previous commit ran. Nothing in a queue is ever dropped; only notices
//! of a connect, which must not block, may find it full.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use xxhash_rust::xxh3::xxh3_64;

use crate::metrics::Metrics;
use crate::source::Delivery;

/// Most deliveries that a lane takes at once.
pub const MAX_BATCH: usize = 4_096;

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub bytes: usize,
    pub deliveries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 32 * 1024 * 1024, deliveries: 65_536 }
    }
}

/// One lane's queue.
pub struct LaneQueue {
    waiting: Mutex<Waiting>,
    /// For producers: something was taken.
    room: Condvar,
    room_async: Notify,
    /// For the consumer: something came, or nothing will.
    arrived: Notify,
    limits: Limits,
    metrics: Metrics,
}

#[derive(Default)]
struct Waiting {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
    closed: bool,
}

/// What waits in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub deliveries: usize,
    pub bytes: usize,
    /// How long the oldest message has waited.
    pub oldest: Duration,
}

impl LaneQueue {
    fn new(limits: Limits, metrics: Metrics) -> Self {
        Self {
            waiting: Mutex::default(),
            room: Condvar::new(),
            room_async: Notify::new(),
            arrived: Notify::new(),
            limits,
            metrics,
        }
    }

    /// Puts the batch in, in order, blocking this thread while there is no room. Once the queue is
    /// closed the rest is discarded: its source still holds it, or its vehicle does.
    pub fn push(&self, batch: &mut VecDeque<Delivery>) {
        let mut waiting = self.lock();
        while !batch.is_empty() {
            if waiting.closed {
                batch.clear();
                return;
            }
            if self.fill(&mut waiting, batch) {
                self.arrived.notify_one();
            }
            if !batch.is_empty() {
                waiting = self.room.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// The same for a producer that must not block its thread.
    pub async fn push_async(&self, batch: &mut VecDeque<Delivery>) {
        loop {
            let room = self.room_async.notified();
            {
                let mut waiting = self.lock();
                if waiting.closed {
                    batch.clear();
                } else if self.fill(&mut waiting, batch) {
                    self.arrived.notify_one();
                }
            }
            if batch.is_empty() {
                return;
            }
            room.await;
        }
    }

    /// Puts in a notice unless the queue is full.
    pub fn offer(&self, delivery: Delivery) {
        let mut waiting = self.lock();
        if waiting.closed || !self.has_room(&waiting, delivery.size()) {
            self.metrics.notices_dropped.inc();
            return;
        }
        self.put(&mut waiting, delivery);
        self.arrived.notify_one();
    }

    /// Waits until something can be taken; false once the queue is closed and empty. For one
    /// consumer; may be dropped and called again.
    pub async fn ready(&self) -> bool {
        loop {
            {
                let waiting = self.lock();
                if !waiting.deliveries.is_empty() {
                    return true;
                }
                if waiting.closed {
                    return false;
                }
            }
            self.arrived.notified().await;
        }
    }

    /// Takes what waits, at most `max`, oldest first.
    pub fn take(&self, into: &mut Vec<Delivery>, max: usize) {
        let mut waiting = self.lock();
        let count = waiting.deliveries.len().min(max);
        let bytes: usize = waiting.deliveries.iter().take(count).map(Delivery::size).sum();
        into.extend(waiting.deliveries.drain(..count));
        waiting.bytes -= bytes;
        self.metrics.queue_deliveries.sub(count as i64);
        self.metrics.queue_bytes.sub(bytes as i64);
        drop(waiting);
        if count > 0 {
            self.room.notify_all();
            self.room_async.notify_waiters();
        }
    }

    /// No more goes in; what waits can still be taken.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
        self.room.notify_all();
        self.room_async.notify_waiters();
    }

    pub fn depth(&self) -> Depth {
        let waiting = self.lock();
        let oldest = waiting.deliveries.iter().find_map(|delivery| match delivery {
            Delivery::Message(arrival) => Some(arrival.arrived.elapsed()),
            Delivery::Refused(..) | Delivery::Connected(_) | Delivery::Listening(_) => None,
        });
        Depth { deliveries: waiting.deliveries.len(), bytes: waiting.bytes, oldest: oldest.unwrap_or_default() }
    }

    /// Moves over what there is room for; true if anything was.
    fn fill(&self, waiting: &mut Waiting, batch: &mut VecDeque<Delivery>) -> bool {
        let before = batch.len();
        while let Some(next) = batch.front() {
            if !self.has_room(waiting, next.size()) {
                break;
            }
            if let Some(delivery) = batch.pop_front() {
                self.put(waiting, delivery);
            }
        }
        batch.len() < before
    }

    /// One delivery always fits into an empty queue.
    fn has_room(&self, waiting: &Waiting, size: usize) -> bool {
        let count = waiting.deliveries.len();
        count == 0 || (count < self.limits.deliveries && waiting.bytes + size <= self.limits.bytes)
    }

    fn put(&self, waiting: &mut Waiting, delivery: Delivery) {
        let size = delivery.size();
        waiting.bytes += size;
        waiting.deliveries.push_back(delivery);
        self.metrics.queue_deliveries.inc();
        self.metrics.queue_bytes.add(size as i64);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queues of all lanes; a vehicle's deliveries always go to the same one.
#[derive(Clone)]
pub struct LaneQueues(Arc<[LaneQueue]>);

impl LaneQueues {
    /// One queue per lane, at least one.
    pub fn new(lanes: usize, limits: Limits, metrics: &Metrics) -> Self {
        Self((0..lanes.max(1)).map(|_| LaneQueue::new(limits, metrics.clone())).collect())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &LaneQueue> {
        self.0.iter()
    }

    /// The queue of lane `lane`, counted from 0.
    pub fn lane(&self, lane: usize) -> Option<&LaneQueue> {
        self.0.get(lane)
    }

    /// Which lane owns a vehicle.
    pub fn lane_of(&self, vehicle: &str) -> usize {
        lane_of(vehicle, self.0.len())
    }

    /// The queue of the lane that owns a vehicle.
    pub fn of(&self, vehicle: &str) -> &LaneQueue {
        &self.0[self.lane_of(vehicle)]
    }

    pub fn close(&self) {
        self.iter().for_each(LaneQueue::close);
    }
}

/// Which of `lanes` owns a vehicle; the same in every process with as many lanes.
pub fn lane_of(vehicle: &str, lanes: usize) -> usize {
    (xxh3_64(vehicle.as_bytes()) % lanes.max(1) as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use bytes::Bytes;
    use prometheus::Registry;

    use super::*;
    use crate::source::{Arrival, Token};
    use crate::topics::Topics;

    fn queues(limits: Limits) -> LaneQueues {
        LaneQueues::new(1, limits, &Metrics::new(&Registry::new()).unwrap())
    }

    fn message(n: u64) -> Delivery {
        let (topic, payload) = (Bytes::from_static(b"premend/v1/a/telemetry"), Bytes::from(vec![0; 100]));
        Delivery::Message(Arrival::new(&Topics::default(), topic, payload, Instant::now(), Token(n)))
    }

    fn tokens(deliveries: &[Delivery]) -> Vec<u64> {
        deliveries
            .iter()
            .filter_map(|delivery| match delivery {
                Delivery::Message(arrival) => Some(arrival.token.0),
                _ => None,
            })
            .collect()
    }

    #[tokio::test]
    async fn everything_comes_out_once_and_in_order_through_a_small_queue() {
        for limits in [Limits { bytes: 1_000, deliveries: 1_000 }, Limits { bytes: 1 << 30, deliveries: 3 }] {
            let queues = queues(limits);
            let producer = queues.clone();
            let thread = thread::spawn(move || {
                for start in (0..10_000).step_by(50) {
                    producer.of("a").push(&mut (start..start + 50).map(message).collect());
                }
                producer.close();
            });
            let (queue, mut taken) = (queues.of("a"), Vec::new());
            while queue.ready().await {
                assert!(queue.depth().bytes <= 1_000 || queue.depth().deliveries <= 3);
                queue.take(&mut taken, MAX_BATCH);
            }
            thread.join().unwrap();
            assert_eq!(tokens(&taken), (0..10_000).collect::<Vec<_>>());
            assert_eq!(queue.depth(), Depth::default());
        }
    }

    #[tokio::test]
    async fn an_async_producer_waits_for_room_too() {
        let queues = queues(Limits { bytes: 500, deliveries: 2 });
        let producer = queues.clone();
        let task = tokio::spawn(async move {
            producer.of("a").push_async(&mut (0..1_000).map(message).collect()).await;
            producer.close();
        });
        let mut taken = Vec::new();
        while queues.of("a").ready().await {
            queues.of("a").take(&mut taken, 1);
        }
        task.await.unwrap();
        assert_eq!(tokens(&taken).len(), 1_000);
    }

    #[tokio::test]
    async fn what_is_larger_than_the_queue_passes_alone() {
        let queues = queues(Limits { bytes: 10, deliveries: 10 });
        queues.of("a").push(&mut [message(1)].into());
        let mut taken = Vec::new();
        queues.of("a").take(&mut taken, MAX_BATCH);
        assert_eq!(tokens(&taken), [1]);
    }

    #[test]
    fn a_notice_finds_a_full_queue_and_nobody_waits() {
        let queues = queues(Limits { bytes: 300, deliveries: 10 });
        queues.of("a").push(&mut [message(1)].into());
        queues.of("a").offer(message(2));
        assert_eq!(queues.of("a").depth().deliveries, 1);
        assert_eq!(queues.of("a").metrics.notices_dropped.get(), 1);
    }

    #[tokio::test]
    async fn a_closed_queue_gives_what_it_has_and_ends() {
        let queues = queues(Limits::default());
        queues.of("a").push(&mut [message(1)].into());
        queues.close();
        queues.of("a").push(&mut [message(2)].into());
        assert!(queues.of("a").ready().await);
        let mut taken = Vec::new();
        queues.of("a").take(&mut taken, MAX_BATCH);
        assert_eq!(tokens(&taken), [1]);
        assert!(!queues.of("a").ready().await);
    }

    #[test]
    fn vehicles_spread_over_lanes_and_stay() {
        let mut counts = [0; 4];
        for n in 0..1_000 {
            counts[lane_of(&format!("car-{n}"), 4)] += 1;
        }
        assert!(counts.iter().all(|count| (150..350).contains(count)), "{counts:?}");
        assert_eq!(lane_of("car-1", 4), lane_of("car-1", 4));
        assert_eq!(lane_of("car-1", 0), 0);
    }
}
