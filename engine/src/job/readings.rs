//! The end of readings, and of readings by the hour, that were kept for long enough.

use std::time::Duration;

use super::{Job, Period, Supplies};

pub const JOB: Job = Job {
    key: "readings",
    description: "Drops readings that were kept for long enough.",
    period: Period::Every(Duration::from_mins(30)),
    run: |supplies| Box::pin(run(supplies)),
};

async fn run(supplies: &Supplies) -> anyhow::Result<u64> {
    // What is gone cannot be brought back when a step of the clock turns out to have been wrong.
    let (earliest, retention) = (supplies.clock.earliest(), &supplies.config.retention);
    let partitions = &supplies.store.partitions;
    let days = partitions.drop_samples(earliest - retention.samples).await?;
    Ok(days as u64 + partitions.drop_hours(earliest - retention.hourly).await?)
}
