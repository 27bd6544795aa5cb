//! clock: when something was measured, by a vehicle's clock that may be wrong (DOMAIN 5.0, "clock skew").
//!
//! What a vehicle says is compared with when it arrived, and with what it said before. Offsets that last are taken
//! off, if they are no more than a day. Times that cannot be are replaced by the time of reception: those ahead of us,
//! from before the vehicle was built, of 1970, further behind than a day for minutes, and those that step back along
//! the vehicle's own numbering, in which time does not decrease. They are replaced only while messages come as slowly
//! as they are measured: what comes in a burst is old, and is kept for charts alone. So nothing late becomes news.
//! All of it is a function of the settled messages, which the journal holds with the vehicle's own times; a vehicle
//! whose clock is right costs eight bytes.
//!
//! A clock that is behind looks like a backlog. But a backlog grows younger as it drains, so minutes tell them apart;
//! and what makes no back-fill is not worth it.

use serde::{Deserialize, Serialize};

use crate::state::settle::BACKFILL_AGE;
use crate::unit::{Span, Time};
use crate::vehicle::{Message, Told};

/// 2015-01-01T00:00:00Z: a clock that shows less was never set.
const FIRST: Time = Time::from_secs(1_420_070_400);
/// Offsets no further apart are one: messages are underway for up to so long.
const TOLERANCE: Span = Span::from_mins(2);
/// The largest offset that is taken off.
const MOST: Span = Span::from_hours(24);
/// Messages in a row, and over how long, that make an offset: a clock that is ahead, one that is behind.
const AHEAD: Lasting = Lasting { messages: 3, over: Span::from_mins(1) };
const BEHIND: Lasting = Lasting { messages: 8, over: Span::from_mins(5) };
/// Two messages in a row that say otherwise are no strays.
const STRAYS: u8 = 2;
/// Messages that follow each other within less come in a burst.
const BURST: Span = Span::from_secs(1);
/// Steps back that control units with clocks of their own make; the fold holds them at the newest time.
const JITTER: Span = Span::from_secs(2);
/// No vehicle keeps what it measured for so long.
const ANCIENT: Span = Span::from_days(90);

struct Lasting {
    messages: u16,
    over: Span,
}

/// What is known of a vehicle's clock; nothing while it is right.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clock(Option<Box<Doubt>>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Doubt {
    /// What is taken off.
    applied: Option<Span>,
    /// The offset lately seen, the least of those that agree with it, how many in a row, and since when.
    seen: Span,
    least: Span,
    agreeing: u16,
    since: Time,
    /// Messages in a row that do not agree.
    strays: u8,
    /// When the last message in turn arrived, and when its newest sample was measured by the vehicle's clock.
    heard: Time,
    shown: Time,
    /// The offset has lasted, and is too large to be taken off.
    is_far: bool,
    told: Told,
    /// What was added to the times of the last message.
    shift: Span,
    /// It follows from a step of our own clock and has not been seen yet.
    assumed: bool,
}

/// What a clock is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// No vehicle of the model year is older.
    pub first_year: Time,
    /// Newest time folded; `NEVER` before the first reading.
    pub newest: Time,
    /// How far a clock may be ahead without being corrected.
    pub skew: Span,
}

/// How a message follows the one before.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    since: Span,
    /// No burst, and not sooner than its own samples took.
    is_slow: bool,
    /// Nor sooner than it was measured after the one before: no backlog that drains.
    keeps_up: bool,
    /// For a minute all messages have been as old as each other.
    is_steady: bool,
}

impl Clock {
    /// Moves a message's samples to when they were measured, and says how. `in_turn`: it settles in the vehicle's
    /// order, and so tells of the clock.
    pub fn read(&mut self, message: &mut Message, in_turn: bool, known: Known) -> Told {
        let times = || message.samples.iter().map(|sample| sample.measured_at);
        let (Some(oldest), Some(newest)) = (times().min(), times().max()) else { return Told::Right };
        let received_at = message.received_at;
        let floor = if received_at > known.first_year { known.first_year.max(FIRST) } else { Time::NEVER };
        let possible = |at: Time| at >= floor && at <= received_at + known.skew;
        let lag = received_at.since(newest);
        let back = |at: Time| if in_turn && known.newest != Time::NEVER { known.newest.since(at) } else { Span::ZERO };
        let numbered = message.sequence.is_some();
        // Without numbers, what is older than the newest may as well be late.
        let steps_back = |at: Time| numbered && back(at) > JITTER;
        if self.0.is_none() && lag <= BACKFILL_AGE && possible(newest) && !steps_back(newest) {
            // A single frame may still have begun at the beginning of time.
            message.samples.retain(|sample| sample.measured_at >= floor);
            return Told::Right;
        }
        let pace =
            if in_turn { self.learn(newest, oldest, received_at, steps_back(newest), &known) } else { Pace::default() };
        let doubt = self.0.as_deref();
        let applied = doubt.and_then(|doubt| doubt.applied).map(|offset| newest + offset);
        let is_far = doubt.is_some_and(|doubt| doubt.is_far);
        let corrected = applied.filter(|at| possible(*at));
        let shown = corrected.unwrap_or(newest);
        let stands = if corrected.is_some() { Told::Corrected } else { Told::Right };
        let impossible = (corrected.is_none() && (!possible(newest) || is_far)) || back(shown) > ANCIENT;
        let of_now = pace.is_steady || (pace.is_slow && (impossible || pace.keeps_up));
        let (told, at) = match (impossible || steps_back(shown), of_now) {
            (false, _) => (stands, shown),
            // Time goes on, if only half as fast, until the clock has caught up with what it showed before.
            (true, true) => (Told::Received, received_at.max(known.newest + pace.since.half())),
            (true, false) if !impossible && back(shown) <= BACKFILL_AGE => (stands, shown),
            (true, false) => (Told::Unusable, received_at),
        };
        let shift = at.since(newest);
        for sample in &mut message.samples {
            sample.measured_at = sample.measured_at + shift;
        }
        message.samples.retain(|sample| sample.measured_at >= floor);
        if let Some(doubt) = &mut self.0 {
            (doubt.told, doubt.shift) = (told, shift);
        }
        told
    }

    /// Our own clock made a step; the vehicle's did not. Gives by how much the times of what was measured move.
    ///
    /// A clock that agreed with ours now differs by the step, and what was taken off before changes by it. A vehicle
    /// that has not agreed with us, as in a backlog, stays where its own clock says it is.
    pub fn move_by(&mut self, by: Span, heard: Time, skew: Span) -> Span {
        let is_right = |offset: Span| offset <= BACKFILL_AGE && offset.micros() >= -skew.micros();
        let Some(doubt) = &mut self.0 else {
            if is_right(by) {
                return Span::ZERO;
            }
            self.0 = Some(Box::new(Doubt::of_a_step(by, heard)));
            return by;
        };
        let is_ours = doubt.applied.is_some() || doubt.told == Told::Received;
        let before = doubt.applied.unwrap_or(doubt.seen);
        (doubt.seen, doubt.least) = (doubt.seen + by, doubt.least + by);
        doubt.applied = doubt.applied.map(|offset| offset + by);
        (doubt.since, doubt.heard) = (doubt.since.stepped(by), doubt.heard.stepped(by));
        doubt.shift = doubt.applied.unwrap_or(doubt.shift);
        match (is_right(before + by), is_ours) {
            (true, true) => {
                // Its own times hold again.
                self.0 = None;
                Span::ZERO - before
            }
            (true, false) => {
                self.0 = None;
                Span::ZERO
            }
            (false, true) => by,
            (false, false) => Span::ZERO,
        }
    }

    /// What was done with the times of the last message, and what was added to them.
    pub fn told(&self) -> (Told, Span) {
        self.0.as_ref().map_or((Told::Right, Span::ZERO), |doubt| (doubt.told, doubt.shift))
    }

    /// Takes an offset seen, and says how the message follows the one before.
    fn learn(&mut self, newest: Time, oldest: Time, received_at: Time, steps_back: bool, known: &Known) -> Pace {
        let lag = received_at.since(newest);
        let Some(doubt) = &mut self.0 else {
            self.0 = Some(Box::new(Doubt::new(newest, received_at)));
            return Pace::default();
        };
        let since = received_at.since(doubt.heard);
        let is_slow = since >= BURST && since >= newest.since(oldest).half();
        let keeps_up = since >= newest.since(doubt.shown).half();
        (doubt.heard, doubt.shown) = (received_at, newest);
        // What a step of ours made us expect is given up as soon as the vehicle says otherwise.
        let nearer_ours = doubt.assumed && lag.abs() < (lag - doubt.seen).abs();
        let lasts = doubt.agree(lag, received_at);
        let is_right = |offset: Span| offset <= BACKFILL_AGE && offset.micros() >= -known.skew.micros();
        if !steps_back && is_right(lag) && (nearer_ours || doubt.applied.is_none() || (lasts && is_right(doubt.seen))) {
            self.0 = None;
            return Pace::default();
        }
        if lasts && doubt.applied.is_none_or(|applied| !near(applied, doubt.seen)) {
            doubt.applied = near_by(doubt.least, Span::ZERO, MOST).then_some(doubt.least);
        }
        doubt.is_far = lasts && doubt.applied.is_none();
        Pace { since, is_slow, keeps_up, is_steady: doubt.has_lasted(&AHEAD, received_at) }
    }
}

impl Doubt {
    fn new(shown: Time, received_at: Time) -> Self {
        let lag = received_at.since(shown);
        Self {
            applied: None,
            seen: lag,
            least: lag,
            agreeing: 1,
            since: received_at,
            strays: 0,
            heard: received_at,
            shown,
            is_far: false,
            told: Told::Right,
            shift: Span::ZERO,
            assumed: false,
        }
    }

    /// Of a vehicle whose clock was right before ours made a step.
    fn of_a_step(by: Span, heard: Time) -> Self {
        Self {
            applied: Some(by),
            agreeing: BEHIND.messages,
            since: heard - BEHIND.over,
            told: Told::Corrected,
            shift: by,
            assumed: true,
            ..Self::new(heard - by, heard)
        }
    }

    /// Whether the offset has lasted for long enough to be one.
    fn agree(&mut self, lag: Span, received_at: Time) -> bool {
        if near(lag, self.seen) {
            self.agreeing = self.agreeing.saturating_add(1);
            self.least = self.least.min(lag);
            self.strays = 0;
        } else {
            self.strays += 1;
            if self.strays >= STRAYS || self.agreeing == 1 {
                (self.seen, self.least, self.agreeing, self.since, self.strays) = (lag, lag, 1, received_at, 0);
            }
        }
        self.has_lasted(if self.seen > BACKFILL_AGE { &BEHIND } else { &AHEAD }, received_at)
    }

    fn has_lasted(&self, asked: &Lasting, received_at: Time) -> bool {
        self.agreeing >= asked.messages && received_at.since(self.since) >= asked.over
    }
}

fn near(one: Span, other: Span) -> bool {
    near_by(one, other, TOLERANCE)
}

fn near_by(one: Span, other: Span, bound: Span) -> bool {
    one.micros().abs_diff(other.micros()) <= bound.micros().unsigned_abs()
}

#[cfg(test)]
mod tests;
