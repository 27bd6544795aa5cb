//! The running engine: what is built at the start, what runs beside what, and how it ends.

pub mod clock_watch;
mod running;
pub mod services;
pub mod start;
pub mod telemetry;

pub use self::running::*;
