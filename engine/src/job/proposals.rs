//! The end of proposals that nobody took up.

use std::time::Duration;

use rules::unit::Span;

use super::{Job, Period, Supplies};
use crate::store::session::{As, begin_as};
use crate::store::upkeep;

pub const JOB: Job = Job {
    key: "proposals",
    description: "Gives up proposals that nobody took up long after their visit was due.",
    period: Period::Every(Duration::from_mins(1)),
    run: |supplies| Box::pin(run(supplies)),
};

/// A proposal that nobody took up this long after its visit was due is given up.
const PROPOSAL_GRACE: Span = Span::from_days(14);

/// One transaction per order: its row, the move, and the command to the vehicle's lane.
async fn run(supplies: &Supplies) -> anyhow::Result<u64> {
    let (now, earliest) = (supplies.clock.now(), supplies.clock.earliest());
    let mut expired = 0;
    loop {
        let mut tx = begin_as(&supplies.pool, As::Engine).await?;
        let one = upkeep::expire_proposal(&mut tx, now, earliest - PROPOSAL_GRACE).await?;
        tx.commit().await?;
        if !one {
            return Ok(expired);
        }
        expired += 1;
    }
}
