//! Bad deliveries: every way in which messages of a sound vehicle reach us wrongly, seeded.
//!
//! | key | amount | what happens |
//! |--|--|--|
//! | `late` | share, `:` longest | that share arrives later than its successors |
//! | `doubled` | share | that share arrives twice |
//! | `contradicting` | share | that share of samples comes again with the same time and other readings |
//! | `shuffled` | bound | every message is delayed by chance, at most by the bound |
//! | `skewed` | span | the vehicle's clock runs ahead by up to the span, or behind |
//! | `reset-clock` | share | that share of messages is dated 1970 or 2000 |
//! | `corrupt` | share | bytes of the payload are overwritten |
//! | `backlog` | span | once a week the vehicle is offline that long, then sends it all |
//! | `spikes` | share | that share of readings is far off for one sample |
//! | `stuck` | span | once a week some sensors repeat for so long what they read before |
//! | `sentinel` | share | that share of readings is the bus's code for "no value" |
//! | `missing` | share | that share of readings is not there |
//! | `start-dip` | share | at that share of starts the supply dips, and what is read then is wrong |
//! | `odometer-zero` | share | that share of odometer readings is 0 |
//! | `odometer-drop` | share | that share of odometer readings is too low |
//! | `odometer-jump` | share | that share of odometer readings is too high |
//! | `odometer-miles` | span | once a week the odometer tells miles for so long |
//! | `odometer-rollback` | km | one day the odometer is turned back by so much |
//! | `lost-store` | share | the vehicle forgets its outbox and begins a new stream |
//! | `hole` | share | a number is used up and never sent |
//!
//! [`Defects`] happen inside a vehicle, before its outbox; [`Disorder`] on the way. [`Troubled`]
//! applies both to a sequence of deliveries that nobody acknowledges. [`Troubles::suite`] has an entry for every row
//! of DOMAIN 5.0 "Data quality".

mod asked;
mod defects;
mod disorder;
mod odometer;
mod sensors;
#[cfg(test)]
mod tests;
mod troubled;

pub use asked::{Troubles, TroublesError};
pub use defects::{Defects, Fate};
pub use disorder::Disorder;
pub use troubled::Troubled;
