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

mod asked;
mod defects;
mod disorder;
#[cfg(test)]
mod tests;
mod troubled;

pub use asked::{Troubles, TroublesError};
pub use defects::{Defects, Fate};
pub use disorder::Disorder;
pub use troubled::Troubled;
