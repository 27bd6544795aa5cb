//! How long to wait before trying again: twice as long each time, with jitter, bounded.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Counts failures in a row.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// It worked.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure: between half of the step and the whole of it, so that
    /// engines that lost the same broker do not return in step.
    pub fn next(&mut self) -> Duration {
        let step = self.first.saturating_mul(1 << self.failures.min(20)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        // The keys of a new state are random.
        let dice = RandomState::new().hash_one(self.failures) % 1_000;
        step.mul_f64(0.5 + dice as f64 / 2_000.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_bounded_and_grows(first in 1_u64..10_000, longest in 10_000_u64..1_000_000, tries in 1_usize..200) {
            let (first, longest) = (Duration::from_millis(first), Duration::from_millis(longest));
            let mut backoff = Backoff::new(first, longest);
            for failures in 0..tries {
                let wait = backoff.next();
                prop_assert!(wait <= longest);
                prop_assert!(wait >= first.saturating_mul(1 << failures.min(20)).min(longest) / 2);
            }
            backoff.reset();
            prop_assert!(backoff.next() <= first);
        }
    }
}
