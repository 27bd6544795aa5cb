//! What goes wrong with the odometer, as real fleets have seen it: DOMAIN 5.0 "Data quality".

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rules::unit::{Span, Time};

use super::Troubles;
use super::disorder::weekly;
use crate::frame::Frame;
use crate::signal::ODOMETER;

/// Metres of a mile.
const MILE: f64 = 1.609_344;

/// The odometer of one vehicle, as it is told.
#[derive(Clone, Debug)]
pub struct Odometer {
    troubles: Troubles,
    /// Place of the weekly time in the wrong unit, as a share of the week.
    miles_at: f64,
    /// From the first reading to the day on which it is turned back.
    sound_for: Span,
    first: Option<Time>,
}

impl Odometer {
    pub fn new(troubles: Troubles, rng: &mut ChaCha8Rng) -> Self {
        let sound_for = Span::from_secs(rng.random_range(3 * 86_400..10 * 86_400));
        Self { troubles, miles_at: rng.random_range(0.0..1.0), sound_for, first: None }
    }

    /// Bends the reading of a frame that was measured at that time.
    pub fn bend(&mut self, at: Time, frame: &mut Frame, rng: &mut ChaCha8Rng) {
        let Some(metres) = frame.get_mut(ODOMETER) else { return };
        let Troubles { odometer_zero, odometer_drop, odometer_jump, odometer_miles, rollback_km, .. } = self.troubles;
        let first = *self.first.get_or_insert(at);
        if rollback_km > 0.0 && at.since(first) >= self.sound_for {
            *metres = (*metres - rollback_km * 1_000.0).max(0.0);
        }
        if odometer_miles > Span::ZERO && weekly(at, odometer_miles, self.miles_at).is_some() {
            *metres = (*metres / MILE).round();
        }
        let mut chance = |share: f64| share > 0.0 && rng.random_bool(share);
        if chance(odometer_zero) {
            *metres = 0.0;
        } else if chance(odometer_drop) {
            *metres = (*metres * 0.97 - 500.0).max(0.0).round();
        } else if chance(odometer_jump) {
            *metres = (*metres * 1.1 + 50_000.0).round();
        }
    }
}
