//! Trip, charge, park: what the vehicle is doing, cut from ignition, speed and charging.

use serde::{Deserialize, Serialize};

use crate::entry::signal::Signal;
use crate::observed::known::Known;
use crate::observed::readings::Readings;
use crate::unit::{Span, Time};

/// A vehicle without ignition signal whose readings pause this long has ended its trip.
const TRIP_GAP: Span = Span::from_mins(10);

/// Motion and charging between two readings further apart than this are not counted.
const MOTION_GAP: Span = Span::from_secs(90);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum SegmentKind {
    #[default]
    Unknown,
    Park,
    Trip,
    Charge,
}

/// The running segment and what earlier ones left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    pub kind: SegmentKind,
    pub since: Time,
    /// Trips so far; names the running or last one.
    pub trip: u32,
    /// Newest reading with the engine or the drive on.
    pub running_at: Time,
    /// Tenths of a second in motion and charging ever: while sensors have something to tell.
    pub moving: u32,
    pub charging: u32,
    /// Seconds in motion in this trip.
    pub trip_moving_s: f32,
    /// The ignition was on in this trip: that it is off then ends it.
    pub keyed: bool,
}

impl Default for Segment {
    fn default() -> Self {
        Self::NEW
    }
}

impl Segment {
    /// Of a vehicle that was never heard.
    pub const NEW: Self = Self {
        kind: SegmentKind::Unknown,
        since: Time::NEVER,
        trip: 0,
        running_at: Time::NEVER,
        moving: 0,
        charging: 0,
        trip_moving_s: 0.0,
        keyed: false,
    };

    /// Tenths of a second in which the signal had something to tell.
    pub const fn busy(&self, signal: &Signal) -> u32 {
        self.moving.wrapping_add(if signal.charges { self.charging } else { 0 })
    }

    /// Since when it has stood with the drive off, if it does.
    pub fn parked_for(&self, at: Time) -> Option<Span> {
        (self.kind != SegmentKind::Trip && self.running_at != Time::NEVER).then(|| at.since(self.running_at))
    }
}

/// What a step did to segments: after a pause that was not noticed, one trip ends and one begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Of a trip.
    pub began: bool,
    /// Of a trip.
    pub ended: bool,
    /// Another segment began, of whatever kind.
    pub changed: bool,
}

/// Of a second; wraps after thirteen years, and only differences count.
pub fn tenths(span: Span) -> u32 {
    (span.micros() / 100_000) as u32
}

impl Segment {
    /// Moves on to `at`, `pause` after the step before, by the last readings.
    pub fn advance(&mut self, last: &Readings, at: Time, pause: Span, known: &Known) -> Turn {
        let seen = self.seen(last, at, known);
        let gap = at.since(self.running_at);
        let paused = self.kind == SegmentKind::Trip && gap > TRIP_GAP;
        let kind = self.next_kind(&seen, paused);
        let began = kind == SegmentKind::Trip && (self.kind != SegmentKind::Trip || paused);
        let ended = self.kind == SegmentKind::Trip && (began || kind != SegmentKind::Trip);
        let changed = kind != self.kind || began;
        if changed {
            self.kind = kind;
            self.since = at;
        }
        if began {
            self.trip += 1;
            self.trip_moving_s = 0.0;
        } else if seen.moving && gap <= MOTION_GAP {
            self.moving = self.moving.wrapping_add(tenths(gap));
            self.trip_moving_s += gap.secs_f64() as f32;
        } else if kind == SegmentKind::Charge && pause <= MOTION_GAP {
            self.charging = self.charging.wrapping_add(tenths(pause));
        }
        self.keyed = kind == SegmentKind::Trip && (seen.switched_on == Some(true) || (self.keyed && !began));
        if seen.running {
            self.running_at = at;
        }
        Turn { began, ended, changed }
    }

    fn seen(&self, last: &Readings, at: Time, known: &Known) -> Seen {
        let ignition = last.last(known.ignition);
        let switched_on = (ignition.at != Time::NEVER).then(|| known.is_on(ignition.value));
        let off_at = Some(ignition.at).filter(|at| *at != Time::NEVER && known.is_off(ignition.value));
        let in_trip = self.kind == SegmentKind::Trip;
        let fresh = |slot| {
            let last = last.last(slot);
            // What was read before it was switched off says nothing of it now, and no trip begins by an old reading.
            let over =
                if in_trip { self.keyed && off_at.is_some_and(|off_at| last.at <= off_at) } else { last.at < at };
            (!over && at.since(last.at) <= MOTION_GAP).then_some(last.value)
        };
        let moving = fresh(known.speed).is_some_and(|speed| speed > 1.0);
        let turning = fresh(known.rpm).is_some_and(|rpm| rpm > 300.0);
        let charging = known.charging.is_some_and(|slot| last.last(Some(slot)).value > 0.5);
        Seen { switched_on, moving, running: moving || turning || switched_on == Some(true), charging }
    }

    fn next_kind(&self, seen: &Seen, paused: bool) -> SegmentKind {
        match (seen.running, seen.charging) {
            (true, _) => SegmentKind::Trip,
            (false, true) => SegmentKind::Charge,
            // Readings go on after a stop without ignition signal: a red light is no parking place.
            (false, false) if self.kind == SegmentKind::Trip && seen.switched_on.is_none() && !paused => {
                SegmentKind::Trip
            }
            (false, false) => SegmentKind::Park,
        }
    }
}

/// What the last readings say of the moment.
struct Seen {
    /// By the ignition, if it ever said anything.
    switched_on: Option<bool>,
    moving: bool,
    /// The engine or the drive is on.
    running: bool,
    charging: bool,
}
