//! The archive: what each vehicle said, kept by vehicle and day for as long as somebody may ask why.
//!
//! The journal is ordered by batch and lives three days. [`roll()`] follows it by the hour and writes each
//! vehicle's inputs as a part of its day, the first part with the state before it; so any past state is one
//! checkpoint and at most a day of inputs away ([`past`]). Nothing is decided here: inputs run under the set
//! they first ran under, and what that leads to is thrown away.

mod part;
pub mod past;
mod roll;

pub use roll::roll;
