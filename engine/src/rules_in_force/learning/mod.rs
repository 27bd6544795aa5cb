//! Learning: tables across vehicles, computed by jobs and put into force as activations.

mod campaign;
mod cohort;
mod forecast;
#[cfg(test)]
pub(crate) mod forecast_tests;
mod precision;
#[cfg(test)]
pub(crate) mod tests;

pub use precision::{Learning, LearningMetrics, oldest, tallies};
