//! From a database to running lanes: lock, run number, rule set, restored vehicles.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rules::rule_set::RuleSet;
use rules::state::settle::Bounds;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool, query, query_scalar};
use tokio_util::sync::CancellationToken;

use crate::crm::notice::Routes;
use crate::history::journal::{self, Replayed, Restored, RuleSets};
use crate::store::commit::{CommitError, Written};
use crate::store::session::{As, act_as, begin_as};
use crate::store::{effect, journal as rows, life, snapshot};

/// Key of the advisory lock: one engine per database.
pub const LOCK: i64 = 0x0070_7265_6d65_6e64;
const SNAPSHOTS_AT_ONCE: usize = 512;
/// How soon an engine notices that its lock is gone.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For so long after the database has started, an engine that outlived it has the first right to the lock.
const SURVIVORS_FIRST: Duration = Duration::from_secs(3);

/// The right to be this database's engine; held by a connection of its own, free when that ends.
pub struct EngineLock {
    conn: PgConnection,
    options: PgConnectOptions,
}

impl EngineLock {
    /// Takes the lock, or takes it over: the other engine's connection is ended, and its commits
    /// fail because its run is.
    pub async fn take(options: &PgConnectOptions, take_over: bool) -> anyhow::Result<Self> {
        let mut conn = options.connect().await.context("connecting for the engine's lock")?;
        tokio::time::sleep(SURVIVORS_FIRST.saturating_sub(up_for(&mut conn).await?)).await;
        if try_lock(&mut conn).await? {
            return Ok(Self { conn, options: options.clone() });
        }
        if !take_over {
            bail!("another engine runs on this database; stop it, or start with --take-over to end it");
        }
        query!(
            "select pg_terminate_backend(pid) from pg_locks
             where locktype = 'advisory' and granted and pid <> pg_backend_pid()
               and database = (select oid from pg_database where datname = current_database())
               and ((classid::bigint << 32) | objid::bigint) = $1",
            LOCK
        )
        .fetch_all(&mut conn)
        .await
        .context("ending the other engine's lock")?;
        query!("select pg_advisory_lock($1)", LOCK).execute(&mut conn).await?;
        Ok(Self { conn, options: options.clone() })
    }

    /// Looks after the lock until `stop`: takes it again when the database was away, and ends with
    /// an error when another engine has taken over, so that no idle engine lingers.
    pub async fn keep(mut self, incarnation: i32, stop: CancellationToken) -> anyhow::Result<()> {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            if self.conn.ping().await.is_err()
                && let Err(error) = self.take_again(incarnation).await
            {
                if matches!(error, CommitError::Fenced) {
                    return Err(error.into());
                }
                tracing::warn!(
                    error = format!("{:#}", anyhow::Error::from(error)),
                    "the engine's lock is not held, trying again"
                );
            }
        }
        Ok(())
    }

    async fn take_again(&mut self, incarnation: i32) -> Result<(), CommitError> {
        let mut conn = self.options.connect().await.map_err(CommitError::Unavailable)?;
        let locked = try_lock(&mut conn).await.map_err(CommitError::Unavailable)?;
        let mut tx = conn.begin().await.map_err(CommitError::Unavailable)?;
        act_as(&mut tx, As::Engine).await.map_err(CommitError::Unavailable)?;
        if rows::still_ours(&mut tx, incarnation).await.map_err(CommitError::Unavailable)?.is_none() {
            return Err(CommitError::Fenced);
        }
        tx.commit().await.map_err(CommitError::Unavailable)?;
        if locked {
            // Without the lock our own dead session still has it, or somebody is just starting.
            self.conn = conn;
        }
        Ok(())
    }
}

async fn up_for(conn: &mut PgConnection) -> sqlx::Result<Duration> {
    let seconds = query_scalar!(
        r#"select extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8 as "seconds!""#
    );
    Ok(Duration::try_from_secs_f64(seconds.fetch_one(conn).await?).unwrap_or_default())
}

async fn try_lock(conn: &mut PgConnection) -> sqlx::Result<bool> {
    query_scalar!(r#"select pg_try_advisory_lock($1) as "locked!""#, LOCK).fetch_one(conn).await
}

/// Begins a run; every earlier one can commit no more.
pub async fn begin_run(pool: &PgPool) -> anyhow::Result<i32> {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned());
    let mut tx = begin_as(pool, As::Engine).await?;
    let incarnation = rows::begin_incarnation(&mut tx, env!("CARGO_PKG_VERSION"), &host).await?;
    tx.commit().await?;
    Ok(incarnation)
}

/// Restores every vehicle and leaves nothing to replay: what was restored from the journal is
/// snapshotted before the first batch, so that a run's journal never reaches behind its beginning.
pub async fn restore_all(
    pool: &PgPool,
    set: &Arc<RuleSet>,
    bounds: &Bounds,
    incarnation: i32,
) -> anyhow::Result<(Vec<Restored>, Replayed)> {
    journal::keep_rule_set(pool, set).await?;
    let mut sets = RuleSets::new(pool.clone(), Arc::clone(set));
    let (vehicles, mut replayed) = journal::restore(pool, &mut sets, bounds, None).await?;
    let mut vehicles: Vec<Restored> = vehicles.into_values().collect();
    for changed in vehicles
        .iter_mut()
        .filter(|restored| restored.since.is_some())
        .collect::<Vec<_>>()
        .chunks_mut(SNAPSHOTS_AT_ONCE)
    {
        leave(pool, changed).await?;
    }
    let mut tx = begin_as(pool, As::Engine).await?;
    let held = vehicles.iter().map(|restored| restored.vehicle.id.as_str()).collect();
    replayed.lost = life::revive_lost(&mut tx, &held).await?.len() as u64;
    replayed.lives = life::all(&mut tx).await?;
    rows::mark_replayed(&mut tx, incarnation).await?;
    tx.commit().await?;
    Ok((vehicles, replayed))
}

async fn leave(pool: &PgPool, changed: &mut [&mut Restored]) -> anyhow::Result<()> {
    let mut tx = begin_as(pool, As::Engine).await?;
    let mut snapshots = Vec::with_capacity(changed.len());
    for restored in changed.iter_mut() {
        let vehicle = &restored.vehicle;
        for effect in restored.effects.drain(..) {
            let written = Written { vehicle: vehicle.id.clone(), dealer: vehicle.profile.dealer, effect };
            // Nothing opens at a start: other rules withdraw, and what they find comes with the next input. So there
            // is no notice to send either, but the word that it is over, by the channels that told it.
            let routes = Routes::default();
            let _ = effect::write(&mut tx, &written.vehicle, written.dealer, &written.effect, &routes).await?;
        }
        snapshots.push(journal::snapshot_row(vehicle, restored.position, 0, &restored.set)?);
        restored.since = None;
    }
    snapshot::write(&mut tx, &snapshots).await?;
    tx.commit().await?;
    Ok(())
}
