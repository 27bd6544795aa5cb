//! Back-test of what the engine itself has kept: vehicle after vehicle out of the archive, each from
//! the state it was in.
//!
//! Inputs were admitted when they arrived and are taken as they are, what people did included; Timers are
//! not, because other rules ask for other ones.

use std::sync::Arc;

use anyhow::Context as _;
use rules::rule_set::RuleSet;
use rules::state::settle::Bounds;
use rules::unit::Time;
use rules::vehicle::VehicleId;
use sqlx::PgPool;

use super::feed::{Feed, Parcel};
use crate::history::archive::past::recorded;
use crate::history::journal::RuleSets;
use crate::store::archive as rows;
use crate::store::session::{As, begin_as};

const PAGE: i64 = 1_000;

/// Where and what to read.
pub struct Stored {
    pub pool: PgPool,
    /// The set in force: most of what is stored ran under it.
    pub set: Arc<RuleSet>,
    pub bounds: Bounds,
    /// Time of reception, both ends included.
    pub from: Time,
    pub to: Time,
    pub runtime: tokio::runtime::Runtime,
}

impl Stored {
    /// Hands every archived vehicle to its shard.
    pub fn read(&self, feed: &mut Feed<'_>) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            let mut sets = RuleSets::new(self.pool.clone(), Arc::clone(&self.set));
            let mut after = String::new();
            loop {
                let mut tx = begin_as(&self.pool, As::Engine).await?;
                let page = rows::vehicles(&mut tx, &after, PAGE).await?;
                drop(tx);
                let Some(last) = page.last() else { return Ok(()) };
                after.clone_from(last);
                for id in &page {
                    self.hand_over(id, &mut sets, feed).await.with_context(|| format!("reading vehicle {id}"))?;
                }
            }
        })
    }

    async fn hand_over(&self, id: &str, sets: &mut RuleSets, feed: &mut Feed<'_>) -> anyhow::Result<()> {
        let vehicle = VehicleId::try_new(id)?;
        let kept = recorded(&self.pool, sets, &self.bounds, &vehicle, self.from, self.to).await?;
        let Some(kept) = kept.filter(|kept| !kept.inputs.is_empty()) else { return Ok(()) };
        feed.progress.inc(1);
        let (shard, _) = feed.line(id, 0, 0);
        feed.send(shard, Parcel::Recorded(Box::new((vehicle, kept))))
    }
}
