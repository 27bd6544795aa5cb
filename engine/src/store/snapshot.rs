//! Snapshots of vehicles: the state after one input, with that input's place.

use sqlx::{PgConnection, query};

/// A vehicle's state as stored.
#[derive(Debug)]
pub struct SnapshotRow {
    pub vehicle_id: String,
    pub incarnation: i32,
    pub lane: i16,
    pub n: i64,
    pub input_index: i32,
    pub layout: i16,
    pub rule_set_hash: Vec<u8>,
    pub state: Vec<u8>,
}

/// Writes snapshots over older ones of the same vehicles.
pub async fn write(conn: &mut PgConnection, rows: &[SnapshotRow]) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&SnapshotRow) -> i32| rows.iter().map(of).collect::<Vec<_>>();
    query!(
        "insert into vehicle_snapshot (vehicle_id, incarnation, lane, n, input_index, layout, rule_set_hash, state)
         select * from unnest($1::text[], $2::int4[], $3::int2[], $4::int8[], $5::int4[], $6::int2[], $7::bytea[], $8::bytea[])
         on conflict (vehicle_id) do update set
             incarnation = excluded.incarnation, lane = excluded.lane, n = excluded.n, input_index = excluded.input_index,
             layout = excluded.layout, rule_set_hash = excluded.rule_set_hash, state = excluded.state",
        &rows.iter().map(|row| row.vehicle_id.clone()).collect::<Vec<_>>(),
        &column(|row| row.incarnation),
        &rows.iter().map(|row| row.lane).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.n).collect::<Vec<_>>(),
        &column(|row| row.input_index),
        &rows.iter().map(|row| row.layout).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.rule_set_hash.clone()).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.state.clone()).collect::<Vec<_>>(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The next snapshots by vehicle id, for reading all of them in pages.
pub async fn page(conn: &mut PgConnection, after: &str, limit: i64) -> sqlx::Result<Vec<SnapshotRow>> {
    sqlx::query_as!(
        SnapshotRow,
        "select vehicle_id, incarnation, lane, n, input_index, layout, rule_set_hash, state
         from vehicle_snapshot where vehicle_id > $1 order by vehicle_id limit $2",
        after,
        limit
    )
    .fetch_all(conn)
    .await
}

/// The snapshots of these vehicles.
pub async fn of(conn: &mut PgConnection, vehicles: &[String]) -> sqlx::Result<Vec<SnapshotRow>> {
    sqlx::query_as!(
        SnapshotRow,
        "select vehicle_id, incarnation, lane, n, input_index, layout, rule_set_hash, state
         from vehicle_snapshot where vehicle_id = any($1)",
        vehicles
    )
    .fetch_all(conn)
    .await
}
