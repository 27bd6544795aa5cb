//! The end of rejections that were kept for long enough.

use std::time::Duration;

use super::{Job, Period, Supplies};
use crate::store::session::{As, begin_as};
use crate::store::upkeep;

pub const JOB: Job = Job {
    key: "rejections",
    description: "Drops rejections that were kept for long enough.",
    period: Period::Every(Duration::from_mins(30)),
    run: |supplies| Box::pin(run(supplies)),
};

async fn run(supplies: &Supplies) -> anyhow::Result<u64> {
    let first_kept = supplies.clock.earliest() - supplies.config.retention.rejections;
    let mut tx = begin_as(&supplies.pool, As::Engine).await?;
    let gone = upkeep::drop_rejections(&mut tx, first_kept).await?;
    tx.commit().await?;
    Ok(gone)
}
