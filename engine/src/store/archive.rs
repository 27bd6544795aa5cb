//! Rows of the archive: what each vehicle said, by day, and how far the journal is in it.

use chrono::{DateTime, NaiveDate, Utc};
use rules::unit::Time;
use rules::vehicle::VehicleId;
use sqlx::{PgConnection, query, query_as, query_scalar};

use super::journal::{BatchKey, JournalRow};

/// Lanes a run may have had.
const MOST_LANES: i32 = 256;

/// A batch of the journal with its day and when it was received.
#[derive(Debug)]
pub struct DatedBatch {
    pub day: NaiveDate,
    pub received_to: DateTime<Utc>,
    pub batch: JournalRow,
}

/// A state, encoded.
#[derive(Clone, Debug)]
pub struct StoredState {
    pub layout: i16,
    pub rule_set_hash: Vec<u8>,
    pub state: Vec<u8>,
}

/// A part of a vehicle-day.
#[derive(Clone, Debug)]
pub struct PartRow {
    pub day: NaiveDate,
    pub vehicle_id: String,
    pub part: i32,
    pub received_from: DateTime<Utc>,
    pub received_to: DateTime<Utc>,
    pub layout: i16,
    pub input_count: i32,
    /// Whether the vehicle itself said anything.
    pub heard: bool,
    pub inputs: Vec<u8>,
    pub checksum: i64,
    pub runs: Vec<u8>,
    pub checkpoint: Option<StoredState>,
}

/// Where the archive of a vehicle ends.
#[derive(Clone, Debug)]
pub struct HeadRow {
    pub vehicle_id: String,
    pub received_to: DateTime<Utc>,
    pub day: NaiveDate,
    pub part: i32,
    pub state: StoredState,
}

/// A lane of a run whose journal is not wholly archived.
#[derive(Clone, Copy, Debug)]
pub struct Unfinished {
    /// The last archived batch; number 0 if there is none.
    pub reached: BatchKey,
    /// Day of the next one.
    pub day: NaiveDate,
}

impl Unfinished {
    /// Midnight of the day of the next batch.
    pub fn from(&self) -> Time {
        Time::from(self.day.and_time(chrono::NaiveTime::MIN).and_utc())
    }
}

/// What is not archived yet, oldest run first.
pub async fn unfinished(conn: &mut PgConnection) -> sqlx::Result<Vec<Unfinished>> {
    let rows = query!(
        r#"select i.incarnation, l.no::int2 as "lane!", coalesce(p.n, 0) as "n!", next.day as "day!"
           from incarnation i cross join generate_series(0, $1::int4 - 1) as l(no)
           left join archive_progress p on p.incarnation = i.incarnation and p.lane = l.no
           -- Contiguous: if the next one is not there, none is.
           cross join lateral (select day from journal j
                               where j.incarnation = i.incarnation and j.lane = l.no::int2 and j.n = coalesce(p.n, 0) + 1
                               limit 1) as next
           where i.archived_at is null
           order by 1, 2"#,
        MOST_LANES
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Unfinished {
            reached: BatchKey { incarnation: row.incarnation, lane: row.lane, n: row.n },
            day: row.day,
        })
        .collect())
}

/// The batches of one lane after `after.n`, if asked for only those received before `until`, at most
/// `limit`, in order.
pub async fn batches_after(
    conn: &mut PgConnection,
    after: BatchKey,
    until: Option<Time>,
    limit: i64,
) -> sqlx::Result<Vec<DatedBatch>> {
    let rows = query!(
        "select day, received_to, incarnation, lane, n, rule_set_hash, layout, input_count, inputs, checksum, decisions
         from journal where incarnation = $1 and lane = $2 and n > $3 and ($4::timestamptz is null or received_to < $4)
         order by n limit $5",
        after.incarnation,
        after.lane,
        after.n,
        until.map(Time::to_utc),
        limit
    );
    let dated = rows.fetch_all(conn).await?.into_iter().map(|row| DatedBatch {
        day: row.day,
        received_to: row.received_to,
        batch: JournalRow {
            incarnation: row.incarnation,
            lane: row.lane,
            n: row.n,
            rule_set_hash: row.rule_set_hash,
            layout: row.layout,
            input_count: row.input_count,
            inputs: row.inputs,
            checksum: row.checksum,
            decisions: row.decisions,
        },
    });
    Ok(dated.collect())
}

/// Notes how far a lane is archived.
pub async fn reached(conn: &mut PgConnection, key: BatchKey) -> sqlx::Result<()> {
    query!(
        "insert into archive_progress (incarnation, lane, n) values ($1, $2, $3)
         on conflict (incarnation, lane) do update set n = excluded.n",
        key.incarnation,
        key.lane,
        key.n
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that runs that ended have nothing left that is not archived.
pub async fn finish_runs(conn: &mut PgConnection) -> sqlx::Result<()> {
    let open: Vec<i32> = unfinished(&mut *conn).await?.into_iter().map(|lane| lane.reached.incarnation).collect();
    query!(
        "update incarnation set archived_at = now()
         where archived_at is null and ended_at is not null and incarnation <> all($1)",
        &open
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn heads(conn: &mut PgConnection, vehicles: &[String]) -> sqlx::Result<Vec<HeadRow>> {
    let rows = query!(
        "select vehicle_id, received_to, day, part, layout, rule_set_hash, state
         from archive_head where vehicle_id = any($1)",
        vehicles
    );
    let heads = rows.fetch_all(conn).await?.into_iter().map(|row| HeadRow {
        vehicle_id: row.vehicle_id,
        received_to: row.received_to,
        day: row.day,
        part: row.part,
        state: StoredState { layout: row.layout, rule_set_hash: row.rule_set_hash, state: row.state },
    });
    Ok(heads.collect())
}

/// Writes parts; one that is there already is the same.
pub async fn write_parts(conn: &mut PgConnection, parts: &[PartRow]) -> sqlx::Result<()> {
    for part in parts {
        let checkpoint = part.checkpoint.as_ref();
        query!(
            "insert into vehicle_day (day, vehicle_id, part, received_from, received_to, layout, input_count, inputs,
                                      checksum, runs, checkpoint, checkpoint_layout, checkpoint_rule_set, heard)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict do nothing",
            part.day,
            part.vehicle_id,
            part.part,
            part.received_from,
            part.received_to,
            part.layout,
            part.input_count,
            part.inputs,
            part.checksum,
            part.runs,
            checkpoint.map(|state| state.state.as_slice()),
            checkpoint.map(|state| state.layout),
            checkpoint.map(|state| state.rule_set_hash.as_slice()),
            part.heard,
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

pub async fn write_heads(conn: &mut PgConnection, heads: &[HeadRow]) -> sqlx::Result<()> {
    for head in heads {
        query!(
            "insert into archive_head (vehicle_id, received_to, day, part, layout, rule_set_hash, state)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (vehicle_id) do update set received_to = excluded.received_to, day = excluded.day,
                 part = excluded.part, layout = excluded.layout, rule_set_hash = excluded.rule_set_hash,
                 state = excluded.state",
            head.vehicle_id,
            head.received_to,
            head.day,
            head.part,
            head.state.layout,
            head.state.rule_set_hash,
            head.state.state
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// The parts of a vehicle's days in the order in which they can be replayed, from the day that runs at
/// `from`, or the first one after it, to `to`.
pub async fn parts_between(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    from: Time,
    to: Time,
) -> sqlx::Result<Vec<PartRow>> {
    let rows = query!(
        "select day, vehicle_id, part, received_from, received_to, layout, input_count, inputs, checksum, runs,
                checkpoint, checkpoint_layout, checkpoint_rule_set, heard
         from vehicle_day
         where vehicle_id = $1 and received_from <= $3
           and day >= coalesce((select max(day) from vehicle_day
                                where vehicle_id = $1 and part = 0 and received_from <= $2), '-infinity')
         order by day, part",
        vehicle.as_str(),
        from.to_utc(),
        to.to_utc()
    )
    .fetch_all(conn)
    .await?;
    let part = rows.into_iter().map(|row| {
        let checkpoint = row.checkpoint.zip(row.checkpoint_layout).zip(row.checkpoint_rule_set);
        PartRow {
            day: row.day,
            vehicle_id: row.vehicle_id,
            part: row.part,
            received_from: row.received_from,
            received_to: row.received_to,
            layout: row.layout,
            input_count: row.input_count,
            heard: row.heard,
            inputs: row.inputs,
            checksum: row.checksum,
            runs: row.runs,
            checkpoint: checkpoint.map(|((state, layout), rule_set_hash)| StoredState { layout, rule_set_hash, state }),
        }
    });
    Ok(part.collect())
}

/// When the first archived input of a vehicle was received.
pub async fn begins(conn: &mut PgConnection, vehicle: &VehicleId) -> sqlx::Result<Option<Time>> {
    let first = query_scalar!("select min(received_from) from vehicle_day where vehicle_id = $1", vehicle.as_str());
    Ok(first.fetch_one(conn).await?.map(|at| Time::from_micros(at.timestamp_micros())))
}

/// The next archived vehicles by id.
pub async fn vehicles(conn: &mut PgConnection, after: &str, limit: i64) -> sqlx::Result<Vec<String>> {
    query_scalar!(
        "select vehicle_id from archive_head where vehicle_id > $1 order by vehicle_id limit $2",
        after,
        limit
    )
    .fetch_all(conn)
    .await
}

/// A vehicle that was erased, and the batch that did it.
#[derive(Clone, Debug)]
pub struct Erased {
    pub vehicle_id: String,
    pub by: BatchKey,
}

pub async fn erased(conn: &mut PgConnection) -> sqlx::Result<Vec<Erased>> {
    struct Row {
        vehicle_id: String,
        incarnation: i32,
        lane: i16,
        n: i64,
    }
    let rows = query_as!(Row, "select vehicle_id, incarnation, lane, n from erased_vehicle").fetch_all(conn).await?;
    let erased = |row: Row| Erased {
        vehicle_id: row.vehicle_id,
        by: BatchKey { incarnation: row.incarnation, lane: row.lane, n: row.n },
    };
    Ok(rows.into_iter().map(erased).collect())
}
