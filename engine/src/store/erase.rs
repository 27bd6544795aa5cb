//! Erasure of what a vehicle said: everything that was learned from it, in the transaction of its lane.
//!
//! Cases, orders and what people did stay as long as the law wants them, without the readings. The journal's
//! copy goes with its partition; until then the tombstone keeps every reader away from it.

use rules::unit::Time;
use rules::vehicle::{Life, VehicleId};
use sqlx::{PgConnection, query, query_scalar};

use super::journal::BatchKey;
use super::life;

/// Deletes state, archive, charts, refusals and evidence, and leaves a tombstone for the journal.
///
/// Should the vehicle come back, it has `life`: what is counted from 1 again must not meet the rows that stay.
pub async fn erase(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    life: Life,
    by: BatchKey,
    at: Time,
) -> sqlx::Result<()> {
    let id = vehicle.as_str();
    life::raise(conn, vehicle, life).await?;
    query!("delete from vehicle_snapshot where vehicle_id = $1", id).execute(&mut *conn).await?;
    query!("delete from vehicle_day where vehicle_id = $1", id).execute(&mut *conn).await?;
    query!("delete from archive_head where vehicle_id = $1", id).execute(&mut *conn).await?;
    query!("delete from rejection where vehicle_id = $1", id).execute(&mut *conn).await?;
    query!("delete from forecast where vehicle_id = $1", id).execute(&mut *conn).await?;
    erase_samples(conn, id).await?;
    erase_evidence(conn, id).await?;
    query!(
        "insert into erased_vehicle (vehicle_id, erased_at, incarnation, lane, n) values ($1, $2, $3, $4, $5)
         on conflict (vehicle_id) do update set erased_at = excluded.erased_at, incarnation = excluded.incarnation,
             lane = excluded.lane, n = excluded.n",
        id,
        at.to_utc(),
        by.incarnation,
        by.lane,
        by.n
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Findings and notices keep that they were, and lose what was measured.
async fn erase_evidence(conn: &mut PgConnection, vehicle: &str) -> sqlx::Result<()> {
    query!(
        r#"update finding set
               evidence = evidence || '{"readings": [], "faults": [], "value": null, "odometer_km": null,
                                        "days_left": null, "km_left": null}',
               opened_because = '{"zh-CN": "数据已按车主要求删除", "en": "erased at the owner''s wish"}'
           from vehicle_case where vehicle_case.case_id = finding.case_id and vehicle_case.vehicle_id = $1"#,
        vehicle
    )
    .execute(&mut *conn)
    .await?;
    query!(
        "update outbox set state = 'cancelled', because = 'erased'
         from notification
         where notification.notification_id = outbox.notification_id and outbox.state = 'queued' and vehicle_id = $1",
        vehicle
    )
    .execute(&mut *conn)
    .await?;
    query!("update notification set variables = '{}' where vehicle_id = $1", vehicle).execute(conn).await?;
    Ok(())
}

/// Readings for charts. Hours that the server itself sums up follow when it refreshes them.
async fn erase_samples(conn: &mut PgConnection, vehicle: &str) -> sqlx::Result<()> {
    query!("delete from sample where vehicle_id = $1", vehicle).execute(&mut *conn).await?;
    let ours = query_scalar!("select 1 from pg_class where relname = 'sample_hour_rolled' and relkind = 'r'");
    if ours.fetch_optional(&mut *conn).await?.is_some() {
        // Not checked while building: in one of the tiers it is a view.
        query("delete from sample_hour_rolled where vehicle_id = $1").bind(vehicle).execute(conn).await?;
    }
    Ok(())
}
