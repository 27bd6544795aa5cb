//! Back-pressure, which rumqttd has none of: while too much of what was accepted has not reached a
//! lane's queue, connections are not read, TCP fills, and vehicles wait.
//!
//! Bytes are counted when a publish is handed to the router and again when it comes out at the
//! other end. Packets of a connection that ends in between never come out; so when the reader finds
//! the router silent, nothing is left in it and the count begins anew.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rumqttd::protocol::Publish;
use tokio::sync::Notify;

/// Counts what is between the sockets and the lanes.
pub struct Gate {
    accepted: AtomicU64,
    drained: AtomicU64,
    high_water: u64,
    /// Nothing is counted while nobody reads the other end.
    counting: AtomicBool,
    opened: Notify,
}

impl Gate {
    pub fn new(high_water: u64) -> Self {
        Self {
            accepted: AtomicU64::new(0),
            drained: AtomicU64::new(0),
            high_water,
            counting: AtomicBool::new(false),
            opened: Notify::new(),
        }
    }

    /// Bytes that a publish is counted as, on both sides.
    pub fn size(publish: &Publish) -> u64 {
        (publish.topic.len() + publish.payload.len() + 4) as u64
    }

    /// From now on someone reads the other end.
    pub fn start(&self) {
        if !self.counting.swap(true, Ordering::AcqRel) {
            self.settle();
        }
    }

    pub fn accept(&self, bytes: u64) {
        if self.counting.load(Ordering::Acquire) {
            self.accepted.fetch_add(bytes, Ordering::AcqRel);
        }
    }

    pub fn drain(&self, bytes: u64) {
        let accepted = self.accepted.load(Ordering::Acquire);
        // After a settling that came too early more comes out than was counted in.
        let add = |drained: u64| Some((drained + bytes).min(accepted).max(drained));
        let _ = self.drained.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        if self.lag() <= self.high_water / 2 {
            self.opened.notify_waiters();
        }
    }

    /// Nothing is in the router.
    pub fn settle(&self) {
        self.drained.store(self.accepted.load(Ordering::Acquire), Ordering::Release);
        self.opened.notify_waiters();
    }

    pub fn lag(&self) -> u64 {
        let drained = self.drained.load(Ordering::Acquire);
        self.accepted.load(Ordering::Acquire).saturating_sub(drained)
    }

    /// Whether connections may be read.
    pub fn is_open(&self) -> bool {
        self.lag() < self.high_water
    }

    /// Waits until they may.
    pub async fn open(&self) {
        loop {
            let opened = self.opened.notified();
            if self.is_open() {
                return;
            }
            opened.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn closes_above_the_mark_and_opens_when_drained() {
        let gate = Gate::new(100);
        gate.accept(1_000);
        assert!(gate.is_open(), "nobody reads, nothing is counted");
        gate.start();
        gate.accept(100);
        assert!(!gate.is_open());
        let (waits, drains) = (gate.open(), async { gate.drain(60) });
        tokio::join!(waits, drains);
        assert_eq!(gate.lag(), 40);
    }

    #[test]
    fn what_comes_out_twice_is_no_credit() {
        let gate = Gate::new(100);
        gate.start();
        gate.accept(80);
        gate.settle();
        gate.drain(80);
        gate.accept(90);
        assert_eq!(gate.lag(), 90);
    }

    #[tokio::test]
    async fn settling_forgets_what_never_came_out() {
        let gate = Gate::new(100);
        gate.start();
        gate.accept(500);
        let (waits, settles) = (gate.open(), async { gate.settle() });
        tokio::join!(waits, settles);
        assert_eq!(gate.lag(), 0);
    }
}
