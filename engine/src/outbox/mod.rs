//! The way out: notices that the lanes enqueued, to people, at the right moment, on record.
//!
//! Claim with a lease, check again whether it still is true and welcome, deliver outside any
//! transaction, record the attempt. A crash between delivering and recording delivers again under
//! the same id: at least once outside, once inside.

mod backoff;
pub mod channel;
mod judge;
mod metrics;
mod relay;

#[cfg(test)]
pub mod fixture;
#[cfg(test)]
mod recipe_tests;
#[cfg(test)]
mod tests;

pub use self::backoff::{Backoff, BackoffError};
pub use self::metrics::OutboxMetrics;
pub use self::relay::Relay;
