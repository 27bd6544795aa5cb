//! Why the engine is not ready, by named condition.
//!
//! Each part of the engine owns a name, says what is missing and withdraws it. No condition: ready. Notes are for
//! operators, and do not keep the engine from being ready.
//! Lanes only tell when they begin and end a batch: one that stands still cannot tell that it does.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A batch takes milliseconds; one that takes this long waits for something.
const BATCH_WITHIN: Duration = Duration::from_secs(5);
const COMMITS: &str = "commits";

/// The conditions that stand between the engine and being ready.
#[derive(Debug, Default)]
pub struct Readiness {
    missing: Mutex<BTreeMap<String, String>>,
    notes: Mutex<BTreeMap<String, String>>,
    /// Lanes at work on a batch, and since when.
    batches: Mutex<BTreeMap<i16, Instant>>,
}

impl Readiness {
    /// Not ready from the start, until each of these was met once.
    pub fn waiting_for(names: &[&str]) -> Self {
        let missing = names.iter().map(|name| ((*name).to_owned(), "not started yet".to_owned())).collect();
        Self { missing: Mutex::new(missing), notes: Mutex::default(), batches: Mutex::default() }
    }

    /// The condition holds.
    pub fn met(&self, name: &str) {
        self.lock().remove(name);
    }

    /// The condition does not hold, because of this.
    pub fn unmet(&self, name: &str, because: impl Into<String>) {
        self.lock().insert(name.to_owned(), because.into());
    }

    /// A lane has something to commit from now on.
    pub fn begin_batch(&self, lane: i16) {
        self.begin_batch_at(lane, Instant::now());
    }

    /// It is committed and answered.
    pub fn end_batch(&self, lane: i16) {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).remove(&lane);
    }

    /// What is missing, by name; empty when ready.
    pub fn missing(&self) -> BTreeMap<String, String> {
        let mut missing = self.lock().clone();
        if let Some((lane, since)) = self.oldest_batch() {
            let waited = since.elapsed();
            if waited >= BATCH_WITHIN {
                let because = format!("lane {lane} has worked on one batch for {} s", waited.as_secs());
                missing.insert(COMMITS.to_owned(), because);
            }
        }
        missing
    }

    pub fn is_ready(&self) -> bool {
        self.missing().is_empty()
    }

    /// For how long the slowest lane has been at work on one batch.
    pub fn batch_age(&self) -> Duration {
        self.oldest_batch().map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }

    fn begin_batch_at(&self, lane: i16, at: Instant) {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).insert(lane, at);
    }

    fn oldest_batch(&self) -> Option<(i16, Instant)> {
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.iter().map(|(lane, since)| (*lane, *since)).min_by_key(|(_, since)| *since)
    }

    /// Something an operator should know although the engine is ready.
    pub fn note(&self, name: &str, text: impl Into<String>) {
        self.lock_notes().insert(name.to_owned(), text.into());
    }

    pub fn forget(&self, name: &str) {
        self.lock_notes().remove(name);
    }

    pub fn notes(&self) -> BTreeMap<String, String> {
        self.lock_notes().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_notes(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_ready_only_when_every_condition_is_met() {
        let readiness = Readiness::waiting_for(&["store", "source"]);
        readiness.met("store");
        assert_eq!(readiness.missing().into_keys().collect::<Vec<_>>(), ["source"]);
        readiness.met("source");
        assert!(readiness.is_ready());
        readiness.unmet("store", "connection refused");
        assert_eq!(readiness.missing()["store"], "connection refused");
    }

    #[test]
    fn a_note_is_told_and_does_not_take_readiness_away() {
        let readiness = Readiness::default();
        readiness.note("clock", "an hour ahead");
        assert!(readiness.is_ready());
        assert_eq!(readiness.notes()["clock"], "an hour ahead");
        readiness.forget("clock");
        assert!(readiness.notes().is_empty());
    }

    #[test]
    fn is_not_ready_while_a_batch_stands_still() {
        let readiness = Readiness::default();
        readiness.begin_batch(0);
        assert!(readiness.is_ready());
        let long_ago = Instant::now().checked_sub(BATCH_WITHIN * 2).unwrap();
        readiness.begin_batch_at(1, long_ago);
        assert_eq!(readiness.missing()["commits"], "lane 1 has worked on one batch for 10 s");
        assert!(readiness.batch_age() >= BATCH_WITHIN);
        readiness.end_batch(1);
        assert!(readiness.is_ready());
    }
}
