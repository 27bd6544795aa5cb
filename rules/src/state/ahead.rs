//! The vehicle as it will be once what waits has settled.

use std::fmt;

use crate::state::Vehicle;

/// The vehicle as it will be once what waits has settled.
///
/// Kept between inputs, as folding everything again for each message behind a long gap would cost
/// the square of its length. Derived from the vehicle: never stored, equal to any other.
#[derive(Clone, Default)]
pub struct Ahead(pub(crate) Option<Box<Folded>>);

#[derive(Clone)]
pub(crate) struct Folded {
    pub(crate) vehicle: Vehicle,
    /// Waiting messages folded in, from the first, and the hash of the last of them.
    pub(crate) messages: usize,
    pub(crate) last: u64,
}

impl PartialEq for Ahead {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ahead")
    }
}
