//! Order: which message of a vehicle settles next, and which ones wait.
//!
//! A numbered message settles at once when nothing before it is missing. A gap makes its
//! successors wait, at most the lateness bound counted from the first waiting message and ended
//! only by a Timer, so that replay ends it at the same place. Unnumbered messages wait for their
//! own bound and settle by measured time. What fills a hole after the bound is late.
//!
//! Waiting and acknowledging are two things: `covered` (S of the committed acknowledgement) moves
//! only over numbers that arrived, were refused, or lie below the vehicle's `oldest`.

mod odd;
mod stream;
mod taken;

use serde::{Deserialize, Serialize};

use self::odd::Odd;
use self::stream::Stream;
use self::taken::{Mark, Recognition};
use crate::compact::{List, Queue};
use crate::unit::{Span, Time};
use crate::vehicle::{Message, Reason, Refused, Sequence};

/// How long and how much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Of numbered messages behind a gap; 0 to 10 min.
    pub lateness: Span,
    /// Of messages without numbers.
    pub unsequenced: Span,
    /// Most messages that wait per vehicle; more end the oldest gap early.
    pub waiting_max: usize,
    /// How far a vehicle's clock may be off without being corrected.
    pub skew: Span,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            lateness: Span::from_secs(120),
            unsequenced: Span::from_secs(10),
            waiting_max: 2_048,
            skew: Span::from_mins(5),
        }
    }
}

/// A number this far above the position is refused: it would cost unbounded memory to remember.
pub const FARTHEST_AHEAD: u64 = 65_536;

/// Hashes of unnumbered messages remembered against duplicates.
const RECENT: usize = 64;

/// Older streams remembered against duplicates of their stragglers.
const PAST_STREAMS: usize = 4;

/// What became of an arriving message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Taken into the order; it settles now or later.
    Taken,
    /// Known already, and nothing was done. With `moves` its `oldest` would still move the position.
    Duplicate {
        moves: bool,
    },
    /// Taken, and the vehicle numbers its messages from here again.
    Renumbered,
    TooFarAhead,
}

impl Arrival {
    /// Whether the message was taken, and so belongs into the journal.
    pub const fn is_taken(self) -> bool {
        matches!(self, Self::Taken | Self::Renumbered)
    }

    /// Why its number has to be passed on as refused, so that replay knows as much.
    pub const fn counts_as_refused(self) -> Option<Reason> {
        match self {
            Self::Duplicate { moves: true } => Some(Reason::Duplicate),
            Self::TooFarAhead => Some(Reason::TooFarAhead),
            Self::Taken | Self::Renumbered | Self::Duplicate { moves: false } => None,
        }
    }
}

/// A message whose turn it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    pub message: Message,
    /// Its place in the order had been passed: stored, but changes nothing.
    pub passed: bool,
}

/// The order of one vehicle's messages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Order {
    stream: Option<Stream>,
    past: List<Stream>,
    /// Messages behind a gap, by number.
    waiting: Queue<Message>,
    /// Messages without numbers, by measured time.
    unsequenced: Queue<Message>,
    recent: Queue<u64>,
    /// Numbers in a row that do not fit; boxed, because few vehicles have some.
    odd: Odd,
}

impl Order {
    /// Takes a message in and appends everything whose turn has come to `ready`.
    pub fn arrive(&mut self, message: Message, bounds: &Bounds, ready: &mut Vec<Settled>) -> Arrival {
        let Some(sequence) = message.sequence else { return self.arrive_unsequenced(message, bounds, ready) };
        let mark = Mark::of(&message, sequence.seq);
        if let Some(place) = self.past.iter().position(|past| past.id == sequence.stream) {
            let past = &self.past[place];
            match past.knows(sequence.seq).then(|| past.taken.recognise(&mark)) {
                Some(Recognition::Repeat) => return Arrival::Duplicate { moves: false },
                Some(Recognition::Reused) => {}
                _ => return self.keep_straggler(place, message, &mark, ready),
            }
            // Back to a numbering of long ago, and from its beginning.
            self.begin_again(sequence, sequence.seq, message.received_at, ready);
            return self.enter(message, &mark, bounds, ready, Arrival::Renumbered);
        }
        let mut arrival = Arrival::Taken;
        if let Some(stream) = self.stream.as_ref().filter(|stream| stream.id == sequence.stream) {
            let below = |oldest: Option<u64>| oldest.unwrap_or(0).saturating_sub(1);
            let floor = stream.covered.max(below(sequence.oldest));
            if stream.knows(sequence.seq) {
                match stream.recognise(&mark) {
                    Recognition::Repeat => return Arrival::Duplicate { moves: floor > stream.covered },
                    Recognition::Reused => {}
                    Recognition::Unclear if self.odd.is_third_stray(sequence, message.received_at, mark.at) => {}
                    Recognition::Unclear => return self.keep_stray(message, &mark, ready),
                }
                self.begin_again(sequence, sequence.seq, message.received_at, ready);
                arrival = Arrival::Renumbered;
            } else if sequence.seq > floor.saturating_add(FARTHEST_AHEAD) && !stream.reaches_far() {
                let Some(first) = self.odd.first_of_three_beyond(sequence) else { return Arrival::TooFarAhead };
                self.begin_again(sequence, first, message.received_at, ready);
                arrival = Arrival::Renumbered;
            }
        }
        self.enter(message, &mark, bounds, ready, arrival)
    }

    /// Takes in a message with a new number of the current stream, or of one that becomes it.
    fn enter(
        &mut self,
        message: Message,
        mark: &Mark,
        bounds: &Bounds,
        ready: &mut Vec<Settled>,
        arrival: Arrival,
    ) -> Arrival {
        let Some(sequence) = message.sequence else { return arrival };
        self.odd.forget();
        self.make_current(sequence, message.received_at, bounds, ready);
        let Some(stream) = &mut self.stream else { return arrival };
        stream.forget_below(sequence.oldest);
        if stream.is_opening() && sequence.seq < stream.lowest() {
            let began = self.waiting.iter().map(|other| other.received_at).min().unwrap_or(message.received_at);
            stream.opening = (message.received_at + bounds.unsequenced).min(began + bounds.lateness);
        }
        stream.cover(sequence.seq);
        stream.taken.record(mark);
        let is_next = self.waiting.is_empty() && !stream.is_opening() && stream.next_is(sequence.seq);
        if sequence.seq <= stream.settled {
            ready.push(Settled { message, passed: true });
        } else if is_next {
            stream.settled = sequence.seq;
            ready.push(in_turn(message));
        } else {
            let place = self.waiting.partition_point(|other| number(other) < sequence.seq);
            self.waiting.insert(place, message);
        }
        self.release(ready);
        while self.waiting.len() > bounds.waiting_max {
            self.open();
            self.pass_gap(ready);
        }
        arrival
    }

    /// A straggler of an older stream: kept, and late.
    fn keep_straggler(&mut self, place: usize, message: Message, mark: &Mark, ready: &mut Vec<Settled>) -> Arrival {
        let past = &mut self.past[place];
        past.cover(mark.number);
        past.taken.record(mark);
        ready.push(Settled { message, passed: true });
        Arrival::Taken
    }

    /// A known number with what was not taken under it: kept, and late.
    fn keep_stray(&mut self, message: Message, mark: &Mark, ready: &mut Vec<Settled>) -> Arrival {
        if let Some(sequence) = message.sequence {
            self.odd.note_stray(sequence, message.received_at, mark.at);
        }
        ready.push(Settled { message, passed: true });
        Arrival::Taken
    }

    /// Counts a refused message's number as dealt with.
    pub fn refuse(&mut self, refused: &Refused, bounds: &Bounds, ready: &mut Vec<Settled>) {
        let (sequence, received_at) = (refused.sequence, refused.received_at);
        if refused.reason == Reason::TooFarAhead {
            self.odd.note_beyond(sequence, received_at);
            return;
        }
        if let Some(past) = self.past.iter_mut().find(|past| past.id == sequence.stream) {
            past.cover(sequence.seq);
            return;
        }
        self.make_current(sequence, received_at, bounds, ready);
        let Some(stream) = &mut self.stream else { return };
        stream.forget_below(sequence.oldest);
        let reaches = stream.reaches_far() || sequence.seq <= stream.covered.saturating_add(FARTHEST_AHEAD);
        if reaches {
            stream.cover(sequence.seq);
        }
        self.release(ready);
    }

    /// Forgets the stream's numbers: `first` is the lowest of those that are to come. What waits settles before.
    fn begin_again(&mut self, sequence: Sequence, first: u64, received_at: Time, ready: &mut Vec<Settled>) {
        ready.extend(self.waiting.take_all().into_iter().map(in_turn));
        self.retire(sequence.stream);
        self.past.retain(|past| past.id != sequence.stream);
        let near = |oldest: &u64| first.saturating_sub(*oldest) <= FARTHEST_AHEAD;
        let oldest = Some(sequence.oldest.filter(near).unwrap_or(first).min(first));
        self.stream = Some(Stream::starting_at(Sequence { oldest, ..sequence }, received_at));
    }

    /// Puts the current stream among the past ones, unless it is this one.
    fn retire(&mut self, id: u64) {
        let Some(mut before) = self.stream.take_if(|stream| stream.id != id) else { return };
        before.open(None);
        if self.past.len() == PAST_STREAMS {
            self.past.remove(0);
        }
        self.past.push(before);
    }

    /// The rules read messages otherwise from now on: the same bytes may have another content.
    pub fn forget_contents(&mut self) {
        self.stream.iter_mut().chain(self.past.iter_mut()).for_each(|stream| stream.taken.forget_contents());
    }

    /// Ends the waits that are over at `at`.
    pub fn expire(&mut self, at: Time, bounds: &Bounds, ready: &mut Vec<Settled>) {
        let over = |message: &Message, bound: Span| message.received_at + bound <= at;
        if self.stream.as_ref().is_some_and(|stream| stream.is_opening() && stream.opening <= at) {
            self.open();
            self.release(ready);
        }
        while self.waiting.iter().any(|message| over(message, bounds.lateness)) {
            self.pass_gap(ready);
        }
        // Everything measured before a message whose wait is over has had its chance too.
        if let Some(last) = self.unsequenced.iter().rposition(|message| over(message, bounds.unsequenced)) {
            ready.extend(self.unsequenced.take(0..=last).into_iter().map(in_turn));
        }
    }

    /// Moves the receptions of what waits by a step of the clock: it waits no longer and no shorter for it.
    pub fn move_by(&mut self, by: Span) {
        for message in self.waiting.iter_mut().chain(self.unsequenced.iter_mut()) {
            message.received_at = message.received_at.stepped(by);
        }
        if let Some(stream) = &mut self.stream {
            stream.opening = stream.opening.stepped(by);
        }
        self.odd.move_by(by);
    }

    /// When a wait ends, if anything waits.
    pub fn wake(&self, bounds: &Bounds) -> Option<Time> {
        let first = |queue: &Queue<Message>| queue.iter().map(|message| message.received_at).min();
        let opening = self.stream.as_ref().filter(|stream| stream.is_opening()).map(|stream| stream.opening);
        let numbered = opening.or_else(|| first(&self.waiting).map(|at| at + bounds.lateness));
        let unnumbered = first(&self.unsequenced).map(|at| at + bounds.unsequenced);
        numbered.into_iter().chain(unnumbered).min()
    }

    /// Waiting messages in the order in which they would settle, for the peek.
    pub fn waiting(&self) -> impl Iterator<Item = &Message> {
        self.waiting.iter().chain(&self.unsequenced)
    }

    pub fn waiting_count(&self) -> usize {
        self.waiting.len() + self.unsequenced.len()
    }

    /// Stream and S for the committed acknowledgement; `None` for vehicles without numbers, and while lower ones may come.
    pub fn position(&self) -> Option<(u64, u64)> {
        self.stream.as_ref().filter(|stream| !stream.is_opening()).map(|stream| (stream.id, stream.covered))
    }

    fn arrive_unsequenced(&mut self, message: Message, bounds: &Bounds, ready: &mut Vec<Settled>) -> Arrival {
        if self.recent.iter().any(|hash| *hash == message.hash) {
            return Arrival::Duplicate { moves: false };
        }
        self.recent.push_back(message.hash);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        let place = self.unsequenced.partition_point(|other| first_measured(other) <= first_measured(&message));
        self.unsequenced.insert(place, message);
        while self.unsequenced.len() > bounds.waiting_max {
            ready.extend(self.unsequenced.pop_front().map(in_turn));
        }
        Arrival::Taken
    }

    /// Makes the stream of `sequence` the current one; a new one ends the old one's gaps, which are lost by definition.
    fn make_current(&mut self, sequence: Sequence, received_at: Time, bounds: &Bounds, ready: &mut Vec<Settled>) {
        if self.stream.as_ref().is_some_and(|stream| stream.id != sequence.stream) {
            ready.extend(self.waiting.take_all().into_iter().map(in_turn));
            self.retire(sequence.stream);
        }
        let wait = bounds.unsequenced.min(bounds.lateness);
        let may_begin_lower = sequence.oldest.is_none() && sequence.seq > 1 && wait > Span::ZERO;
        self.stream.get_or_insert_with(|| {
            if may_begin_lower {
                Stream::opening_until(sequence, received_at, received_at + wait)
            } else {
                Stream::starting_at(sequence, received_at)
            }
        });
    }

    /// Nothing lower is waited for any longer.
    fn open(&mut self) {
        if let Some(stream) = self.stream.as_mut().filter(|stream| stream.is_opening()) {
            stream.open(None);
        }
    }

    /// Moves the waiting messages that follow without a gap to the ready ones.
    fn release(&mut self, ready: &mut Vec<Settled>) {
        let Some(stream) = self.stream.as_mut().filter(|stream| !stream.is_opening()) else { return };
        while let Some(front) = self.waiting.front().map(number) {
            if !stream.next_is(front) {
                return;
            }
            stream.settled = front;
            ready.extend(self.waiting.pop_front().map(in_turn));
        }
        // Without anything waiting, numbers lost by definition or refused are passed as well.
        stream.settled = stream.settled.max(stream.covered);
    }

    /// Gives the first gap up: its numbers, should they still come, will be late.
    fn pass_gap(&mut self, ready: &mut Vec<Settled>) {
        if let Some(message) = self.waiting.pop_front() {
            if let Some(stream) = &mut self.stream {
                stream.settled = number(&message);
            }
            ready.push(in_turn(message));
            self.release(ready);
        }
    }
}

fn in_turn(message: Message) -> Settled {
    Settled { message, passed: false }
}

fn number(message: &Message) -> u64 {
    message.sequence.map_or(0, |sequence| sequence.seq)
}

fn first_measured(message: &Message) -> Time {
    message.samples.first().map_or(Time::NEVER, |sample| sample.measured_at)
}

#[cfg(test)]
mod tests;

/// Readings older than this put a vehicle into back-fill.
pub const BACKFILL_AGE: Span = Span::from_mins(10);
