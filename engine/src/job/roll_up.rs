//! Readings by the hour, where the server does not roll up by itself.

use std::time::Duration;

use super::{Job, Period, Supplies};
use crate::store::rollup::roll_up;

pub const JOB: Job = Job {
    key: "roll_up",
    description: "Rolls readings up by the hour.",
    period: Period::Every(Duration::from_mins(5)),
    run: |supplies| Box::pin(run(supplies)),
};

async fn run(supplies: &Supplies) -> anyhow::Result<u64> {
    if !supplies.store.tier.rolls_up_itself() {
        return Ok(0);
    }
    Ok(roll_up(&supplies.pool, supplies.clock.now()).await?)
}
