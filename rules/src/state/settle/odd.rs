//! Numbers in a row that are not what their vehicle should send next: three of them make a numbering of its own.

use serde::{Deserialize, Serialize};

use super::FARTHEST_AHEAD;
use crate::unit::{Span, Time};
use crate::vehicle::Sequence;

/// The third in a row is believed.
const ENOUGH: u8 = 3;
/// Messages that are measured no further apart may arrive at once.
const TOGETHER: Span = Span::from_secs(2);

/// Boxed, because few vehicles have some.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Odd(Option<Box<Run>>);

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    stream: u64,
    kind: Kind,
    first: u64,
    last: u64,
    count: u8,
    /// Of the first one.
    received_at: Time,
    measured_at: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    /// Known, but not what was taken.
    Stray,
    /// Too far ahead.
    Beyond,
}

impl Odd {
    pub fn forget(&mut self) {
        self.0 = None;
    }

    /// Moves the reception of the first one by a step of the clock.
    pub fn move_by(&mut self, by: Span) {
        if let Some(run) = &mut self.0 {
            run.received_at = run.received_at.stepped(by);
        }
    }

    pub fn note_stray(&mut self, sequence: Sequence, received_at: Time, measured_at: Option<Time>) {
        self.note(Kind::Stray, sequence, received_at, measured_at);
    }

    pub fn note_beyond(&mut self, sequence: Sequence, received_at: Time) {
        self.note(Kind::Beyond, sequence, received_at, None);
    }

    /// Whether this is the third stray, and they come about as slowly as they are measured: then they are of now,
    /// whatever their clock shows, and no backlog.
    pub fn is_third_stray(&self, sequence: Sequence, received_at: Time, measured_at: Option<Time>) -> bool {
        self.run_before(Kind::Stray, sequence).is_some_and(|run| {
            let (Some(from), Some(to)) = (run.measured_at, measured_at) else { return false };
            let took = received_at.since(run.received_at).micros();
            to.since(from).micros() <= took.saturating_mul(2).saturating_add(TOGETHER.micros())
        })
    }

    /// If this is the third number in a row beyond the farthest one: the first of them.
    pub fn first_of_three_beyond(&self, sequence: Sequence) -> Option<u64> {
        self.run_before(Kind::Beyond, sequence).map(|run| run.first)
    }

    fn run_before(&self, kind: Kind, sequence: Sequence) -> Option<&Run> {
        self.0.as_deref().filter(|run| run.count + 1 >= ENOUGH && run.goes_on(kind, sequence))
    }

    fn note(&mut self, kind: Kind, sequence: Sequence, received_at: Time, measured_at: Option<Time>) {
        let Sequence { stream, seq, .. } = sequence;
        match self.0.as_deref_mut().filter(|run| run.goes_on(kind, sequence)) {
            Some(run) => (run.last, run.count) = (seq, (run.count + 1).min(ENOUGH)),
            None => {
                self.0 =
                    Some(Box::new(Run { stream, kind, first: seq, last: seq, count: 1, received_at, measured_at }));
            }
        }
    }
}

impl Run {
    /// Whether a number follows; one that waits to be acknowledged is sent again.
    fn goes_on(&self, kind: Kind, sequence: Sequence) -> bool {
        let step = sequence.seq.checked_sub(self.last);
        self.kind == kind && self.stream == sequence.stream && step.is_some_and(|step| step <= FARTHEST_AHEAD)
    }
}
