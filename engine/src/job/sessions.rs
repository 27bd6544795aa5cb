//! The end of log-ins whose time is over.

use std::time::Duration;

use super::{Job, Period, Supplies};
use crate::clock::Clock;
use crate::store::session::{As, LOG_IN, Scope, begin_as};
use crate::store::upkeep;

pub const JOB: Job = Job {
    key: "sessions",
    description: "Ends log-ins whose time is over.",
    period: Period::Every(Duration::from_mins(1)),
    run: |supplies| Box::pin(run(supplies)),
};

async fn run(supplies: &Supplies) -> anyhow::Result<u64> {
    let who = As::Person { dealer: Scope::All, account: None, purpose: LOG_IN };
    let mut tx = begin_as(&supplies.pool, who).await?;
    let gone = upkeep::end_sessions(&mut tx, Clock::earliest_wall()).await?;
    tx.commit().await?;
    Ok(gone)
}
