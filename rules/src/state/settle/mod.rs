//! Order: which message of a vehicle settles next, and which ones wait.
//!
//! A numbered message settles at once when nothing before it is missing. A gap makes its
//! successors wait, at most the lateness bound counted from the first waiting message and ended
//! only by a Timer, so that replay ends it at the same place. Unnumbered messages wait for their
//! own bound and settle by measured time. What fills a hole after the bound is late.
//!
//! Waiting and acknowledging are two things: `covered` (S of the committed acknowledgement) moves
//! only over numbers that arrived, were refused, or lie below the vehicle's `oldest`.

use serde::{Deserialize, Serialize};

use crate::list::{List, Queue};
use crate::reading::{Message, Sequence};
use crate::time::{Span, Time};

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
    /// Known already, and nothing was done. With `moves` its `oldest` would still move the position:
    /// the caller has to pass it on as a refused number, so that this is journalled like any input.
    Duplicate {
        moves: bool,
    },
    TooFarAhead,
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
}

/// One numbering of a vehicle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stream {
    id: u64,
    /// S: every number up to here has been dealt with.
    covered: u64,
    /// Ranges of numbers above `covered` that have been dealt with; sorted, apart.
    ahead: List<(u64, u64)>,
    /// Newest number whose turn has come.
    settled: u64,
}

impl Stream {
    /// The first S is `oldest` - 1, else the number before the first one heard.
    fn starting_at(sequence: Sequence) -> Self {
        let first = sequence.oldest.unwrap_or(sequence.seq).min(sequence.seq);
        let covered = first.saturating_sub(1);
        Self { id: sequence.stream, covered, ahead: List::new(), settled: covered }
    }

    fn knows(&self, seq: u64) -> bool {
        seq <= self.covered || self.ahead.iter().any(|&(from, to)| (from..=to).contains(&seq))
    }

    /// Whether everything between the newest settled number and `seq` has been dealt with.
    fn next_is(&self, seq: u64) -> bool {
        let (first, last) = (self.settled.saturating_add(1), seq.saturating_sub(1));
        last < first || last <= self.covered || self.ahead.iter().any(|&(from, to)| from <= first && last <= to)
    }

    fn cover(&mut self, seq: u64) {
        if self.knows(seq) {
            return;
        }
        if self.covered.checked_add(1) == Some(seq) {
            self.covered = seq;
            self.absorb();
            return;
        }
        let place = self.ahead.partition_point(|&(from, _)| from < seq);
        self.ahead.insert(place, (seq, seq));
        if place + 1 < self.ahead.len() && self.ahead[place + 1].0 == seq + 1 {
            self.ahead[place].1 = self.ahead[place + 1].1;
            self.ahead.remove(place + 1);
        }
        if place > 0 && self.ahead[place - 1].1 + 1 == seq {
            self.ahead[place - 1].1 = self.ahead[place].1;
            self.ahead.remove(place);
        }
        self.absorb();
    }

    /// Numbers below `oldest` are lost by definition.
    fn forget_below(&mut self, oldest: Option<u64>) {
        let floor = oldest.unwrap_or(0).saturating_sub(1);
        if floor <= self.covered {
            return;
        }
        self.covered = floor;
        self.ahead.retain(|&(_, to)| to > floor);
        if let Some(first) = self.ahead.first_mut() {
            first.0 = first.0.max(floor + 1);
        }
        self.absorb();
    }

    fn absorb(&mut self) {
        while self.ahead.first().is_some_and(|&(from, _)| from <= self.covered + 1) {
            self.covered = self.covered.max(self.ahead.remove(0).1);
        }
    }
}

impl Order {
    /// Takes a message in and appends everything whose turn has come to `ready`.
    pub fn arrive(&mut self, message: Message, bounds: &Bounds, ready: &mut Vec<Settled>) -> Arrival {
        let Some(sequence) = message.sequence else { return self.arrive_unsequenced(message, bounds, ready) };
        if let Some(past) = self.past.iter_mut().find(|past| past.id == sequence.stream) {
            if past.knows(sequence.seq) {
                return Arrival::Duplicate { moves: false };
            }
            past.cover(sequence.seq);
            ready.push(Settled { message, passed: true });
            return Arrival::Taken;
        }
        let known = self.stream.as_ref().is_some_and(|stream| stream.id == sequence.stream);
        let (covered, duplicate) = match &self.stream {
            Some(stream) if known => (stream.covered, stream.knows(sequence.seq)),
            _ => (Stream::starting_at(sequence).covered, false),
        };
        let floor = covered.max(sequence.oldest.unwrap_or(0).saturating_sub(1));
        if duplicate {
            return Arrival::Duplicate { moves: floor > covered };
        }
        if sequence.seq > floor.saturating_add(FARTHEST_AHEAD) {
            return Arrival::TooFarAhead;
        }
        self.stream_of(sequence, ready).forget_below(sequence.oldest);
        let none_waits = self.waiting.is_empty();
        let stream = self.stream_of(sequence, ready);
        stream.cover(sequence.seq);
        if sequence.seq <= stream.settled {
            ready.push(Settled { message, passed: true });
        } else if none_waits && stream.next_is(sequence.seq) {
            stream.settled = sequence.seq;
            ready.push(Settled { message, passed: false });
        } else {
            let place = self.waiting.partition_point(|other| number(other) < sequence.seq);
            self.waiting.insert(place, message);
        }
        self.release(ready);
        while self.waiting.len() > bounds.waiting_max {
            self.pass_gap(ready);
        }
        Arrival::Taken
    }

    /// Counts a refused message's number as dealt with.
    pub fn refuse(&mut self, sequence: Sequence, ready: &mut Vec<Settled>) {
        if let Some(past) = self.past.iter_mut().find(|past| past.id == sequence.stream) {
            past.cover(sequence.seq);
            return;
        }
        let stream = self.stream_of(sequence, ready);
        stream.forget_below(sequence.oldest);
        if sequence.seq <= stream.covered.saturating_add(FARTHEST_AHEAD) {
            stream.cover(sequence.seq);
        }
        self.release(ready);
    }

    /// Ends the waits that are over at `at`.
    pub fn expire(&mut self, at: Time, bounds: &Bounds, ready: &mut Vec<Settled>) {
        let over = |message: &Message, bound: Span| message.received_at + bound <= at;
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
    }

    /// When a wait ends, if anything waits.
    pub fn wake(&self, bounds: &Bounds) -> Option<Time> {
        let first = |queue: &Queue<Message>| queue.iter().map(|message| message.received_at).min();
        let numbered = first(&self.waiting).map(|at| at + bounds.lateness);
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

    /// Stream and S for the committed acknowledgement; `None` for vehicles without numbers.
    pub fn position(&self) -> Option<(u64, u64)> {
        self.stream.as_ref().map(|stream| (stream.id, stream.covered))
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

    /// The stream of `sequence`; a new one ends the old one's gaps, which are lost by definition.
    fn stream_of(&mut self, sequence: Sequence, ready: &mut Vec<Settled>) -> &mut Stream {
        if self.stream.as_ref().is_some_and(|stream| stream.id != sequence.stream) {
            ready.extend(self.waiting.take_all().into_iter().map(in_turn));
            if self.past.len() == PAST_STREAMS {
                self.past.remove(0);
            }
            if let Some(before) = self.stream.take() {
                self.past.push(before);
            }
        }
        self.stream.get_or_insert_with(|| Stream::starting_at(sequence))
    }

    /// Moves the waiting messages that follow without a gap to the ready ones.
    fn release(&mut self, ready: &mut Vec<Settled>) {
        let Some(stream) = &mut self.stream else { return };
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
