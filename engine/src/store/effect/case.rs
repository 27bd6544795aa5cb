//! What becomes of a case. One begins only where nothing else stands under its id.

use rules::stage::effect::CaseEffect;
use rules::vehicle::VehicleId;
use sqlx::{PgConnection, query, query_scalar};
use uuid::Uuid;

use super::{Stands, both, ended_word, level, mode_word};

pub async fn write(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    dealer: Uuid,
    effect: &CaseEffect,
) -> sqlx::Result<Stands> {
    match effect {
        CaseEffect::Open { .. } => return open(conn, vehicle, dealer, effect).await,
        CaseEffect::Change { case, severity, rule, version } => {
            query!(
                "update vehicle_case set severity = $2, rule_key = $3, rule_version = $4 where case_id = $1",
                case,
                level(*severity),
                rule,
                *version as i32
            )
            .execute(&mut *conn)
            .await?;
            query!("update review set severity = $2 where case_id = $1 and state = 'waiting'", case, level(*severity))
                .execute(conn)
                .await?;
        }
        CaseEffect::End { case, withdrawn, at } => {
            query!(
                "update vehicle_case set status = $2, closed_at = $3 where case_id = $1 and status = 'open'",
                case,
                ended_word(*withdrawn),
                at.to_utc()
            )
            .execute(conn)
            .await?;
        }
        CaseEffect::Log { case, change_no, kind, measured_at, received_at, because } => {
            query!(
                "insert into case_change (case_id, change_no, dealer_id, kind, measured_at, received_at, because)
                 values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
                case,
                *change_no as i32,
                dealer,
                kind.label(),
                measured_at.to_utc(),
                received_at.to_utc(),
                both(because),
            )
            .execute(conn)
            .await?;
        }
    }
    Ok(Stands::This)
}

async fn open(conn: &mut PgConnection, vehicle: &VehicleId, dealer: Uuid, effect: &CaseEffect) -> sqlx::Result<Stands> {
    let CaseEffect::Open {
        case,
        component,
        episode,
        mode,
        severity,
        rule,
        version,
        opened_at,
        received_at,
        confidence,
    } = effect
    else {
        return Ok(Stands::This);
    };
    // What the vehicle's state does not know any more cannot go on: a component has one open case.
    query!(
        "update vehicle_case set status = 'withdrawn', closed_at = greatest(opened_at, $4)
         where vehicle_id = $1 and component = $2 and mode = $3 and mode = 'live' and status = 'open' and case_id <> $5",
        vehicle.as_str(),
        component.as_str(),
        mode_word(*mode),
        opened_at.to_utc(),
        case,
    )
    .execute(&mut *conn)
    .await?;
    let inserted = query!(
        "insert into vehicle_case (case_id, vehicle_id, dealer_id, component, episode, mode, severity, status, rule_key,
                                   rule_version, opened_at, opened_received_at, confidence)
         values ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9, $10, $11, $12) on conflict (case_id) do nothing",
        case,
        vehicle.as_str(),
        dealer,
        component.as_str(),
        *episode as i32,
        mode_word(*mode),
        level(*severity),
        rule,
        *version as i32,
        opened_at.to_utc(),
        received_at.to_utc(),
        confidence,
    )
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Stands::This);
    }
    let same = query_scalar!(
        r#"select exists (select from vehicle_case where case_id = $1 and vehicle_id = $2 and opened_at = $3
                            and opened_received_at = $4) as "same!""#,
        case,
        vehicle.as_str(),
        opened_at.to_utc(),
        received_at.to_utc(),
    )
    .fetch_one(conn)
    .await?;
    Ok(Stands::if_same(same))
}
