//! When a vehicle is told how far it is committed.
//!
//! Duplicates and the first message after a connect are answered at once: that vehicle wonders.
//! Everything else is coalesced, to a share of the window or a twentieth of a second, because one
//! answer per message would cost as much as the message.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rules::vehicle::VehicleId;

/// Longest time that progress stays untold.
const COALESCE: Duration = Duration::from_millis(50);
/// Progress that is told without waiting.
const PROGRESS: u64 = 16;

/// What a vehicle has been told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    position: Option<(u64, u64)>,
    waits: bool,
    at_once: bool,
}

impl Told {
    /// The vehicle asks, by a duplicate or a new connection.
    pub fn asked(&mut self) {
        self.at_once = true;
    }

    /// Whether to answer `position` now; otherwise it is put off through `later`.
    fn due(&mut self, position: (u64, u64)) -> Due {
        let (stream, seq) = position;
        let progress = match self.position {
            Some((known, told)) if known == stream => seq.saturating_sub(told),
            _ => PROGRESS,
        };
        if self.at_once || progress >= PROGRESS {
            return Due::Now;
        }
        if progress > 0 && !self.waits {
            self.waits = true;
            return Due::Later;
        }
        Due::Nothing
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Now,
    Later,
    Nothing,
}

/// Answers put off, oldest first.
#[derive(Debug, Default)]
pub struct Answers {
    later: VecDeque<(Instant, VehicleId)>,
}

impl Answers {
    /// Judges a committed position; `Some` is to be told now.
    pub fn committed(
        &mut self,
        vehicle: &VehicleId,
        told: &mut Told,
        position: Option<(u64, u64)>,
    ) -> Option<(u64, u64)> {
        let position = position?;
        match told.due(position) {
            Due::Now => {
                told.say(position);
                Some(position)
            }
            Due::Later => {
                self.later.push_back((Instant::now() + COALESCE, vehicle.clone()));
                None
            }
            Due::Nothing => None,
        }
    }

    /// Vehicles whose wait for company is over.
    pub fn over(&mut self, now: Instant) -> impl Iterator<Item = VehicleId> + '_ {
        std::iter::from_fn(move || {
            self.later
                .front()
                .is_some_and(|(at, _)| *at <= now)
                .then(|| self.later.pop_front())
                .flatten()
                .map(|(_, vehicle)| vehicle)
        })
    }

    /// When the next wait is over.
    pub fn next(&self) -> Option<Instant> {
        self.later.front().map(|(at, _)| *at)
    }
}

impl Told {
    /// Notes that `position` is being told; false if the vehicle knows it.
    pub fn say(&mut self, position: (u64, u64)) -> bool {
        let news = self.position != Some(position) || self.at_once;
        *self = Self { position: Some(position), waits: false, at_once: false };
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_the_first_position_and_those_who_ask_at_once() {
        let vehicle = VehicleId::try_new("v").unwrap();
        let (mut answers, mut told) = (Answers::default(), Told::default());
        assert_eq!(answers.committed(&vehicle, &mut told, Some((1, 5))), Some((1, 5)));
        assert_eq!(answers.committed(&vehicle, &mut told, Some((1, 5))), None);
        told.asked();
        assert_eq!(answers.committed(&vehicle, &mut told, Some((1, 5))), Some((1, 5)));
    }

    #[test]
    fn coalesces_progress_into_one_answer() {
        let vehicle = VehicleId::try_new("v").unwrap();
        let (mut answers, mut told) = (Answers::default(), Told::default());
        answers.committed(&vehicle, &mut told, Some((1, 5)));
        for seq in 6..5 + PROGRESS {
            assert_eq!(answers.committed(&vehicle, &mut told, Some((1, seq))), None, "{seq}");
        }
        assert_eq!(answers.later.len(), 1);
        assert_eq!(answers.committed(&vehicle, &mut told, Some((1, 5 + PROGRESS))), Some((1, 5 + PROGRESS)));
        assert_eq!(answers.over(Instant::now() + COALESCE).count(), 1);
        assert!(!told.say((1, 5 + PROGRESS)), "nothing new to say");
    }
}
