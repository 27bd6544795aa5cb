//! A map that forgets: entries older than a window, and the oldest of all when it is full.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Entries in one map: some megabytes, however many strangers come.
const MOST: usize = 65_536;

/// Values by key, each with when it was last written.
#[derive(Debug)]
pub struct Recent<K, V> {
    window: Duration,
    most: usize,
    entries: HashMap<K, (Instant, V)>,
}

impl<K: Copy + Eq + Hash, V: Copy> Recent<K, V> {
    pub fn within(window: Duration) -> Self {
        Self { window, most: MOST, entries: HashMap::new() }
    }

    /// When it was written, and what; nothing if that is too long ago.
    pub fn get(&self, key: K, now: Instant) -> Option<(Instant, V)> {
        self.entries.get(&key).copied().filter(|(at, _)| now.saturating_duration_since(*at) <= self.window)
    }

    pub fn put(&mut self, key: K, now: Instant, value: V) {
        if self.entries.len() >= self.most && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        self.entries.insert(key, (now, value));
    }

    pub fn forget(&mut self, key: K) {
        self.entries.remove(&key);
    }

    /// A tenth at once, so that a full map is not searched at every entry.
    fn make_room(&mut self, now: Instant) {
        let window = self.window;
        self.entries.retain(|_, (at, _)| now.saturating_duration_since(*at) <= window);
        let goes = (self.entries.len() + self.most / 10).saturating_sub(self.most);
        if goes == 0 {
            return;
        }
        let mut times: Vec<Instant> = self.entries.values().map(|(at, _)| *at).collect();
        let (_, limit, _) = times.select_nth_unstable(goes - 1);
        let limit = *limit;
        let mut left = goes;
        self.entries.retain(|_, (at, _)| {
            let stays = *at > limit || left == 0;
            left -= usize::from(!stays);
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_is_old_and_never_grows_beyond_its_bound() {
        let start = Instant::now();
        let mut recent = Recent { most: 100, ..Recent::within(Duration::from_secs(60)) };
        for n in 0..1_000_u64 {
            recent.put(n, start + Duration::from_millis(n), n);
            assert!(recent.entries.len() <= 100);
        }
        let now = start + Duration::from_secs(1);
        assert_eq!(recent.get(999, now).map(|(_, value)| value), Some(999));
        assert_eq!(recent.get(0, now), None, "the oldest went first");
        assert_eq!(recent.get(999, now + Duration::from_secs(61)), None);
        recent.forget(999);
        assert_eq!(recent.get(999, now), None);
    }

    #[test]
    fn makes_room_when_all_came_at_the_same_moment() {
        let now = Instant::now();
        let mut recent = Recent { most: 50, ..Recent::within(Duration::from_secs(60)) };
        for n in 0..500_u64 {
            recent.put(n, now, ());
        }
        assert!((45..=50).contains(&recent.entries.len()), "{}", recent.entries.len());
    }
}
