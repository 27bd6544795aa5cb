//! Why the engine is not ready, by named condition.
//!
//! Each part of the engine owns a name, says what is missing and withdraws it. No condition: ready. Notes are for
//! operators, and do not keep the engine from being ready.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The conditions that stand between the engine and being ready.
#[derive(Debug, Default)]
pub struct Readiness {
    missing: Mutex<BTreeMap<String, String>>,
    notes: Mutex<BTreeMap<String, String>>,
}

impl Readiness {
    /// Not ready from the start, until each of these was met once.
    pub fn waiting_for(names: &[&str]) -> Self {
        let missing = names.iter().map(|name| ((*name).to_owned(), "not started yet".to_owned())).collect();
        Self { missing: Mutex::new(missing), notes: Mutex::default() }
    }

    /// The condition holds.
    pub fn met(&self, name: &str) {
        self.lock().remove(name);
    }

    /// The condition does not hold, because of this.
    pub fn unmet(&self, name: &str, because: impl Into<String>) {
        self.lock().insert(name.to_owned(), because.into());
    }

    /// What is missing, by name; empty when ready.
    pub fn missing(&self) -> BTreeMap<String, String> {
        self.lock().clone()
    }

    pub fn is_ready(&self) -> bool {
        self.lock().is_empty()
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
}
