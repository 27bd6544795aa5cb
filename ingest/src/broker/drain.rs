//! From rumqttd's router into the lanes' queues, on a thread of its own.
//!
//! The router pauses a link after some two hundred notifications and says so once; whoever misses
//! that gets nothing more, while vehicles are still told that all is well. Offsets tell what the
//! router's log dropped before it was read: each is one more than the one before.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flume::RecvTimeoutError;
use rumqttd::local::{LinkError, LinkRx};
use rumqttd::{Forward, Notification};

use super::Shared;
use super::gate::Gate;
use crate::queue::LaneQueues;
use crate::source::{Arrival, Delivery, Token};

/// Notifications handled between two looks at the clock.
const BATCH: usize = 4_096;
/// Silence of the router after which nothing is left in it.
const SILENCE: Duration = Duration::from_millis(20);
/// The same while nothing is known to be in it.
const IDLE: Duration = Duration::from_millis(200);

/// Reads the router until it ends, or until reading was stopped and nothing is left.
pub fn run(mut link: LinkRx, shared: &Arc<Shared>, lanes: &LaneQueues) {
    let mut drain = Drain {
        next_offsets: vec![0; shared.topics.filters().count()],
        batches: vec![VecDeque::new(); lanes.len()],
        shared,
    };
    loop {
        let stopping = shared.stop.is_cancelled();
        let wait = if stopping || shared.gate.lag() > 0 { SILENCE } else { IDLE };
        match link.recv_deadline(Instant::now() + wait) {
            Ok(first) => drain.take(&mut link, first, lanes),
            Err(LinkError::RecvTimeout(RecvTimeoutError::Timeout)) => {
                shared.gate.settle();
                // Silence counts only if it began after the last socket was read.
                if stopping {
                    break;
                }
            }
            Err(_) => {
                tracing::error!("the broker's router is gone");
                break;
            }
        }
        if shared.close.is_cancelled() {
            break;
        }
    }
    lanes.close();
}

struct Drain<'s> {
    /// Offset in the router's log of the next message, by filter: each has a log of its own.
    next_offsets: Vec<u64>,
    batches: Vec<VecDeque<Delivery>>,
    shared: &'s Shared,
}

impl Drain<'_> {
    /// Takes what the router has ready and queues it; blocks while a lane's queue is full.
    fn take(&mut self, link: &mut LinkRx, first: Option<Notification>, lanes: &LaneQueues) {
        let arrived = Instant::now();
        let (mut taken, mut messages, mut payload_bytes, mut bytes) = (0, 0, 0, 0);
        let mut next = first;
        while let Some(notification) = next {
            match notification {
                Notification::Forward(forward) => {
                    bytes += Gate::size(&forward.publish);
                    let payload = forward.publish.payload.len() as u64;
                    if self.sort(forward, arrived, lanes) {
                        messages += 1;
                        payload_bytes += payload;
                    }
                    taken += 1;
                }
                // The router works on while the queues are filled.
                Notification::Unschedule if link.ready().is_err() => break,
                _ => {}
            }
            if taken >= BATCH {
                break;
            }
            next = link.recv_deadline(arrived).ok().flatten();
        }
        for (batch, queue) in self.batches.iter_mut().zip(lanes.iter()) {
            if !batch.is_empty() {
                queue.push(batch);
            }
        }
        self.shared.metrics.received.inc_by(messages);
        self.shared.metrics.received_bytes.inc_by(payload_bytes);
        self.shared.gate.drain(bytes);
    }

    /// Puts it into its lane's batch; true for a message, false for what this broker refused.
    fn sort(&mut self, forward: Forward, arrived: Instant, lanes: &LaneQueues) -> bool {
        let (topic, payload) = (forward.publish.topic, forward.publish.payload);
        let arrival = Arrival::new(&self.shared.topics, topic, payload, arrived, Token::default());
        if let Some((_, offset)) = forward.cursor {
            self.count_lost(arrival.filter, offset);
        }
        let delivery = arrival.delivery();
        let is_message = matches!(delivery, Delivery::Message(_));
        if let Some(batch) = self.batches.get_mut(lanes.lane_of(delivery.vehicle())) {
            batch.push_back(delivery);
        }
        is_message
    }

    /// Offsets of a log that were passed over were dropped before they were read.
    fn count_lost(&mut self, filter: usize, offset: u64) {
        let Some(next_offset) = self.next_offsets.get_mut(filter) else { return };
        let lost = offset.saturating_sub(*next_offset);
        if lost > 0 {
            self.shared.metrics.lost.inc_by(lost);
            tracing::error!(lost, "the broker dropped messages before they were read");
        }
        *next_offset = offset + 1;
    }
}
