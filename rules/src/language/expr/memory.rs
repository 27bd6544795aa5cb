//! What an expression remembers from step to step: how long, since when, and what came before what.

use super::cell::{Cell, Hold};
use super::view::View;
use crate::unit::{Span, Time};

/// One stateful function of a program, with the cell it owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    Held(Hold),
    /// Seconds since the condition held last.
    Since {
        cell: u16,
    },
    Sequence(Sequence),
}

/// Two conditions, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    pub cell: u16,
    pub within: Span,
    pub asks: Asks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// True at the step at which the second comes.
    Then,
    /// True once the time is over without the second, until it comes.
    NotFollowed,
}

impl Memory {
    pub const fn cell(self) -> u16 {
        match self {
            Self::Held(hold) => hold.cell,
            Self::Since { cell } => cell,
            Self::Sequence(sequence) => sequence.cell,
        }
    }

    /// How many conditions it looks at.
    pub const fn parts(self) -> usize {
        match self {
            Self::Held(_) | Self::Since { .. } => 1,
            Self::Sequence(_) => 2,
        }
    }

    /// Takes its conditions at a step into its cell and answers; for a Timer, which is no step, it
    /// only answers.
    pub fn apply(self, [first, second]: [f64; 2], view: &View<'_>, cells: &mut [Cell]) -> f64 {
        let Some(cell) = cells.get_mut(usize::from(self.cell())) else { return f64::NAN };
        let is_step = view.now <= view.newest;
        match self {
            Self::Held(hold) if is_step => hold.step(cell, first, view.now),
            Self::Held(hold) => hold.judge(cell, first, view.newest),
            Self::Since { .. } => {
                if is_step {
                    cell.note(first == 1.0, view.now);
                }
                since(cell, first, view.now)
            }
            Self::Sequence(sequence) => match (sequence.asks, is_step) {
                (Asks::Then, true) => sequence.then(cell, first, second, view.now),
                (Asks::Then, false) => 0.0,
                (Asks::NotFollowed, true) => sequence.not_followed(cell, first, second, view.now),
                (Asks::NotFollowed, false) => sequence.over(cell, view.now),
            },
        }
    }
}

fn since(cell: &Cell, condition: f64, now: Time) -> f64 {
    match cell.holds_since() {
        Some(_) if condition.is_nan() => f64::NAN,
        Some(last) => now.since(last).secs_f64(),
        None => f64::NAN,
    }
}

impl Sequence {
    fn then(self, cell: &mut Cell, first: f64, second: f64, now: Time) -> f64 {
        let waiting = cell.holds_since().is_some_and(|since| since < now && now.since(since) <= self.within);
        let answer = match (waiting, second) {
            (true, second) if second.is_nan() => f64::NAN,
            (true, 1.0) => {
                // Each first is followed once.
                *cell = Cell::EMPTY;
                1.0
            }
            _ => 0.0,
        };
        cell.note(first == 1.0, now);
        answer
    }

    fn not_followed(self, cell: &mut Cell, first: f64, second: f64, now: Time) -> f64 {
        if second == 1.0 {
            *cell = Cell::EMPTY;
            return 0.0;
        }
        let waits = cell.holds_since().is_some();
        if waits && second.is_nan() {
            cell.doubt();
        } else if !waits {
            // A first that goes on does not begin anew.
            cell.note(first == 1.0, now);
        }
        self.over(cell, now)
    }

    /// Whether the time is over without the second; unknown if it could not be seen at every step.
    fn over(self, cell: &Cell, now: Time) -> f64 {
        match cell.holds_since() {
            Some(since) if now.since(since) >= self.within => {
                if cell.is_unsure() {
                    f64::NAN
                } else {
                    1.0
                }
            }
            _ => 0.0,
        }
    }

    /// When the time will be over, if it runs.
    pub fn deadline(self, cell: &Cell) -> Option<Time> {
        cell.holds_since().filter(|_| self.asks == Asks::NotFollowed).map(|since| since + self.within)
    }
}
