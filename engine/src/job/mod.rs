//! What has to happen with time alone: partitions ahead, what outlived its keeping, proposals that nobody took up,
//! log-ins that ended, verdicts to learn from.
//!
//! To add one: a file here with a `JOB`, and a line in [`JOBS`]. A job is a reconciler: it reads the tables, does
//! what is missing, and run twice it does nothing. It may be ended at any await, and is run again.
//!
//! ```
//! use std::time::Duration;
//!
//! use engine::job::{Job, Period};
//!
//! pub const JOB: Job = Job {
//!     key: "tyres",
//!     description: "Counts the tyres that are in store.",
//!     period: Period::Every(Duration::from_secs(3_600)),
//!     run: |supplies| Box::pin(async move { Ok(u64::from(supplies.clock.now().day() > 0)) }),
//! };
//! ```

mod archive;
mod campaigns;
mod cohorts;
mod entry;
mod forecasts;
mod journal;
mod metrics;
mod overdue;
mod partitions_ahead;
mod precision;
mod proposals;
mod readings;
mod rejections;
mod roll_up;
mod runner;
mod sessions;
mod supplies;
#[cfg(test)]
mod tests;

pub use self::entry::{Job, Period};
pub use self::metrics::JobMetrics;
pub use self::runner::Runner;
pub use self::supplies::{InForce, Supplies};

/// Every job; each runs in a task of its own.
pub const JOBS: &[Job] = &[
    partitions_ahead::JOB,
    roll_up::JOB,
    archive::JOB,
    journal::JOB,
    readings::JOB,
    rejections::JOB,
    sessions::JOB,
    proposals::JOB,
    overdue::JOB,
    precision::JOB,
    cohorts::JOB,
    forecasts::JOB,
    campaigns::JOB,
];
