//! The archive: the journal's elder part by vehicle and day, and the end of what was archived too long.

use std::sync::Arc;
use std::time::Duration;

use super::{Job, Period, Supplies};
use crate::history::archive;

pub const JOB: Job = Job {
    key: "archive",
    description: "Keeps what the journal said by vehicle, and drops what was kept for long enough.",
    period: Period::Every(Duration::from_mins(5)),
    run: |supplies| Box::pin(run(supplies)),
};

async fn run(supplies: &Supplies) -> anyhow::Result<u64> {
    let Supplies { config, clock, rules, .. } = supplies;
    let set = Arc::clone(&rules.sets.borrow());
    let until = clock.now() - config.store.archive_after;
    let parts = archive::roll(&supplies.pool, &set, &rules.bounds, until).await?;
    let first_kept = clock.earliest() - config.retention.archive;
    Ok(parts + supplies.store.partitions.drop_archive(first_kept).await? as u64)
}
