//! Aggregates over measured time: of a sliding window, a trip, a charge, a session, or the last readings.
//!
//! One window per signal and extent serves every rule and every statistic that asks for it. Updating
//! and asking take constant time and memory: a time window is a ring of [`BUCKETS`] buckets, so it
//! looks back at least its span and at most an eleventh more. That is the error bound of every
//! statistic over time; the others are exact. Sums are kept as differences from a base, because an
//! odometer in metres would leave nothing of itself in 32 bits.

mod spec;
mod total;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::spec::{Extent, MOST_READINGS, Parts, Stat, WindowSpec, WindowSpecs};
use self::total::{Total, add, part};
use crate::compact::Sparse;
use crate::observed::segment::{Segment, SegmentKind};
use crate::unit::{Span, Time};

/// Buckets of a time window; one of them is always partly outside it.
pub const BUCKETS: usize = 12;

/// Values of a step.
const STEP: i64 = 2;

/// The windows of a vehicle as expressions see them.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a> {
    pub specs: &'a WindowSpecs,
    pub states: &'a Sparse<Window>,
    pub segment: &'a Segment,
}

impl Windows<'_> {
    /// Answers at `now`, given the signal's last value; NaN for unknown.
    pub fn ask(&self, number: u16, stat: Stat, now: Time, last: f64) -> f64 {
        match (self.specs.get(number), self.states.get(number.into())) {
            (Some(spec), Some(window)) => window.ask(spec, stat, now, last, self.segment),
            _ => f64::NAN,
        }
    }
}

/// One window of one vehicle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Since when readings have come without a gap; of a trip, charge or session its first reading.
    since: Time,
    newest: Time,
    /// Number of the newest bucket, of the newest reading, or of the trip, charge or session.
    head: i64,
    base: f64,
    data: Box<[f32]>,
    #[serde(skip)]
    closed: Closed,
}

/// The buckets behind the newest one added up: asked at every reading, changed when the ring moves.
/// Follows from the buckets, so that it is neither stored nor compared.
#[derive(Clone, Default)]
struct Closed(Option<Box<Total>>);

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closed")
    }
}

impl PartialEq for Closed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Window {
    pub fn new(spec: &WindowSpec) -> Self {
        let cells = match spec.extent {
            Extent::Time(_) => BUCKETS * spec.parts.count(),
            Extent::Readings(count) => usize::from(count),
            Extent::Step => STEP as usize,
            Extent::Trip | Extent::Charge | Extent::Session(_) => spec.parts.count(),
        };
        Self {
            since: Time::NEVER,
            newest: Time::NEVER,
            head: 0,
            base: 0.0,
            data: vec![0.0; cells].into(),
            closed: Closed::default(),
        }
    }

    /// Takes a settled reading.
    pub fn take(&mut self, spec: &WindowSpec, value: f64, at: Time, segment: &Segment) {
        match spec.extent {
            Extent::Time(span) => {
                self.note_gap(spec, at);
                self.take_in_time(spec.parts, bucket_of(span), value, at);
            }
            Extent::Readings(count) => {
                self.note_gap(spec, at);
                self.take_counted(i64::from(count), value);
            }
            Extent::Step => {
                self.note_gap(spec, at);
                self.take_counted(STEP, value);
            }
            Extent::Trip => self.take_whole(spec.parts, i64::from(segment.trip), value, at),
            Extent::Charge if segment.kind == SegmentKind::Charge => {
                self.take_whole(spec.parts, segment.since.micros(), value, at);
            }
            Extent::Charge => return,
            Extent::Session(longest) => {
                let session = if at.since(self.newest) > longest { at.micros() } else { self.head };
                self.take_whole(spec.parts, session, value, at);
            }
        }
        self.newest = at;
    }

    fn note_gap(&mut self, spec: &WindowSpec, at: Time) {
        if at.since(self.newest) > spec.max_gap {
            self.since = at;
        }
    }

    fn take_in_time(&mut self, parts: Parts, bucket: Span, value: f64, at: Time) {
        let number = number_of(at, bucket);
        let passed = if self.newest == Time::NEVER { RING } else { number - self.head };
        for skipped in 0..passed.min(RING) {
            self.data[place_of(parts, number - skipped)].fill(0.0);
        }
        self.head = number;
        if passed >= RING {
            self.base = value;
        } else if passed > 0 && number.rem_euclid(RING) < passed {
            // Once per turn of the ring, or a signal that only grows would outgrow its base.
            self.rebase(parts, value);
        }
        if passed > 0 {
            let closed = self.sum_up(parts, bucket, number - RING + 1, number - 1);
            match &mut self.closed.0 {
                Some(kept) => **kept = closed,
                kept => *kept = Some(Box::new(closed)),
            }
        }
        let seconds = at.since(start_of(number, bucket)).secs_f64() as f32;
        add(&mut self.data[place_of(parts, number)], parts, (value - self.base) as f32, seconds);
    }

    fn take_counted(&mut self, count: i64, value: f64) {
        let place = self.head.rem_euclid(count);
        if place == 0 {
            let shift = (self.base - value) as f32;
            self.data.iter_mut().for_each(|kept| *kept += shift);
            self.base = value;
        }
        self.data[place as usize] = (value - self.base) as f32;
        self.head += 1;
    }

    fn take_whole(&mut self, parts: Parts, number: i64, value: f64, at: Time) {
        if self.newest == Time::NEVER || self.head != number {
            self.data.fill(0.0);
            (self.head, self.base, self.since) = (number, value, at);
        }
        let seconds = at.since(self.since).secs_f64() as f32;
        add(&mut self.data, parts, (value - self.base) as f32, seconds);
    }

    /// Moves the base without changing what the sums say.
    fn rebase(&mut self, parts: Parts, base: f64) {
        let shift = (self.base - base) as f32;
        self.base = base;
        for bucket in self.data.chunks_exact_mut(parts.count()).filter(|bucket| bucket[0] > 0.0) {
            let count = bucket[0];
            let (sum, times) = (part(bucket, parts, Parts::SUM), part(bucket, parts, Parts::TIMES));
            for (of, change) in [
                (Parts::SQUARES, 2.0 * shift * sum + count * shift * shift),
                (Parts::PRODUCTS, shift * times),
                (Parts::SUM, count * shift),
                (Parts::MIN, shift),
                (Parts::MAX, shift),
                (Parts::FIRST, shift),
            ] {
                if let Some(place) = parts.place(of) {
                    bucket[place] += change;
                }
            }
        }
    }

    /// Moves what the window holds by a step of the clock. Buckets stay as they were cut: their edges are off by at
    /// most half a bucket until the ring has turned.
    pub fn move_by(&mut self, spec: &WindowSpec, by: Span) {
        let newest = self.newest.stepped(by);
        match spec.extent {
            Extent::Time(span) => {
                let bucket = bucket_of(span);
                let moved = number_of(newest, bucket) - number_of(self.newest, bucket);
                self.head += moved;
                let turned = moved.rem_euclid(RING) as usize * spec.parts.count();
                self.data.rotate_right(turned.min(self.data.len()));
            }
            // They are named by the instant at which they began.
            Extent::Charge | Extent::Session(_) if self.newest != Time::NEVER => self.head += by.micros(),
            Extent::Charge | Extent::Session(_) | Extent::Readings(_) | Extent::Step | Extent::Trip => {}
        }
        (self.newest, self.since) = (newest, self.since.stepped(by));
        self.closed = Closed::default();
    }

    /// Answers at `now`, given the signal's last value; NaN for unknown.
    pub fn ask(&self, spec: &WindowSpec, stat: Stat, now: Time, last: f64, segment: &Segment) -> f64 {
        match spec.extent {
            Extent::Readings(count) => self.ask_counted(i64::from(count), stat, now),
            Extent::Step => self.ask_counted(STEP, stat, now),
            Extent::Time(span) => {
                let total = self.total_in_time(spec.parts, bucket_of(span), now);
                // What counts readings knows that there were none; what describes them wants all of them.
                let full = now.since(self.since) >= span && now.since(self.newest) <= spec.max_gap;
                if full || matches!(stat, Stat::Count | Stat::Sum) { self.answer(&total, stat, last) } else { f64::NAN }
            }
            Extent::Trip | Extent::Charge | Extent::Session(_) => {
                let mut total = Total::default();
                if self.is_of_an_earlier(spec.extent, segment) {
                    return self.answer(&total, stat, last);
                }
                total.add(&self.data, spec.parts, self.since, self.since);
                self.answer(&total, stat, last)
            }
        }
    }

    /// Whether a trip or charge has begun since, of which there is no reading. What ended stays readable until then.
    fn is_of_an_earlier(&self, extent: Extent, segment: &Segment) -> bool {
        match extent {
            Extent::Trip => self.head != i64::from(segment.trip),
            Extent::Charge => segment.kind == SegmentKind::Charge && self.head != segment.since.micros(),
            _ => false,
        }
    }

    fn total_in_time(&self, parts: Parts, bucket: Span, now: Time) -> Total {
        let number = number_of(now, bucket);
        if let Some(closed) = self.closed.0.as_deref().filter(|_| number == self.head) {
            let mut total = *closed;
            let start = start_of(number, bucket);
            total.add(&self.data[place_of(parts, number)], parts, start, start);
            return total;
        }
        self.sum_up(parts, bucket, (number - RING + 1).max(self.head - RING + 1), self.head)
    }

    /// Adds buckets up, both numbers included.
    fn sum_up(&self, parts: Parts, bucket: Span, from: i64, to: i64) -> Total {
        let mut total = Total::default();
        let origin = start_of(self.head, bucket);
        for number in from..=to {
            total.add(&self.data[place_of(parts, number)], parts, start_of(number, bucket), origin);
        }
        total
    }

    fn answer(&self, total: &Total, stat: Stat, last: f64) -> f64 {
        let n = total.count;
        if n == 0.0 {
            return if matches!(stat, Stat::Count | Stat::Sum) { 0.0 } else { f64::NAN };
        }
        let mean = total.sum / n;
        match stat {
            Stat::Count => n,
            Stat::Sum => total.sum + n * self.base,
            Stat::Avg => mean + self.base,
            Stat::Min => total.min + self.base,
            Stat::Max => total.max + self.base,
            Stat::First => total.first + self.base,
            Stat::Last => last,
            Stat::Stddev => (total.squares / n - mean * mean).max(0.0).sqrt(),
            Stat::Rate => quotient(last - (total.first + self.base), total.lasts_for(self.newest)),
            Stat::Slope => {
                let mean_time = total.times / n;
                let spread = total.time_squares - n * mean_time * mean_time;
                quotient(total.products - mean_time * total.sum, if spread > 1e-6 { spread } else { 0.0 })
            }
            Stat::Delta | Stat::Changed => f64::NAN,
        }
    }

    fn ask_counted(&self, count: i64, stat: Stat, now: Time) -> f64 {
        if self.head < count {
            return f64::NAN;
        }
        let value = |back: i64| f64::from(self.data[(self.head - 1 - back).rem_euclid(count) as usize]) + self.base;
        // The reading before lies beyond a gap.
        let apart = self.since == self.newest;
        match stat {
            Stat::Delta if apart => f64::NAN,
            Stat::Delta => value(0) - value(1),
            Stat::Changed if now > self.newest => 0.0,
            Stat::Changed if apart => f64::NAN,
            Stat::Changed => f64::from(u8::from((value(0) - value(1)).abs() > 0.0)),
            Stat::First => value(count - 1),
            Stat::Last => value(0),
            Stat::Count => count as f64,
            _ => {
                let mut total = Total::default();
                for back in 0..count {
                    total.value(f64::from(self.data[back as usize]));
                }
                self.answer(&total, stat, f64::NAN)
            }
        }
    }
}

const RING: i64 = BUCKETS as i64;

fn bucket_of(span: Span) -> Span {
    // Rounded up: rather look back a microsecond too far than miss the oldest reading.
    Span::from_micros((span.micros() + RING - 2) / (RING - 1))
}

fn number_of(at: Time, bucket: Span) -> i64 {
    at.micros().div_euclid(bucket.micros())
}

fn start_of(number: i64, bucket: Span) -> Time {
    Time::from_micros(number.saturating_mul(bucket.micros()))
}

fn place_of(parts: Parts, number: i64) -> std::ops::Range<usize> {
    let first = number.rem_euclid(RING) as usize * parts.count();
    first..first + parts.count()
}
fn quotient(of: f64, by: f64) -> f64 {
    if by > 0.0 { of / by } else { f64::NAN }
}

#[cfg(test)]
mod tests;
