//! Tells the pages of a dealer whose orders became overdue while nothing else happened.

use std::sync::PoisonError;
use std::time::Duration;

use super::{Job, Period, Supplies};
use crate::store::session::{As, begin_as};
use crate::store::upkeep;

pub const JOB: Job = Job {
    key: "overdue",
    description: "Tells the pages of dealers whose orders became overdue.",
    period: Period::Every(Duration::from_secs(15)),
    run: |supplies| Box::pin(run(supplies)),
};

async fn run(supplies: &Supplies) -> anyhow::Result<u64> {
    let now = supplies.clock.now();
    // A clock that was set back passes the same hour again.
    let since = (*supplies.told_overdue.lock().unwrap_or_else(PoisonError::into_inner)).min(now);
    let mut tx = begin_as(&supplies.pool, As::Engine).await?;
    let dealers = upkeep::tell_overdue(&mut tx, since, now).await?;
    tx.commit().await?;
    *supplies.told_overdue.lock().unwrap_or_else(PoisonError::into_inner) = now;
    Ok(dealers)
}
