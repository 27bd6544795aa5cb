//! Why the engine is not ready, by named condition.
//!
//! Each part of the engine owns a name, says what is missing and withdraws it. No condition: ready.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The conditions that stand between the engine and being ready.
#[derive(Debug, Default)]
pub struct Readiness {
    missing: Mutex<BTreeMap<String, String>>,
}

impl Readiness {
    /// Not ready from the start, until each of these was met once.
    pub fn waiting_for(names: &[&str]) -> Self {
        let missing = names.iter().map(|name| ((*name).to_owned(), "not started yet".to_owned())).collect();
        Self { missing: Mutex::new(missing) }
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

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
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
}
