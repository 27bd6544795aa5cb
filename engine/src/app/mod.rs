//! The running engine: what is built at the start, what runs beside what, and how it ends.

pub mod clock_watch;
mod running;
pub mod services;
mod source;
#[cfg(test)]
mod spans_tests;
pub mod start;
pub mod telemetry;

pub use self::running::*;
pub use self::source::broker_config;
