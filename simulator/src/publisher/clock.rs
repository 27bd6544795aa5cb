//! The virtual clock of a fleet on the air.

use std::time::Duration;

use rules::unit::{Span, Time};
use tokio::time::Instant;

/// How fast virtual time runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many virtual seconds per second; 1 is real time.
    Times(f64),
    /// Every message as soon as the outbox has room for it.
    AsCommitted,
}

/// Virtual time, from an origin on.
#[derive(Clone, Copy, Debug)]
pub struct VirtualClock {
    origin: Time,
    began: Instant,
    pace: Pace,
}

impl VirtualClock {
    pub fn starting_now(origin: Time, pace: Pace) -> Self {
        Self { origin, began: Instant::now(), pace }
    }

    pub const fn pace(&self) -> Pace {
        self.pace
    }

    /// The present virtual instant; without a pace, the end of time.
    pub fn now(&self) -> Time {
        match self.pace {
            Pace::Times(rate) => {
                let elapsed = self.began.elapsed().as_secs_f64() * rate;
                self.origin + Span::from_micros((elapsed * 1e6) as i64)
            }
            Pace::AsCommitted => Time::from_micros(i64::MAX),
        }
    }

    /// The real instant at which virtual time reaches `at`.
    pub fn when(&self, at: Time) -> Instant {
        match self.pace {
            Pace::Times(rate) => {
                let secs = at.since(self.origin).secs_f64() / rate.max(1e-9);
                self.began + Duration::from_secs_f64(secs.clamp(0.0, 3.2e9))
            }
            Pace::AsCommitted => self.began,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_as_fast_as_it_is_told() {
        let origin = Time::from_secs(1_790_000_000);
        let clock = VirtualClock::starting_now(origin, Pace::Times(60.0));
        let wait = clock.when(origin + Span::from_mins(20)) - clock.began;
        assert_eq!(wait, Duration::from_secs(20));
        assert!(clock.now() >= origin);
        assert_eq!(clock.when(origin), clock.began);
    }
}
