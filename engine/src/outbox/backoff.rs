//! How long to wait before trying again: doubling, bounded, with jitter.

use std::time::Duration;

/// The waits between the attempts of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

/// Why two durations are no backoff.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BackoffError {
    #[error("the first wait must be longer than nothing")]
    NoWait,
    #[error("the longest wait is shorter than the first one")]
    Shrinks,
}

impl Backoff {
    pub fn try_new(first: Duration, longest: Duration) -> Result<Self, BackoffError> {
        if first.is_zero() {
            return Err(BackoffError::NoWait);
        }
        if longest < first {
            return Err(BackoffError::Shrinks);
        }
        Ok(Self { first, longest })
    }

    /// The wait after the `attempts`-th attempt. `chance` in 0..1 spreads it over its upper half,
    /// so that what failed together does not come back together.
    pub fn wait(&self, attempts: u32, chance: f64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        let full = self.first.saturating_mul(1 << doublings).min(self.longest);
        full.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_would_spin_or_shrink() {
        let second = Duration::from_secs(1);
        assert_eq!(Backoff::try_new(Duration::ZERO, second), Err(BackoffError::NoWait));
        assert_eq!(Backoff::try_new(second * 2, second), Err(BackoffError::Shrinks));
    }

    proptest! {
        #[test]
        fn is_bounded_and_grows(
            first in 1_u64..10_000, factor in 1_u64..10_000, attempts in 0_u32..u32::MAX, chance in 0.0_f64..1.0,
        ) {
            let first = Duration::from_millis(first);
            let backoff = Backoff::try_new(first, first * factor as u32).unwrap();
            let wait = backoff.wait(attempts, chance);
            prop_assert!(wait >= first / 2 && wait <= first * factor as u32);
            prop_assert!(backoff.wait(attempts.saturating_add(1), chance) >= wait);
        }
    }
}
