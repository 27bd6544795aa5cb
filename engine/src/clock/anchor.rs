//! The anchor: what is told as the time, from an instant once believed and the monotonic time since.
//!
//! The wall clock of a machine can be set: by hand, by a time server that is wrong, by a virtual machine that wakes up.
//! So it is only asked whether it still agrees. A difference of up to a second is made up for slowly. More is a step: it
//! is taken over only once it has stood for a while, and until then the old time goes on. Pure: the owner of an anchor
//! reads the clocks, so that every course of them can be tried.

use rules::unit::{Span, Time};

/// Up to here a difference is drift.
pub const STEP: Span = Span::from_secs(1);
/// Part of the time passed by which drift is made up for.
const SLEW: i64 = 100;
/// What deletes goes by the earlier time for so long after a step forward: it may be the wrong one.
const DOUBTED: Span = Span::from_days(1);

#[derive(Clone, Debug)]
pub struct Anchor {
    /// What was told at `uptime`.
    told: Time,
    uptime: Span,
    /// The latest time told since the last step; nothing earlier is told.
    latest: Time,
    /// Steps taken over since this database began, added up.
    total: Span,
    standing: Option<Standing>,
    /// Steps forward of the last day, and when they were taken over.
    forward: Vec<(Span, Span)>,
}

/// A difference that has not been taken over yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    by: Span,
    since: Span,
}

/// What a look at the wall clock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Agrees,
    /// The wall clock is ahead of us by so much (or behind, if negative), for so long.
    Differs {
        by: Span,
        lasting: Span,
    },
    /// It has stood for long enough to be taken over.
    Due {
        by: Span,
    },
}

/// The present, and the steps that led to it: a pair that belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub at: Time,
    pub total: Span,
}

impl Anchor {
    /// Believes the wall clock.
    pub const fn new(wall: Time, uptime: Span) -> Self {
        Self { told: wall, uptime, latest: wall, total: Span::ZERO, standing: None, forward: Vec::new() }
    }

    /// Goes on from what an earlier process of this database told. `since` is the time passed meanwhile, if this is
    /// known; then the wall clock is not asked. Otherwise it is believed, unless it lies in the past.
    pub fn resume(&mut self, told: Time, since: Option<Span>, total: Span, wall: Time, uptime: Span) {
        let now = since.map_or(wall.max(told), |passed| told + passed);
        *self = Self { total, ..Self::new(now, uptime) };
        if since.is_none() && wall > told {
            // The machine may have been off for so long, or begun with a wrong clock.
            self.forward.push((wall.since(told), uptime));
        }
    }

    /// What time it is.
    pub fn tell(&mut self, uptime: Span) -> Reading {
        let now = self.told + (uptime - self.uptime);
        self.latest = self.latest.max(now);
        Reading { at: self.latest, total: self.total }
    }

    /// The time as far as no step forward of the last day can have been wrong: what deletes asks for it.
    pub fn earliest(&mut self, uptime: Span) -> Time {
        self.forward.retain(|(_, at)| uptime - *at < DOUBTED);
        let doubted = self.forward.iter().fold(Span::ZERO, |sum, (by, _)| sum + *by);
        self.tell(uptime).at - doubted
    }

    /// Compares the wall clock with what is told; a step is due once it has stood for `after`.
    pub fn look(&mut self, wall: Time, uptime: Span, after: Span) -> Look {
        let now = self.told + (uptime - self.uptime);
        let by = wall.since(now);
        if by.abs() <= STEP {
            let most = Span::from_micros((uptime - self.uptime).micros() / SLEW);
            (self.told, self.uptime, self.standing) = (now + by.clamp(Span::ZERO - most, most), uptime, None);
            return Look::Agrees;
        }
        let standing = self.standing.filter(|standing| (by - standing.by).abs() <= STEP);
        let standing = *self.standing.insert(standing.unwrap_or(Standing { by, since: uptime }));
        let lasting = uptime - standing.since;
        if lasting < after { Look::Differs { by, lasting } } else { Look::Due { by } }
    }

    /// Takes a step over.
    pub fn adopt(&mut self, by: Span, uptime: Span) {
        let now = self.told + (uptime - self.uptime) + by;
        (self.told, self.uptime, self.latest) = (now, uptime, now);
        self.total = self.total + by;
        self.standing = None;
        if by > Span::ZERO {
            self.forward.push((by, uptime));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Time = Time::from_secs(1_790_000_000);
    const AFTER: Span = Span::from_secs(60);

    /// A wall clock with steps, looked at every quarter of a second. Gives what was told at the end against the true
    /// time, and the steps that were taken over.
    fn run(seconds: i64, error: impl Fn(i64) -> Span) -> (Span, Vec<Span>) {
        let mut anchor = Anchor::new(START + error(0), Span::ZERO);
        let (mut taken, mut before) = (Vec::new(), anchor.tell(Span::ZERO));
        for quarter in 0..=seconds * 4 {
            let uptime = Span::from_millis(quarter * 250);
            let wall = START + uptime + error(quarter / 4);
            if let Look::Due { by } = anchor.look(wall, uptime, AFTER) {
                anchor.adopt(by, uptime);
                taken.push(by);
            }
            let now = anchor.tell(uptime);
            assert!(now.at >= before.at || now.total != before.total, "it went back without a step");
            before = now;
        }
        (before.at.since(START + Span::from_secs(seconds)), taken)
    }

    const STEPS: [Span; 6] = [
        Span::from_hours(1),
        Span::from_hours(-1),
        Span::from_days(2),
        Span::from_days(-2),
        Span::from_days(40),
        Span::from_secs(-90),
    ];

    #[test]
    fn a_step_for_fifteen_seconds_is_never_told() {
        for step in STEPS {
            let error = |second| if (30..45).contains(&second) { step } else { Span::ZERO };
            assert_eq!(run(200, error), (Span::ZERO, Vec::new()), "{step}");
        }
    }

    #[test]
    fn a_step_that_stays_is_taken_over_after_a_minute_and_so_is_its_correction() {
        for step in STEPS {
            let error = |second| if second >= 30 { step } else { Span::ZERO };
            assert_eq!(run(89, error), (Span::ZERO, Vec::new()), "{step} before its minute is over");
            assert_eq!(run(91, error), (step, vec![step]));
            let corrected = |second| if (30..300).contains(&second) { step } else { Span::ZERO };
            assert_eq!(run(361, corrected), (Span::ZERO, vec![step, Span::ZERO - step]));
        }
    }

    #[test]
    fn a_clock_that_cannot_decide_is_not_followed() {
        let error = |second| if second / 20 % 2 == 0 { Span::ZERO } else { Span::from_hours(second / 20) };
        assert_eq!(run(600, error), (Span::ZERO, Vec::new()));
        let runs_away = |second| Span::from_secs(3 * second);
        assert_eq!(run(600, runs_away).1, Vec::new());
    }

    #[test]
    fn drift_is_made_up_for_without_a_step() {
        for drift in [Span::from_millis(900), Span::from_millis(-900)] {
            let error = |second| if second >= 10 { drift } else { Span::ZERO };
            let (off, taken) = run(120, error);
            assert!(taken.is_empty() && (off - drift).abs() <= Span::from_millis(1), "{drift}: {off}");
        }
    }

    #[test]
    fn what_deletes_does_not_believe_a_step_forward_for_a_day() {
        let mut anchor = Anchor::new(START, Span::ZERO);
        anchor.adopt(Span::from_days(40), Span::from_secs(60));
        let uptime = Span::from_hours(23);
        assert_eq!(anchor.earliest(uptime), START + uptime);
        let uptime = Span::from_hours(25);
        assert_eq!(anchor.earliest(uptime), START + uptime + Span::from_days(40));
    }

    #[test]
    fn a_restart_goes_on_from_what_was_told() {
        let (told, total, up) = (START, Span::from_hours(1), Span::from_secs(5));
        let resumed = |since, wall| {
            let mut anchor = Anchor::new(wall, up);
            anchor.resume(told, since, total, wall, up);
            (anchor.tell(up), anchor.earliest(up))
        };
        let at = |at| Reading { at, total };
        // The same boot: a wrong wall clock is not asked.
        for wrong in STEPS {
            let passed = Span::from_secs(30);
            assert_eq!(resumed(Some(passed), told + wrong), (at(told + passed), told + passed));
        }
        // Another boot: the wall clock is believed, but not that it went back.
        let (days, wall) = (Span::from_days(3), told + Span::from_days(3));
        assert_eq!(resumed(None, wall), (at(wall), wall - days));
        assert_eq!(resumed(None, told - days), (at(told), told));
    }

    proptest! {
        /// However the wall clock jumps, what is told never goes back but by a step that had stood for a minute.
        #[test]
        fn only_what_has_stood_is_followed(jumps in prop::collection::vec((1_i64..120, -200_000_i64..200_000), 0..12)) {
            let mut errors = Vec::new();
            for (seconds, error) in &jumps {
                errors.extend(std::iter::repeat_n(Span::from_secs(*error), *seconds as usize));
            }
            errors.push(Span::ZERO);
            let last = errors.len() as i64 - 1;
            let (_, taken) = run(last, |second| errors[second as usize]);
            // At most one step for each stretch that is long enough.
            prop_assert!(taken.len() <= errors.len() / 60);
        }
    }
}
