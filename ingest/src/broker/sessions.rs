//! Which publishes of QoS 2 have been received and not yet released: the half of the exactly-once
//! exchange that a receiver remembers, also over connections where the client keeps its session.
//!
//! A message is delivered when it is first received; until its PUBREL the same packet id means the same
//! message. What is forgotten here is at worst delivered again, and dropped as a duplicate by its number.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Packet ids remembered per client.
const MOST_IDS: usize = 1_024;
/// Sessions remembered of clients that are not connected.
const MOST_SESSIONS: usize = 10_000;

/// Packet ids received and not released, oldest first.
#[derive(Debug, Default)]
pub struct Received(VecDeque<u16>);

impl Received {
    /// Whether this is the first time.
    pub fn is_new(&mut self, id: u16) -> bool {
        if self.0.contains(&id) {
            return false;
        }
        if self.0.len() >= MOST_IDS {
            self.0.pop_front();
        }
        self.0.push_back(id);
        true
    }

    pub fn release(&mut self, id: u16) {
        self.0.retain(|other| *other != id);
    }
}

/// What clients that are away have not released.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<String, Received>>);

impl Sessions {
    /// Hands a client what it left, if its session is still there.
    pub fn resume(&self, client: &str, session_present: bool) -> Received {
        let left = self.lock().remove(client).unwrap_or_default();
        if session_present { left } else { Received::default() }
    }

    pub fn leave(&self, client: &str, received: Received) {
        let mut sessions = self.lock();
        if !received.0.is_empty() && sessions.len() < MOST_SESSIONS {
            sessions.insert(client.to_owned(), received);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Received>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_until_it_is_released() {
        let mut received = Received::default();
        assert!(received.is_new(1) && received.is_new(2));
        assert!(!received.is_new(1));
        received.release(1);
        assert!(received.is_new(1));
        for id in 1..=u16::MAX {
            received.is_new(id);
        }
        assert_eq!(received.0.len(), MOST_IDS);
    }

    #[test]
    fn a_session_outlives_its_connection_if_the_broker_kept_it() {
        let sessions = Sessions::default();
        for (present, new) in [(true, false), (false, true)] {
            let mut received = Received::default();
            received.is_new(7);
            sessions.leave("a", received);
            assert_eq!(sessions.resume("a", present).is_new(7), new);
            assert!(sessions.resume("a", true).is_new(7), "handed out once");
        }
    }
}
