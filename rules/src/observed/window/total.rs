//! Buckets: sums of the readings of a stretch of time, and many of them added up.

use super::spec::Parts;
use crate::unit::{Span, Time};

/// Adds one reading to a bucket.
pub(super) fn add(bucket: &mut [f32], parts: Parts, value: f32, seconds: f32) {
    let first = bucket[0] == 0.0;
    bucket[0] += 1.0;
    let mut sum = |of: Parts, more: f32| {
        if let Some(place) = parts.place(of) {
            bucket[place] += more;
        }
    };
    sum(Parts::SUM, value);
    sum(Parts::SQUARES, value * value);
    sum(Parts::TIMES, seconds);
    sum(Parts::TIME_SQUARES, seconds * seconds);
    sum(Parts::PRODUCTS, seconds * value);
    if let Some(place) = parts.place(Parts::MIN) {
        bucket[place] = if first { value } else { bucket[place].min(value) };
    }
    if let Some(place) = parts.place(Parts::MAX) {
        bucket[place] = if first { value } else { bucket[place].max(value) };
    }
    if first {
        for (of, value) in [(Parts::FIRST, value), (Parts::FIRST_AT, seconds)] {
            if let Some(place) = parts.place(of) {
                bucket[place] = value;
            }
        }
    }
}

pub(super) fn part(bucket: &[f32], parts: Parts, of: Parts) -> f32 {
    parts.place(of).map_or(0.0, |place| bucket[place])
}
/// Buckets added up; times in seconds after an origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Total {
    pub count: f64,
    pub sum: f64,
    pub squares: f64,
    pub min: f64,
    pub max: f64,
    pub first: f64,
    pub first_at: Option<Time>,
    pub times: f64,
    pub time_squares: f64,
    pub products: f64,
}

impl Default for Total {
    fn default() -> Self {
        Self {
            count: 0.0,
            sum: 0.0,
            squares: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            first: f64::NAN,
            first_at: None,
            times: 0.0,
            time_squares: 0.0,
            products: 0.0,
        }
    }
}

impl Total {
    /// Adds a bucket that starts at `start`; buckets come oldest first.
    pub fn add(&mut self, bucket: &[f32], parts: Parts, start: Time, origin: Time) {
        let of = |of: Parts| f64::from(part(bucket, parts, of));
        let n = f64::from(bucket[0]);
        if n == 0.0 {
            return;
        }
        if self.count == 0.0 {
            self.first = of(Parts::FIRST);
            self.first_at = Some(start + Span::from_micros((of(Parts::FIRST_AT) * 1e6) as i64));
        }
        let shift = start.since(origin).secs_f64();
        self.count += n;
        self.sum += of(Parts::SUM);
        self.squares += of(Parts::SQUARES);
        self.min = self.min.min(of(Parts::MIN));
        self.max = self.max.max(of(Parts::MAX));
        self.times += of(Parts::TIMES) + n * shift;
        self.time_squares += of(Parts::TIME_SQUARES) + 2.0 * shift * of(Parts::TIMES) + n * shift * shift;
        self.products += of(Parts::PRODUCTS) + shift * of(Parts::SUM);
    }

    /// Adds one reading without its time.
    pub fn value(&mut self, value: f64) {
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    pub fn lasts_for(&self, newest: Time) -> f64 {
        self.first_at.map_or(0.0, |first| newest.since(first).secs_f64())
    }
}
