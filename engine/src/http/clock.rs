//! What the console knows of the engine's clock: the time on it, and whether it is the world's.

use std::fmt;

use chrono::{DateTime, Utc};

/// Which time the engine runs on.
#[derive(Clone, Debug, PartialEq)]
pub enum ClockMode {
    System,
    /// Demo, replay and simulation: told to everybody in the page's header.
    Virtual { rate: f64 },
}

/// The engine's clock as pages see it. Sessions never use it.
pub trait PageClock: Send + Sync + fmt::Debug {
    fn now(&self) -> DateTime<Utc>;
    fn mode(&self) -> ClockMode;
}

/// The world's time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemPageClock;

impl PageClock for SystemPageClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn mode(&self) -> ClockMode {
        ClockMode::System
    }
}
