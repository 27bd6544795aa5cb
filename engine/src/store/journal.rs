//! Rows of the journal, the runs they belong to, and the catalogues they ran under.

use rules::unit::{Span, Time};
use sqlx::{PgConnection, query, query_scalar};

/// Place of a batch: unique for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchKey {
    pub incarnation: i32,
    pub lane: i16,
    /// Contiguous from 1 within incarnation and lane.
    pub n: i64,
}

/// One committed batch as stored.
#[derive(Debug)]
pub struct JournalRow {
    pub incarnation: i32,
    pub lane: i16,
    pub n: i64,
    pub rule_set_hash: Vec<u8>,
    pub layout: i16,
    pub input_count: i32,
    pub inputs: Vec<u8>,
    pub checksum: i64,
    pub decisions: Vec<u8>,
}

/// What a batch adds to its row besides the key.
pub struct NewBatch<'a> {
    pub received_from: Time,
    pub received_to: Time,
    pub rule_set_hash: &'a [u8],
    pub layout: i16,
    pub horizon: i64,
    pub input_count: i32,
    pub inputs: &'a [u8],
    pub checksum: i64,
    pub decisions: &'a [u8],
}

/// Adds a run of the engine and ends every earlier one: from here on only this one commits.
pub async fn begin_incarnation(conn: &mut PgConnection, version: &str, host: &str) -> sqlx::Result<i32> {
    query!("update incarnation set ended_at = now() where ended_at is null").execute(&mut *conn).await?;
    query_scalar!(
        "insert into incarnation (version, host, corrected_us)
         values ($1, $2, coalesce((select corrected_us from incarnation order by incarnation desc limit 1), 0))
         returning incarnation",
        version,
        host
    )
    .fetch_one(conn)
    .await
}

/// Holds the run's row for the length of the transaction, and gives the steps of the clock that it has taken over;
/// `None` if a later run has ended it.
pub async fn still_ours(conn: &mut PgConnection, incarnation: i32) -> sqlx::Result<Option<Span>> {
    let corrected = query_scalar!(
        "select corrected_us from incarnation where incarnation = $1 and ended_at is null for share",
        incarnation
    )
    .fetch_optional(conn)
    .await?;
    Ok(corrected.map(Span::from_micros))
}

/// Whether a batch is committed: answers an unknown outcome.
pub async fn exists(conn: &mut PgConnection, key: BatchKey) -> sqlx::Result<bool> {
    let found = query_scalar!(
        "select 1 from journal where incarnation = $1 and lane = $2 and n = $3",
        key.incarnation,
        key.lane,
        key.n
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}

pub async fn insert(conn: &mut PgConnection, key: BatchKey, batch: &NewBatch<'_>) -> sqlx::Result<()> {
    query!(
        "insert into journal (day, incarnation, lane, n, horizon, received_from, received_to, rule_set_hash, layout,
                              input_count, inputs, checksum, decisions)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        batch.received_to.to_utc().date_naive(),
        key.incarnation,
        key.lane,
        key.n,
        batch.horizon,
        batch.received_from.to_utc(),
        batch.received_to.to_utc(),
        batch.rule_set_hash,
        batch.layout,
        batch.input_count,
        batch.inputs,
        batch.checksum,
        batch.decisions,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Runs whose journal a start must still read, with how far each lane's changes are in snapshots.
pub async fn unreplayed(conn: &mut PgConnection) -> sqlx::Result<Vec<BatchKey>> {
    let rows = query!(
        r#"select i.incarnation, j.lane, max(j.horizon) as "horizon!"
           from incarnation i join journal j using (incarnation)
           where i.replayed_at is null
           group by i.incarnation, j.lane
           order by i.incarnation, j.lane"#
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| BatchKey { incarnation: row.incarnation, lane: row.lane, n: row.horizon }).collect())
}

/// The batches of one lane of one run after `after.n`, at most `limit`, in order.
pub async fn batches_after(conn: &mut PgConnection, after: BatchKey, limit: i64) -> sqlx::Result<Vec<JournalRow>> {
    sqlx::query_as!(
        JournalRow,
        "select incarnation, lane, n, rule_set_hash, layout, input_count, inputs, checksum, decisions
         from journal where incarnation = $1 and lane = $2 and n > $3 order by n limit $4",
        after.incarnation,
        after.lane,
        after.n,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Notes that everything of the runs before `incarnation` is contained in snapshots.
pub async fn mark_replayed(conn: &mut PgConnection, incarnation: i32) -> sqlx::Result<()> {
    query!("update incarnation set replayed_at = now() where incarnation < $1 and replayed_at is null", incarnation)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn keep_rule_set(conn: &mut PgConnection, hash: &[u8], body: &[u8]) -> sqlx::Result<()> {
    query!("insert into rule_set (hash, body) values ($1, $2) on conflict do nothing", hash, body)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn rule_set(conn: &mut PgConnection, hash: &[u8]) -> sqlx::Result<Option<Vec<u8>>> {
    query_scalar!("select body from rule_set where hash = $1", hash).fetch_optional(conn).await
}
