//! The store, opened: connected, migrated, its tier settled, its next days made.

use super::partition::Partitions;
use super::pool::{self, PoolError, Pools};
use super::tier::{self, Tier, TierError};
use crate::clock::Clock;
use crate::config::Config;

/// What every part of the engine gets of the store.
#[derive(Debug)]
pub struct Store {
    pub pools: Pools,
    pub tier: Tier,
    pub partitions: Partitions,
}

/// Why the store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Tier(#[from] TierError),
    #[error("cannot make the partitions of the next days")]
    Partition(#[source] sqlx::Error),
}

/// Connects, migrates and prepares; safe to run from several processes at once.
pub async fn open(config: &Config, clock: &Clock) -> Result<Store, OpenError> {
    let pools = pool::connect(&config.database, config.lanes.effective_count()).await?;
    pool::migrate(&config.database).await?;
    let tier = tier::settle(&pools.lanes, config.store.tier).await?;
    let partitions = Partitions::new(pools.lanes.clone(), tier);
    let ahead = partitions.ensure_ahead(clock.now(), config.store.partitions_ahead_days);
    ahead.await.map_err(OpenError::Partition)?;
    Ok(Store { pools, tier, partitions })
}
