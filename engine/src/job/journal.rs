//! The end of journal days that are old enough, archived, and whose every change is in a snapshot.

use std::time::Duration;

use rules::unit::Time;

use super::{Job, Period, Supplies};
use crate::store::session::{As, begin_as};
use crate::store::{archive, upkeep};

pub const JOB: Job = Job {
    key: "journal",
    description: "Drops journal days that snapshots and the archive contain.",
    period: Period::Every(Duration::from_mins(30)),
    run: |supplies| Box::pin(run(supplies)),
};

async fn run(supplies: &Supplies) -> anyhow::Result<u64> {
    let mut tx = begin_as(&supplies.pool, As::Engine).await?;
    let by_start = upkeep::journal_needed_from(&mut tx).await?;
    let by_archive = archive::unfinished(&mut tx).await?.into_iter().map(|lane| lane.from()).min();
    tx.commit().await?;
    // What is gone cannot be brought back when a step of the clock turns out to have been wrong.
    let old = supplies.clock.earliest() - supplies.config.retention.journal;
    let first_kept = by_start.into_iter().chain(by_archive).fold(old, Time::min);
    Ok(supplies.store.partitions.drop_journal(first_kept).await? as u64)
}
