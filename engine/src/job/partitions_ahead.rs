//! Partitions of today and the days ahead, made before rows come.

use std::time::Duration;

use super::{Job, Period, Supplies};

pub const JOB: Job = Job {
    key: "partitions_ahead",
    description: "Makes the partitions of the days ahead.",
    period: Period::Every(Duration::from_mins(5)),
    run: |supplies| Box::pin(run(supplies)),
};

async fn run(supplies: &Supplies) -> anyhow::Result<u64> {
    let ahead_days = supplies.config.store.partitions_ahead_days;
    supplies.store.partitions.ensure_ahead(supplies.clock.now(), ahead_days).await?;
    Ok(0)
}
