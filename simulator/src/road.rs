//! Roads: the speed of one trip as a chain of legs, from standing to standing.
//!
//! Speed is linear in time within a leg, so that distance, braking energy and idling over any step
//! are exact whatever the sampling.

use std::collections::VecDeque;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::random::bounded;

/// A stretch of time over which speed changes evenly; speeds in m/s.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Leg {
    secs: f64,
    from: f64,
    to: f64,
}

/// One trip on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Drive {
    legs: VecDeque<Leg>,
}

/// What the vehicle did over one step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Motion {
    pub secs: f64,
    /// At the end of the step, m/s.
    pub speed: f64,
    pub distance_m: f64,
    /// Work against inertia per kilogram, joule: gained and given back.
    pub gained: f64,
    pub braked: f64,
    /// Seconds standing.
    pub standing: f64,
    /// The trip is over.
    pub arrived: bool,
}

#[derive(Clone, Copy)]
struct Road {
    kmh: (f64, f64),
    hop_m: (f64, f64),
    stops: f64,
}

const URBAN: Road = Road { kmh: (32.0, 58.0), hop_m: (180.0, 700.0), stops: 0.75 };
const SUBURBAN: Road = Road { kmh: (52.0, 80.0), hop_m: (500.0, 1_800.0), stops: 0.45 };
const HIGHWAY: Road = Road { kmh: (92.0, 120.0), hop_m: (2_000.0, 6_000.0), stops: 0.0 };

impl Drive {
    /// Plans a trip of about `km` kilometres: urban at both ends, faster between if it is long.
    pub fn plan(km: f64, rng: &mut ChaCha8Rng) -> Self {
        let total = km * 1_000.0;
        let mut drive = Self { legs: VecDeque::new() };
        drive.stand(rng.random_range(15.0..35.0));
        let mut speed = 0.0;
        let mut done = 0.0;
        while total - done > 150.0 {
            let road = road_at(done, total);
            let length = rng.random_range(road.hop_m.0..road.hop_m.1).min(total - done);
            let last = total - done - length <= 150.0;
            let target = rng.random_range(road.kmh.0..road.kmh.1) / 3.6;
            let end = if last || rng.random_bool(road.stops) { 0.0 } else { target * 0.75 };
            speed = drive.hop(speed, target, end, length, rng);
            done += length;
            if end == 0.0 && !last {
                drive.stand(bounded(rng, 18.0, 14.0, 3.0).max(2.0));
            }
        }
        if speed > 0.0 {
            drive.leg(speed / 1.5, speed, 0.0);
        }
        drive.stand(rng.random_range(5.0..15.0));
        drive
    }

    /// Moves on by at most `secs`.
    pub fn advance(&mut self, secs: f64) -> Motion {
        let mut motion = Motion::default();
        while secs - motion.secs > 1e-9 {
            let Some(leg) = self.legs.front_mut() else { break };
            let part = leg.secs.min(secs - motion.secs);
            let reached = leg.from + (leg.to - leg.from) * part / leg.secs;
            let work = (reached * reached - leg.from * leg.from) / 2.0;
            motion.secs += part;
            motion.distance_m += f64::midpoint(leg.from, reached) * part;
            motion.gained += work.max(0.0);
            motion.braked += (-work).max(0.0);
            motion.standing += if leg.from == 0.0 && leg.to == 0.0 { part } else { 0.0 };
            motion.speed = reached;
            leg.from = reached;
            leg.secs -= part;
            if leg.secs < 1e-9 {
                self.legs.pop_front();
            }
        }
        motion.arrived = self.legs.is_empty();
        motion
    }

    /// Ends the trip at the next possible place: an empty battery, a driver who stops.
    pub fn cut_short(&mut self) {
        let speed = self.legs.front().map_or(0.0, |leg| leg.from);
        self.legs.clear();
        if speed > 0.0 {
            self.leg(speed / 1.5, speed, 0.0);
        }
        self.stand(5.0);
    }

    /// From `speed` to `target`, along, and down to `end`, over `length` metres; returns `end`.
    fn hop(&mut self, speed: f64, target: f64, end: f64, length: f64, rng: &mut ChaCha8Rng) -> f64 {
        let up = rng.random_range(0.7..1.5);
        let down = rng.random_range(0.9..1.8);
        // The highest speed from which the hop can still end as meant.
        let highest = ((2.0 * up * down * length + down * speed * speed + up * end * end) / (up + down)).sqrt();
        let cruise = target.min(highest).max(1.0);
        let climb = ((cruise * cruise - speed * speed) / (2.0 * up)).abs();
        let fall = ((cruise * cruise - end * end) / (2.0 * down)).abs();
        self.leg((cruise - speed).abs() / up, speed, cruise);
        let mut along = (length - climb - fall).max(0.0);
        while along > 1.0 {
            // Nobody holds a speed exactly.
            let piece = along.min(cruise * 40.0);
            let drift = cruise * bounded(rng, 1.0, 0.02, 2.0);
            let half = piece / (cruise + drift);
            self.leg(half, cruise, drift);
            self.leg(half, drift, cruise);
            along -= piece;
        }
        self.leg((cruise - end).abs() / down, cruise, end);
        end
    }

    fn stand(&mut self, secs: f64) {
        self.leg(secs, 0.0, 0.0);
    }

    fn leg(&mut self, secs: f64, from: f64, to: f64) {
        if secs > 0.0 {
            self.legs.push_back(Leg { secs, from, to });
        }
    }
}

fn road_at(done: f64, total: f64) -> Road {
    let to_the_end = done.min(total - done);
    if to_the_end < 2_000.0 || total < 7_000.0 {
        URBAN
    } else if to_the_end < 6_000.0 || total < 22_000.0 {
        SUBURBAN
    } else {
        HIGHWAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    #[test]
    fn covers_the_distance_within_what_a_car_can_do() {
        for (ordinal, km) in [0.8, 3.0, 12.0, 30.0, 90.0].into_iter().enumerate() {
            let mut rng = stream(5, 1, Purpose::Roads, ordinal as u64);
            let mut drive = Drive::plan(km, &mut rng);
            let (mut metres, mut last, mut secs) = (0.0, 0.0_f64, 0.0);
            loop {
                let motion = drive.advance(1.0);
                metres += motion.distance_m;
                secs += motion.secs;
                assert!(motion.speed < 36.0 && (motion.speed - last).abs() < 4.2, "{km} {motion:?} {last}");
                last = motion.speed;
                if motion.arrived {
                    break;
                }
            }
            assert!((metres / 1_000.0 - km).abs() < 0.06 * km + 0.2, "{km} km: {metres} m");
            let mean_kmh = metres / secs * 3.6;
            assert!((12.0..105.0).contains(&mean_kmh), "{km} km at {mean_kmh}");
            assert_eq!(last, 0.0);
        }
    }

    #[test]
    fn a_step_of_any_length_gives_the_same_distance() {
        let total = |step: f64| {
            let mut drive = Drive::plan(14.0, &mut stream(5, 1, Purpose::Roads, 0));
            let mut metres = 0.0;
            loop {
                let motion = drive.advance(step);
                metres += motion.distance_m;
                if motion.arrived {
                    return metres;
                }
            }
        };
        assert!((total(1.0) - total(17.0)).abs() < 0.01);
    }
}
