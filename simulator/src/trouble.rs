//! Bad deliveries: every way in which messages of a sound vehicle reach us wrongly, seeded.
//!
//! | key | amount | what happens |
//! |--|--|--|
//! | `late` | share, `:` longest | that share arrives later than its successors |
//! | `doubled` | share | that share arrives twice |
//! | `shuffled` | bound | every message is delayed by chance, at most by the bound |
//! | `skewed` | span | the vehicle's clock runs ahead by up to the span, or behind |
//! | `corrupt` | share | bytes of the payload are overwritten |
//! | `backlog` | span | once a week the vehicle is offline that long, then sends it all |
//! | `spikes` | share | that share of readings is far off for one sample |
//! | `lost-store` | share | the vehicle forgets its outbox and begins a new stream |
//! | `hole` | share | a number is used up and never sent |
//!
//! [`Defects`] happen inside a vehicle, before its outbox; [`Disorder`] on the way. [`Troubled`]
//! applies both to a sequence of deliveries that nobody acknowledges.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rules::time::{Span, Time};

use crate::delivery::{Delivery, Payload};
use crate::frame::{Frame, Value};
use crate::random::{Purpose, bounded, stream};

/// Which troubles, and how much of each. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Troubles {
    pub late: f64,
    pub late_by: Span,
    pub doubled: f64,
    pub shuffled: Span,
    pub skewed: Span,
    pub corrupt: f64,
    pub backlog: Span,
    pub spikes: f64,
    pub lost_store: f64,
    pub hole: f64,
}

/// Why a text does not describe troubles.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TroublesError {
    #[error("`{0}` is not key=amount")]
    Form(String),
    #[error(
        "there is no trouble `{0}`; there are late, doubled, shuffled, skewed, corrupt, backlog, spikes, lost-store, hole"
    )]
    Unknown(String),
    #[error("`{0}` is not an amount of {1}")]
    Amount(String, &'static str),
}

impl Troubles {
    /// Reads `late=0.05:10m,doubled=0.05,shuffled=120s`.
    pub fn parse(text: &str) -> Result<Self, TroublesError> {
        let mut troubles = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, amount) = part.split_once('=').ok_or_else(|| TroublesError::Form(part.to_owned()))?;
            match key {
                "late" => {
                    let (portion, longest) = amount.split_once(':').unwrap_or((amount, "10m"));
                    troubles.late = share(portion)?;
                    troubles.late_by = span(longest)?;
                }
                "doubled" => troubles.doubled = share(amount)?,
                "shuffled" => troubles.shuffled = span(amount)?,
                "skewed" => troubles.skewed = span(amount)?,
                "corrupt" => troubles.corrupt = share(amount)?,
                "backlog" => troubles.backlog = span(amount)?,
                "spikes" => troubles.spikes = share(amount)?,
                "lost-store" => troubles.lost_store = share(amount)?,
                "hole" => troubles.hole = share(amount)?,
                other => return Err(TroublesError::Unknown(other.to_owned())),
            }
        }
        Ok(troubles)
    }

    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

fn share(text: &str) -> Result<f64, TroublesError> {
    let wrong = || TroublesError::Amount(text.to_owned(), "a share from 0 to 1");
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(wrong)
}

fn span(text: &str) -> Result<Span, TroublesError> {
    Span::parse(text).map_err(|_| TroublesError::Amount(text.to_owned(), "time, as in \"10m\""))
}

/// What becomes of one message inside the vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Sound,
    /// Its bytes in the store are damaged.
    Corrupt,
    /// It is gone, its number with it.
    Hole,
    /// The whole store is gone, and this message begins a new stream.
    LostStore,
}

/// What is wrong inside one vehicle.
#[derive(Clone, Debug)]
pub struct Defects {
    troubles: Troubles,
    skew: Span,
    rng: ChaCha8Rng,
}

impl Defects {
    pub fn new(troubles: Troubles, seed: u64, vehicle: u32) -> Self {
        let mut rng = stream(seed, vehicle, Purpose::Trouble, 0);
        let most = troubles.skewed.micros() as f64;
        let skew = if most > 0.0 { rng.random_range(-most..most) } else { 0.0 };
        // Clocks are wrong by milliseconds, not by parts of them.
        Self { troubles, skew: Span::from_millis((skew / 1_000.0) as i64), rng }
    }

    /// Bends the clock and some readings of a frame.
    pub fn bend(&mut self, frame: &mut Frame) {
        frame.at = frame.at + self.skew;
        if self.troubles.spikes <= 0.0 {
            return;
        }
        for (_, value) in &mut frame.readings {
            let Value::Number(number) = value else { continue };
            if self.rng.random_bool(self.troubles.spikes) {
                let far = bounded(&mut self.rng, 0.0, 1.0, 3.0);
                *number = if far > 0.0 { *number * (1.5 + far) + 40.0 } else { *number * 0.2 * -far };
            }
        }
    }

    /// Draws what becomes of the next message.
    pub fn fate(&mut self) -> Fate {
        if self.chance(self.troubles.lost_store) {
            Fate::LostStore
        } else if self.chance(self.troubles.hole) {
            Fate::Hole
        } else if self.chance(self.troubles.corrupt) {
            Fate::Corrupt
        } else {
            Fate::Sound
        }
    }

    /// Damages some bytes, always at least one.
    pub fn corrupt(&mut self, payload: &mut [u8]) {
        let Some(last) = payload.len().checked_sub(1) else { return };
        for _ in 0..self.rng.random_range(1..=4) {
            let at = self.rng.random_range(0..=last);
            payload[at] = self.rng.random_range(128..=255);
        }
    }

    fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.rng.random_bool(share)
    }
}

/// What goes wrong on the way of one vehicle's messages.
#[derive(Clone, Debug)]
pub struct Disorder {
    troubles: Troubles,
    rng: ChaCha8Rng,
    /// Place of the weekly offline time, as a share of the week.
    offline_at: f64,
}

const WEEK: Span = Span::from_days(7);

impl Disorder {
    pub fn new(troubles: Troubles, seed: u64, vehicle: u32) -> Self {
        let mut rng = stream(seed, vehicle, Purpose::Trouble, 1);
        Self { troubles, offline_at: rng.random_range(0.0..1.0), rng }
    }

    /// When the copies of a message that is sent now arrive.
    pub fn arrivals(&mut self, now: Time) -> Vec<Time> {
        let sent = self.online_again(now);
        let mut first = sent + self.within(self.troubles.shuffled);
        if self.troubles.late > 0.0 && self.rng.random_bool(self.troubles.late) {
            first = first + self.within(self.troubles.late_by);
        }
        let mut arrivals = vec![first];
        if self.troubles.doubled > 0.0 && self.rng.random_bool(self.troubles.doubled) {
            arrivals.push(first + self.within(Span::from_mins(1)));
        }
        arrivals
    }

    /// Now, or the end of the offline time that covers now.
    pub fn online_again(&self, now: Time) -> Time {
        let length = self.troubles.backlog.micros();
        if length <= 0 {
            return now;
        }
        let period = WEEK.micros().max(length * 2);
        let shift = (period as f64 * self.offline_at) as i64;
        let into = (now.micros() - shift).rem_euclid(period);
        if into < length { now + Span::from_micros(length - into) } else { now }
    }

    fn within(&mut self, longest: Span) -> Span {
        match longest.micros() {
            ..=0 => Span::ZERO,
            most => Span::from_micros(self.rng.random_range(0..=most)),
        }
    }
}

/// A sequence of deliveries with all troubles applied, again in order of arrival.
pub struct Troubled<I> {
    inner: I,
    troubles: Troubles,
    seed: u64,
    vehicles: BTreeMap<u32, Patient>,
    waiting: BinaryHeap<Reverse<Arrival>>,
    ordinal: u64,
    /// Nothing earlier than this can come any more.
    reached: Time,
    drained: bool,
}

struct Patient {
    defects: Defects,
    disorder: Disorder,
    streams_lost: u64,
    /// The last number of the stream that was lost.
    base: u64,
}

struct Arrival {
    due: Time,
    ordinal: u64,
    delivery: Delivery,
}

impl Arrival {
    const fn place(&self) -> (Time, u64) {
        (self.due, self.ordinal)
    }
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Arrival {}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl<I: Iterator<Item = Delivery>> Troubled<I> {
    pub fn new(inner: I, troubles: Troubles, seed: u64) -> Self {
        Self {
            inner,
            troubles,
            seed,
            vehicles: BTreeMap::new(),
            waiting: BinaryHeap::new(),
            ordinal: 0,
            reached: Time::NEVER,
            drained: false,
        }
    }

    fn take(&mut self, mut delivery: Delivery) {
        self.reached = delivery.due;
        let (troubles, seed, number) = (self.troubles, self.seed, delivery.number);
        let patient = self.vehicles.entry(number).or_insert_with(|| Patient {
            defects: Defects::new(troubles, seed, number),
            disorder: Disorder::new(troubles, seed, number),
            streams_lost: 0,
            base: 0,
        });
        if !patient.treat(&mut delivery) {
            return;
        }
        for due in patient.disorder.arrivals(delivery.due) {
            self.ordinal += 1;
            let delivery = Delivery { due, ..delivery.clone() };
            self.waiting.push(Reverse(Arrival { due, ordinal: self.ordinal, delivery }));
        }
    }
}

impl Patient {
    /// Applies the vehicle's defects; false if nothing of the message is left.
    fn treat(&mut self, delivery: &mut Delivery) -> bool {
        let fate = self.defects.fate();
        let Payload::Message(message) = &mut delivery.payload else { return true };
        for frame in &mut message.frames {
            self.defects.bend(frame);
        }
        if fate == Fate::LostStore {
            self.streams_lost += 1;
            self.base = message.seq - 1;
        }
        message.stream += self.streams_lost;
        message.seq -= self.base;
        message.oldest = message.oldest.saturating_sub(self.base).max(1);
        if fate == Fate::Corrupt {
            let mut bytes = message.encode();
            self.defects.corrupt(&mut bytes);
            delivery.payload = Payload::Bytes(bytes);
        }
        fate != Fate::Hole
    }
}

impl<I: Iterator<Item = Delivery>> Iterator for Troubled<I> {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        loop {
            let ripe = self.waiting.peek().is_some_and(|Reverse(first)| self.drained || first.due <= self.reached);
            if ripe {
                return self.waiting.pop().map(|Reverse(arrival)| arrival.delivery);
            }
            match self.inner.next() {
                Some(delivery) => self.take(delivery),
                None if self.drained => return None,
                None => self.drained = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Message;

    fn deliveries() -> impl Iterator<Item = Delivery> {
        (1..=2_000_u64).map(|seq| {
            let at = Time::from_secs(1_790_000_000 + seq as i64 * 10);
            let mut frame = Frame::new(at);
            frame.number(crate::signal::SPEED, 50.0, 10.0);
            let message = Message { stream: 1, seq, oldest: 1, frames: vec![frame], seen: Vec::new() };
            Delivery { due: at, number: 0, payload: Payload::Message(message) }
        })
    }

    fn troubled(text: &str) -> Vec<Delivery> {
        Troubled::new(deliveries(), Troubles::parse(text).unwrap(), 11).collect()
    }

    fn seqs(deliveries: &[Delivery]) -> Vec<u64> {
        deliveries.iter().filter_map(|delivery| delivery.message().map(|message| message.seq)).collect()
    }

    #[test]
    fn none_changes_nothing_and_the_same_seed_gives_the_same_troubles() {
        assert_eq!(troubled(""), deliveries().collect::<Vec<_>>());
        let all = "late=0.1:10m,doubled=0.05,shuffled=2m,skewed=1m,corrupt=0.01,backlog=1h,spikes=0.01,lost-store=0.001,hole=0.01";
        assert_eq!(troubled(all), troubled(all));
        assert_ne!(troubled(all), troubled(""));
    }

    #[test]
    fn shuffles_within_the_bound_and_keeps_every_message() {
        let shuffled = troubled("shuffled=120s");
        assert!(shuffled.is_sorted_by_key(|delivery| delivery.due));
        let mut order = seqs(&shuffled);
        assert!(!order.is_sorted());
        order.sort_unstable();
        assert_eq!(order, (1..=2_000).collect::<Vec<_>>());
        for delivery in &shuffled {
            let age = delivery.due.since(delivery.message().unwrap().frames[0].at);
            assert!(age <= Span::from_secs(120));
        }
    }

    #[test]
    fn doubles_and_leaves_holes_in_about_their_share() {
        assert!((2_050..2_150).contains(&troubled("doubled=0.05").len()));
        assert!((1_880..1_980).contains(&troubled("hole=0.03").len()));
    }

    #[test]
    fn a_backlog_comes_in_order_after_silence() {
        let late = troubled("backlog=2h");
        assert!(seqs(&late).is_sorted());
        let oldest = late.iter().map(|delivery| delivery.due.since(delivery.message().unwrap().frames[0].at)).max();
        assert!(oldest <= Some(Span::from_hours(2)));
    }

    #[test]
    fn a_lost_store_begins_a_new_stream_at_one() {
        let lost = troubled("lost-store=0.002");
        let last = lost.last().unwrap().message().unwrap();
        assert!(last.stream > 1);
        let first_of_last = lost.iter().find(|delivery| delivery.message().unwrap().stream == last.stream).unwrap();
        assert_eq!(first_of_last.message().unwrap().seq, 1);
    }

    #[test]
    fn spikes_and_corruption_hit_their_share() {
        let spiked = troubled("spikes=0.01");
        let far = spiked
            .iter()
            .filter(|delivery| delivery.message().unwrap().frames[0].get(crate::signal::SPEED) != Some(50.0));
        assert!((8..40).contains(&far.count()));
        let corrupt = troubled("corrupt=0.01");
        let bytes = corrupt.iter().filter(|delivery| matches!(delivery.payload, Payload::Bytes(_)));
        assert!((8..40).contains(&bytes.count()));
    }

    #[test]
    fn says_what_is_wrong_with_a_description() {
        assert!(matches!(Troubles::parse("late"), Err(TroublesError::Form(_))));
        assert!(matches!(Troubles::parse("gremlins=1"), Err(TroublesError::Unknown(_))));
        assert!(matches!(Troubles::parse("doubled=5"), Err(TroublesError::Amount(..))));
    }
}
