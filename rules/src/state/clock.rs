//! clock: when something was measured, by a vehicle's clock that may be wrong (DOMAIN 5.0, "clock skew").
//!
//! What a vehicle says is compared with when it arrived. Offsets that last are taken off, if they are no more than a
//! day; dates that cannot be (ahead of us, before the vehicle was built, 1970) without such an offset are replaced by
//! the time of reception, but only while messages come as slowly as they are measured: what comes in a burst is old,
//! and is kept for charts alone. So nothing late becomes news. All of it is a function of the settled messages, which
//! the journal holds with the vehicle's own times; a vehicle whose clock is right costs eight bytes.
//!
//! A clock that is behind looks like a backlog. A backlog does not keep its age for an hour, so that long is asked; and
//! what makes no back-fill is not worth it.

use serde::{Deserialize, Serialize};

use crate::reading::{Message, Reason};
use crate::recipe::BACKFILL_AGE;
use crate::time::{Span, Time};

/// 2015-01-01T00:00:00Z: a clock that shows less was never set.
const FIRST: Time = Time::from_secs(1_420_070_400);
/// Offsets no further apart are one: messages are underway for up to so long.
const TOLERANCE: Span = Span::from_mins(2);
/// The largest offset that is taken off.
const MOST: Span = Span::from_hours(24);
/// Messages in a row, and over how long, that make an offset: a clock that is ahead, one that is behind.
const AHEAD: Lasting = Lasting { messages: 3, over: Span::from_mins(1) };
const BEHIND: Lasting = Lasting { messages: 8, over: Span::from_hours(1) };
/// Two messages in a row that say otherwise are no strays.
const STRAYS: u8 = 2;
/// Messages that follow each other within less come in a burst.
const BURST: Span = Span::from_secs(1);

struct Lasting {
    messages: u16,
    over: Span,
}

/// What was done with the times of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// They stand.
    #[default]
    Right,
    /// The clock's lasting offset was taken off.
    Corrected,
    /// They cannot be; the newest was measured when it arrived.
    Received,
    /// They cannot be, and nothing says that they are of now.
    Unusable,
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
    /// When the last message in turn arrived.
    heard: Time,
    told: Told,
    /// What was added to the times of the last message.
    shift: Span,
    /// It follows from a step of our own clock and has not been seen yet.
    assumed: bool,
}

impl Clock {
    /// Moves a message's samples to when they were measured, and says how. `in_turn`: it settles in the vehicle's
    /// order, and so tells of the clock; `first_year`: no vehicle of the model year is older.
    pub fn read(&mut self, message: &mut Message, in_turn: bool, first_year: Time, skew: Span) -> Told {
        let times = || message.samples.iter().map(|sample| sample.measured_at);
        let (Some(oldest), Some(newest)) = (times().min(), times().max()) else { return Told::Right };
        let received_at = message.received_at;
        let floor = if received_at > first_year { first_year.max(FIRST) } else { Time::NEVER };
        let possible = |at: Time| at >= floor && at <= received_at + skew;
        let lag = received_at.since(newest);
        if self.0.is_none() && lag <= BACKFILL_AGE && possible(newest) {
            // A single frame may still have begun at the beginning of time.
            message.samples.retain(|sample| sample.measured_at >= floor);
            return Told::Right;
        }
        let paced = in_turn && self.learn(lag, newest.since(oldest), received_at, skew);
        let applied = self.0.as_ref().and_then(|doubt| doubt.applied);
        let (told, shift) = match applied.filter(|offset| possible(newest + *offset)) {
            Some(offset) => (Told::Corrected, offset),
            None if possible(newest) => (Told::Right, Span::ZERO),
            None if paced => (Told::Received, lag),
            None => (Told::Unusable, lag),
        };
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

    /// Takes an offset seen. Whether the message came as slowly as it was measured.
    fn learn(&mut self, lag: Span, covers: Span, received_at: Time, skew: Span) -> bool {
        let Some(doubt) = &mut self.0 else {
            self.0 = Some(Box::new(Doubt::new(lag, received_at)));
            return false;
        };
        let pause = received_at.since(doubt.heard);
        doubt.heard = received_at;
        // What a step of ours made us expect is given up as soon as the vehicle says otherwise.
        let nearer_ours = doubt.assumed && lag.abs() < (lag - doubt.seen).abs();
        let lasts = doubt.agree(lag, received_at);
        let is_right = |offset: Span| offset <= BACKFILL_AGE && offset.micros() >= -skew.micros();
        if is_right(lag) && (nearer_ours || doubt.applied.is_none() || (lasts && is_right(doubt.seen))) {
            self.0 = None;
            return false;
        }
        if lasts && doubt.applied.is_none_or(|applied| !near(applied, doubt.seen)) {
            doubt.applied = near_by(doubt.least, Span::ZERO, MOST).then_some(doubt.least);
        }
        pause >= BURST && pause.micros() >= covers.micros() / 2
    }
}

impl Told {
    /// Bit of a kept reading's flags, and what is counted.
    pub const fn mark(self) -> Option<(i16, Reason)> {
        match self {
            Self::Right => None,
            Self::Corrected => Some((4, Reason::ClockCorrected)),
            Self::Received | Self::Unusable => Some((8, Reason::ClockReplaced)),
        }
    }
}

impl Doubt {
    const fn new(lag: Span, received_at: Time) -> Self {
        Self {
            applied: None,
            seen: lag,
            least: lag,
            agreeing: 1,
            since: received_at,
            strays: 0,
            heard: received_at,
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
            ..Self::new(by, heard)
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
        let asked = if self.seen > BACKFILL_AGE { BEHIND } else { AHEAD };
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
mod tests {
    use super::*;
    use crate::reading::Sample;

    const NOW: i64 = 1_790_000_000;
    const SKEW: Span = Span::from_mins(5);

    /// A message that arrives `secs` after the first one, with samples of so many seconds before or after that.
    fn message(secs: i64, measured: &[i64]) -> Message {
        let sample = |off: &i64| Sample {
            measured_at: Time::from_secs(NOW + secs + off),
            readings: Vec::new(),
            faults: Vec::new(),
        };
        Message {
            sequence: None,
            received_at: Time::from_secs(NOW + secs),
            samples: measured.iter().map(sample).collect(),
            seen: Vec::new(),
            hash: 0,
        }
    }

    /// Reads a message that arrives at `secs`; what was done, and how long before reception the last sample was.
    fn read(clock: &mut Clock, secs: i64, measured: &[i64]) -> (Told, Vec<i64>) {
        let mut message = message(secs, measured);
        let told = clock.read(&mut message, true, Time::NEVER, SKEW);
        let since = |sample: &Sample| sample.measured_at.since(message.received_at).micros() / 1_000_000;
        (told, message.samples.iter().map(since).collect())
    }

    #[test]
    fn a_right_clock_costs_nothing() {
        let mut clock = Clock::default();
        for minute in 0..100 {
            assert_eq!(read(&mut clock, minute * 60, &[-30, 200]), (Told::Right, vec![-30, 200]));
        }
        assert_eq!(clock, Clock::default());
    }

    #[test]
    fn a_clock_that_is_ahead_is_corrected_once_it_has_lasted() {
        let (mut clock, ahead) = (Clock::default(), 43_200);
        assert_eq!(read(&mut clock, 0, &[ahead - 90, ahead]).0, Told::Unusable);
        assert_eq!(read(&mut clock, 40, &[ahead - 30, ahead]), (Told::Received, vec![-30, 0]));
        assert_eq!(read(&mut clock, 80, &[ahead - 30, ahead]), (Told::Corrected, vec![-30, 0]));
        // What was held back for three days is told as of then, by the same offset.
        let days = 3 * 86_400;
        assert_eq!(read(&mut clock, 120 + days, &[ahead - days]), (Told::Corrected, vec![-days]));
    }

    #[test]
    fn a_clock_that_is_behind_is_corrected_after_an_hour() {
        let mut clock = Clock::default();
        let told: Vec<Told> = (0..40).map(|message| read(&mut clock, message * 100, &[-20_000]).0).collect();
        assert!(told[..36].iter().all(|told| *told == Told::Right), "{told:?}");
        assert!(told[36..].iter().all(|told| *told == Told::Corrected), "{told:?}");
    }

    #[test]
    fn a_backlog_is_no_clock_that_is_behind() {
        let mut clock = Clock::default();
        for message in 0..30_000_i64 {
            // Three days of messages, measured every ten seconds, arrive twenty to the second.
            let arrives = message / 20;
            let measured = message * 10 - 3 * 86_400;
            assert_eq!(read(&mut clock, arrives, &[(measured - arrives).min(0)]).0, Told::Right);
        }
        assert_eq!(clock, Clock::default(), "it ends at the live edge");
    }

    #[test]
    fn a_clock_without_a_lasting_offset_is_replaced_by_the_time_of_reception() {
        let mut clock = Clock::default();
        for message in 1..50 {
            let ahead = (message * 7_919) % 80_000 + 10_000;
            let told = read(&mut clock, message * 30, &[ahead - 20, ahead]);
            assert!(message == 1 || told == (Told::Received, vec![-20, 0]), "{told:?}");
        }
    }

    #[test]
    fn years_off_is_no_offset() {
        let mut clock = Clock::default();
        let told: Vec<_> = (0..50).map(|message| read(&mut clock, message * 60, &[-NOW - message * 60]).0).collect();
        assert!(told[1..].iter().all(|told| *told == Told::Received), "a clock that began in 1970: {told:?}");
    }

    #[test]
    fn a_burst_of_impossible_dates_is_not_of_now() {
        let mut clock = Clock::default();
        for message in 0..50 {
            assert_eq!(read(&mut clock, 0, &[40_000 + message]).0, Told::Unusable);
        }
    }

    #[test]
    fn a_single_frame_of_1970_does_not_take_its_message_along() {
        let mut clock = Clock::default();
        assert_eq!(read(&mut clock, 5, &[-20, -NOW, 0]), (Told::Right, vec![-20, 0]));
        assert_eq!(read(&mut clock, 15, &[-NOW]).0, Told::Unusable);
        assert_eq!(read(&mut clock, 25, &[0]).0, Told::Right);
        assert_eq!(clock, Clock::default());
    }

    #[test]
    fn a_clock_that_was_set_right_is_believed_again() {
        let mut clock = Clock::default();
        (0..10).for_each(|message| drop(read(&mut clock, message * 60, &[7_200])));
        assert_eq!(clock.told().0, Told::Corrected);
        let told: Vec<_> = (10..16).map(|message| read(&mut clock, message * 60, &[0]).0).collect();
        assert_eq!(told.last(), Some(&Told::Right));
        assert_eq!(clock, Clock::default());
    }

    #[test]
    fn what_comes_out_of_turn_tells_nothing_of_the_clock() {
        let mut clock = Clock::default();
        let mut late = message(0, &[-4_000]);
        assert_eq!(clock.read(&mut late, false, Time::NEVER, SKEW), Told::Right);
        assert_eq!(clock, Clock::default());
    }
}
