//! What may be kept of one reading: consent, the vehicle's own list, and values that can be.

use rules::vehicle::{Profile, Purpose, Reason};

use crate::signal_index::Entry;

/// Positions are kept to a hundredth of a degree, about a kilometre.
const CELLS_PER_DEGREE: f64 = 100.0;

/// What a vehicle's profile lets us keep.
pub struct Terms<'p> {
    profile: &'p Profile,
    purposes: u8,
}

impl<'p> Terms<'p> {
    pub fn new(profile: &'p Profile) -> Self {
        let purposes = profile.consents.iter().fold(0, |bits, purpose| bits | 1 << *purpose as u8);
        Self { profile, purposes }
    }

    pub fn agrees(&self, purpose: Purpose) -> bool {
        self.purposes & 1 << purpose as u8 != 0
    }

    /// The value to keep of one reading.
    pub fn judge(&self, entry: &Entry, value: f64) -> Result<f64, Reason> {
        if !self.agrees(entry.purpose) {
            return Err(Reason::NoConsent);
        }
        if !self.allows(entry) {
            return Err(Reason::NotAllowed);
        }
        if !value.is_finite() {
            return Err(Reason::NotANumber);
        }
        if entry.sentinels.contains(&value) {
            return Err(Reason::Sentinel);
        }
        if value < entry.range.0 || value > entry.range.1 {
            return Err(Reason::OutOfRange);
        }
        if entry.coarse {
            return Ok((value * CELLS_PER_DEGREE).round() / CELLS_PER_DEGREE);
        }
        // Minus zero becomes zero, so that equal content hashes alike.
        Ok(value + 0.0)
    }

    /// Whether the vehicle has such a thing and its allow-list names it.
    fn allows(&self, entry: &Entry) -> bool {
        let fits = entry.powertrains.is_empty() || entry.powertrains.contains(&self.profile.powertrain);
        fits && self.profile.allowed.as_ref().is_none_or(|allowed| allowed.contains(&entry.no))
    }
}
