//! The odometer that can be trusted, DOMAIN 5.0: zeros, drops, jumps and replaced clusters.
//!
//! A value that fits the last one is taken; a bigger drop or jump is held until later readings
//! agree with it. Nothing that is held drives a service interval.

use serde::{Deserialize, Serialize};

use crate::unit::{Span, Time};

/// Cars do not go faster, km/h; over long gaps they do not keep it up.
const FASTEST_KMH: f64 = 250.0;
const LONG_GAP_SHARE: f64 = 0.6;
/// Jitter that is ignored, km.
const JITTER_KM: f64 = 2.0;
/// A lower value must be seen this often over this long to be a replaced meter.
const WITNESSES: u8 = 3;
const WITNESS_TIME: Span = Span::from_hours(24);

/// Last trusted odometer, and what waits for a witness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Odometer {
    /// Kilometres; `NaN` before the first.
    pub km: f64,
    pub at: Time,
    /// Boxed: few vehicles have one, and not for long.
    held: Option<Box<Held>>,
    /// Added to what the cluster shows, after a replacement.
    pub offset_km: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Held {
    km: f64,
    since: Time,
    at: Time,
    seen: u8,
}

/// What became of an odometer reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Odometry {
    Taken,
    /// Zero or jitter: no new knowledge.
    Ignored,
    Held,
    /// Lower than before, but stable: the meter was probably replaced.
    Replaced,
}

impl Default for Odometer {
    fn default() -> Self {
        Self { km: f64::NAN, at: Time::NEVER, held: None, offset_km: 0.0 }
    }
}

impl Odometer {
    /// Moves what is remembered by a step of the clock.
    pub fn move_by(&mut self, by: Span) {
        self.at = self.at.stepped(by);
        if let Some(held) = &mut self.held {
            (held.since, held.at) = (held.since.stepped(by), held.at.stepped(by));
        }
    }

    /// Judges a reading of the cluster, in kilometres.
    pub fn take(&mut self, shown_km: f64, at: Time) -> Odometry {
        let km = shown_km + self.offset_km;
        if shown_km <= 0.0 {
            return Odometry::Ignored;
        }
        if self.km.is_nan() {
            return self.accept(km, at);
        }
        let driven = km - self.km;
        if (-JITTER_KM..0.0).contains(&driven) {
            return Odometry::Ignored;
        }
        if driven >= 0.0 && driven <= farthest(at.since(self.at)) {
            return self.accept(km, at);
        }
        self.hold(km, at)
    }

    fn accept(&mut self, km: f64, at: Time) -> Odometry {
        self.km = km;
        self.at = at;
        self.held = None;
        Odometry::Taken
    }

    fn hold(&mut self, km: f64, at: Time) -> Odometry {
        let agrees = |held: &Held| km >= held.km - JITTER_KM && km - held.km <= farthest(at.since(held.at));
        let Some(held) = self.held.as_deref().copied().filter(agrees) else {
            self.held = Some(Box::new(Held { km, since: at, at, seen: 1 }));
            return Odometry::Held;
        };
        let held = Held { km, at, seen: held.seen.saturating_add(1), ..held };
        // Forward: a second reading that agrees is enough. Backward: be sure.
        if km > self.km {
            return self.accept(km, at);
        }
        if held.seen >= WITNESSES && at.since(held.since) >= WITNESS_TIME {
            self.offset_km += self.km - km;
            self.held = None;
            self.at = at;
            return Odometry::Replaced;
        }
        self.held = Some(Box::new(held));
        Odometry::Held
    }
}

/// Farthest a car gets in `gap`, km; at least the resolution of a slow sender.
fn farthest(gap: Span) -> f64 {
    let hours = gap.secs_f64() / 3600.0;
    let share = if hours > 1.0 { LONG_GAP_SHARE } else { 1.0 };
    (FASTEST_KMH * hours * share).max(4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn driven(readings: &[(i64, f64)]) -> (Odometer, Vec<Odometry>) {
        let mut odometer = Odometer::default();
        let judged = readings.iter().map(|&(mins, km)| odometer.take(km, Time::from_secs(mins * 60))).collect();
        (odometer, judged)
    }

    #[test]
    fn ignores_zeros_and_jitter() {
        let (odometer, judged) = driven(&[(0, 50_000.0), (1, 0.0), (2, 49_999.2), (3, 50_001.0)]);
        assert_eq!(judged, [Odometry::Taken, Odometry::Ignored, Odometry::Ignored, Odometry::Taken]);
        assert_eq!(odometer.km, 50_001.0);
    }

    #[test]
    fn holds_a_jump_until_a_second_reading_agrees() {
        let (odometer, judged) = driven(&[(0, 50_000.0), (1, 80_000.0), (2, 50_001.0)]);
        assert_eq!(judged, [Odometry::Taken, Odometry::Held, Odometry::Taken]);
        assert_eq!(odometer.km, 50_001.0);
        let (odometer, judged) = driven(&[(0, 50_000.0), (1, 80_000.0), (2, 80_001.0)]);
        assert_eq!(judged[2], Odometry::Taken);
        assert_eq!(odometer.km, 80_001.0);
    }

    #[test]
    fn believes_a_lower_value_only_after_a_day_and_keeps_the_distance() {
        let day = 24 * 60;
        let (odometer, judged) = driven(&[(0, 50_000.0), (10, 10.0), (600, 40.0), (day + 20, 90.0)]);
        assert_eq!(judged, [Odometry::Taken, Odometry::Held, Odometry::Held, Odometry::Replaced]);
        assert_eq!(odometer.km, 50_000.0);
        assert_eq!(odometer.offset_km, 49_910.0);
    }
}
