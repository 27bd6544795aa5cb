//! One periodic job: what it is called, how often it comes, and what it does.

use std::fmt;
use std::time::Duration;

use rules::unit::Span;

use super::Supplies;
use crate::config::Config;
use crate::connector::Pending;

/// A job of the registry.
#[derive(Clone, Copy)]
pub struct Job {
    /// The word in metrics and logs.
    pub key: &'static str,
    /// One sentence for people.
    pub description: &'static str,
    pub period: Period,
    /// Does what is missing; gives how many things it made, moved or removed.
    pub run: for<'a> fn(&'a Supplies) -> Pending<'a, anyhow::Result<u64>>,
}

/// How often a job comes, in real time, from the beginning of one run to that of the next.
#[derive(Clone, Copy, Debug)]
pub enum Period {
    Every(Duration),
    /// As an operator has set it.
    Configured(fn(&Config) -> Span),
}

impl Period {
    /// `catalogue.learn_every`, the period of all that learns.
    pub const LEARNING: Self = Self::Configured(|config| config.catalogue.learn_every);

    pub fn under(self, config: &Config) -> Duration {
        match self {
            Self::Every(period) => period,
            Self::Configured(period) => period(config).to_std(),
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("key", &self.key).field("period", &self.period).finish_non_exhaustive()
    }
}
