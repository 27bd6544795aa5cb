//! What goes wrong on the way: messages that are late, doubled, shuffled or held back for days.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rules::unit::{Span, Time};

use super::Troubles;
use crate::random::{Purpose, stream};

/// What goes wrong on the way of one vehicle's messages.
#[derive(Clone, Debug)]
pub struct Disorder {
    troubles: Troubles,
    rng: ChaCha8Rng,
    /// Place of the weekly offline time, as a share of the week.
    offline_at: f64,
}

const WEEK: Span = Span::from_days(7);

/// How much is left of something that lasts `length` once a week; `None`: not now. `place` is a share of the week.
pub fn weekly(now: Time, length: Span, place: f64) -> Option<Span> {
    let period = WEEK.micros().max(length.micros() * 2);
    let shift = (period as f64 * place) as i64;
    let into = (now.micros() - shift).rem_euclid(period);
    (into < length.micros()).then(|| Span::from_micros(length.micros() - into))
}

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
        let length = self.troubles.backlog;
        let left = if length > Span::ZERO { weekly(now, length, self.offline_at) } else { None };
        left.map_or(now, |left| now + left)
    }

    fn within(&mut self, longest: Span) -> Span {
        match longest.micros() {
            ..=0 => Span::ZERO,
            most => Span::from_micros(self.rng.random_range(0..=most)),
        }
    }
}
