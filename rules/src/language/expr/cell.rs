//! What an expression remembers from step to step, one cell per `held`.

use serde::{Deserialize, Serialize};

use crate::unit::{Span, Time};

/// State of one stateful function, kept by the vehicle per rule and version.
///
/// Every vehicle has dozens, so the flags share a word with a time: micros since 1970 need 55 bits
/// until the year 2500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Since when the condition has held without a break.
    since: Time,
    /// Micros of the last step at which it was looked at, shifted left, and the flags.
    last: i64,
}

impl Cell {
    /// Before the first step.
    pub const EMPTY: Self = Self { since: Time::from_micros(0), last: 0 };

    /// Bits that the flags take.
    const FLAGS: u32 = 3;

    const fn flags(self) -> i64 {
        self.last & ((1 << Self::FLAGS) - 1)
    }

    const fn last(self) -> Time {
        Time::from_micros(self.last >> Self::FLAGS)
    }

    const fn look(&mut self, at: Time, flags: i64) {
        self.last = at.micros() << Self::FLAGS | flags;
    }

    /// The condition held at the last step.
    const HOLDS: i64 = 1;
    /// Nothing certain is known from before `since`: no false was seen, or there was a gap.
    const UNSURE: i64 = 2;
    /// There was a step before.
    const SEEN: i64 = 4;

    /// Notes an event, if it came.
    pub(super) const fn note(&mut self, came: bool, now: Time) {
        if came {
            self.since = now;
            self.look(now, Self::SEEN | Self::HOLDS);
        }
    }

    pub(super) const fn doubt(&mut self) {
        self.last |= Self::UNSURE;
    }

    pub(super) const fn is_unsure(&self) -> bool {
        self.flags() & Self::UNSURE != 0
    }

    /// Moves what is remembered by a step of the clock.
    pub(crate) const fn move_by(&mut self, by: Span) {
        if self.flags() != 0 {
            self.since = self.since.stepped(by);
            self.look(self.last().stepped(by), self.flags());
        }
    }

    /// Since when the condition holds, or when the event came, if so.
    pub const fn holds_since(&self) -> Option<Time> {
        if self.flags() & Self::HOLDS != 0 { Some(self.since) } else { None }
    }
}

impl Default for Cell {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// How `held` judges its condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub cell: u16,
    pub span: Span,
    /// Longest time between two steps over which the condition may be taken to hold.
    pub gap: Span,
}

impl Hold {
    /// Takes the condition at one step into the cell and says whether it has held long enough.
    pub fn step(self, cell: &mut Cell, condition: f64, now: Time) -> f64 {
        let gap = cell.flags() == 0 || now.since(cell.last()) > self.gap;
        let surely_false = cell.flags() == Cell::SEEN && !gap;
        let goes_on = cell.flags() & Cell::HOLDS != 0 && !gap;
        if condition.is_nan() {
            cell.look(now, Cell::SEEN | Cell::UNSURE);
        } else if condition == 0.0 {
            cell.look(now, Cell::SEEN);
        } else if goes_on {
            cell.look(now, cell.flags());
        } else {
            cell.since = now;
            cell.look(now, Cell::SEEN | Cell::HOLDS | if surely_false { 0 } else { Cell::UNSURE });
        }
        self.judge(cell, condition, now)
    }

    /// The verdict from a cell as it is; what a Timer asks for, because time alone is no step.
    pub fn judge(self, cell: &Cell, condition: f64, now: Time) -> f64 {
        if condition.is_nan() || condition == 0.0 {
            return condition;
        }
        let Some(since) = cell.holds_since() else { return f64::NAN };
        if now.since(since) >= self.span {
            1.0
        } else if cell.flags() & Cell::UNSURE != 0 {
            f64::NAN
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::expr::Tri;

    const HOLD: Hold = Hold { cell: 0, span: Span::from_secs(10), gap: Span::from_secs(5) };

    /// Steps as (second, condition); verdicts as `T`, `F`, `U`.
    fn verdicts(steps: &[(i64, Tri)]) -> String {
        let mut cell = Cell::EMPTY;
        let step = |(at, condition): &(i64, Tri)| HOLD.step(&mut cell, condition.number(), Time::from_secs(*at));
        let letters = steps.iter().map(step).map(|value| match Tri::of_number(value) {
            Tri::True => 'T',
            Tri::False => 'F',
            Tri::Unknown => 'U',
        });
        letters.collect()
    }

    const T: Tri = Tri::True;
    const F: Tri = Tri::False;
    const U: Tri = Tri::Unknown;

    #[test]
    fn holds_after_its_span_of_true_steps() {
        assert_eq!(verdicts(&[(0, F), (4, T), (8, T), (12, T), (14, T), (18, T), (19, F)]), "FFFFTTF");
    }

    #[test]
    fn is_unknown_until_the_first_run_is_long_enough() {
        assert_eq!(verdicts(&[(0, T), (5, T), (9, T), (10, T)]), "UUUT");
    }

    #[test]
    fn starts_again_unknown_after_a_gap() {
        assert_eq!(verdicts(&[(0, F), (1, T), (5, T), (11, T), (15, T), (20, T), (21, T)]), "FFFUUUT");
        assert_eq!(verdicts(&[(0, F), (60, T), (65, T), (70, T)]), "FUUT");
    }

    #[test]
    fn is_clear_again_as_soon_as_false_is_seen() {
        assert_eq!(verdicts(&[(0, T), (60, T), (61, F), (62, T)]), "UUFF");
    }

    #[test]
    fn an_unknown_condition_breaks_the_run() {
        assert_eq!(verdicts(&[(0, F), (1, T), (5, T), (6, U), (8, T), (12, T), (16, T), (18, T)]), "FFFUUUUT");
    }
}
