//! How a client behaves, remembered over its connections.
//!
//! What is refused costs a client nothing but the row. Two things cost the others something, and have
//! their price: who breaks the protocol is closed and answered later each time it comes back, up to
//! half a minute; who sends more to be refused than one largest packet is read more slowly.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How late a client is answered after its first breach; it doubles with each.
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// Without a breach for so long, all is forgotten.
const FORGIVEN: Duration = Duration::from_mins(10);
/// Refused bytes that are read at full speed: the largest packet of MQTT, so that no client gives up
/// half-way through one.
const BURST: u64 = 256 * 1024 * 1024;
/// Refused bytes read per second beyond that.
const RATE: u64 = 4 * 1024 * 1024;
/// Longest pause between two reads.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Clients remembered at once.
const MOST: usize = 10_000;

/// The memory.
#[derive(Default)]
pub struct Conduct(Mutex<HashMap<String, Record>>);

struct Record {
    breaches: u32,
    /// Before this the client is not answered.
    answered_from: Instant,
    /// Refused bytes that it has left to be read at full speed, from `spent` on.
    budget: u64,
    spent: Instant,
    last: Instant,
}

impl Record {
    fn new(now: Instant) -> Self {
        Self { breaches: 0, answered_from: now, budget: BURST, spent: now, last: now }
    }
}

impl Conduct {
    /// From when a client that connects is answered.
    pub fn answered_from(&self, client: &str, now: Instant) -> Option<Instant> {
        self.lock().get(client).map(|record| record.answered_from).filter(|from| *from > now)
    }

    /// The client's connection was closed because it broke the protocol.
    pub fn breach(&self, client: &str, now: Instant) {
        self.with(client, now, |record| {
            let delay = FIRST_DELAY.saturating_mul(1 << record.breaches.min(10)).min(LONGEST_DELAY);
            record.breaches = record.breaches.saturating_add(1);
            record.answered_from = now + delay;
        });
    }

    /// The client sent so many bytes for nothing; how long it is not read.
    pub fn spend(&self, client: &str, bytes: u64, now: Instant) -> Option<Duration> {
        let mut pause = None;
        self.with(client, now, |record| {
            let idle = now.saturating_duration_since(record.spent).as_micros() as u64;
            let earned = idle.saturating_mul(RATE) / 1_000_000;
            let budget = record.budget.saturating_add(earned).min(BURST);
            record.budget = budget.saturating_sub(bytes);
            // What is owed is paid by time that earns nothing.
            let owed = Duration::from_micros(bytes.saturating_sub(budget).saturating_mul(1_000_000) / RATE);
            record.spent = record.spent.max(now) + owed;
            let rest = record.spent.saturating_duration_since(now);
            pause = (!rest.is_zero()).then(|| rest.min(LONGEST_PAUSE));
        });
        pause
    }

    fn with(&self, client: &str, now: Instant, change: impl FnOnce(&mut Record)) {
        let mut records = self.lock();
        if records.len() >= MOST && !records.contains_key(client) {
            records.retain(|_, record| now.saturating_duration_since(record.last) < FORGIVEN);
            if records.len() >= MOST {
                // Too many at once to know them one by one.
                return;
            }
        }
        let record = records.entry(client.to_owned()).or_insert_with(|| Record::new(now));
        if now.saturating_duration_since(record.last) >= FORGIVEN {
            *record = Record::new(now);
        }
        record.last = now;
        change(record);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_breaks_the_protocol_again_and_again_is_answered_later_and_later() {
        let (conduct, mut now) = (Conduct::default(), Instant::now());
        assert_eq!(conduct.answered_from("a", now), None);
        let mut delays = Vec::new();
        for _ in 0..20 {
            conduct.breach("a", now);
            let from = conduct.answered_from("a", now).unwrap();
            delays.push(from - now);
            now = from;
            assert_eq!(conduct.answered_from("a", now), None, "the wait ends");
        }
        assert!(delays.is_sorted() && delays[0] == FIRST_DELAY && delays[19] == LONGEST_DELAY, "{delays:?}");
        assert_eq!(conduct.answered_from("b", now), None, "others are not concerned");
        now += FORGIVEN;
        conduct.breach("a", now);
        assert_eq!(conduct.answered_from("a", now), Some(now + FIRST_DELAY));
    }

    #[test]
    fn one_largest_packet_is_read_at_once_and_a_flood_at_its_rate() {
        let (conduct, mut now) = (Conduct::default(), Instant::now());
        assert_eq!(conduct.spend("a", BURST, now), None);
        let (mut read, started) = (0, now);
        while now - started < Duration::from_secs(60) {
            read += 300_000;
            now += conduct.spend("a", 300_000, now).unwrap_or(Duration::from_millis(1));
        }
        assert!(read <= RATE * 61 + 300_000, "{read}");
        assert_eq!(conduct.spend("b", 300_000, now), None);
    }

    #[test]
    fn a_flood_of_names_is_not_remembered() {
        let (conduct, now) = (Conduct::default(), Instant::now());
        for n in 0..2 * MOST {
            conduct.breach(&format!("car-{n}"), now);
        }
        assert!(conduct.lock().len() <= MOST);
        conduct.breach("late", now + FORGIVEN);
        assert!(conduct.lock().len() == 1);
    }
}
