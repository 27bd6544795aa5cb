//! What begins a case or an order: nothing of it may be lost because its id stands for something else.

use rules::stage::effect::Effect;
use rules::vehicle::VehicleId;
use sqlx::{PgConnection, query, query_scalar};
use uuid::Uuid;

use super::{Stands, add_transition, both, level, mode_word};

pub async fn open_case(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    dealer: Uuid,
    effect: &Effect,
) -> sqlx::Result<Stands> {
    let Effect::OpenCase {
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

pub async fn propose_order(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    dealer: Uuid,
    effect: &Effect,
) -> sqlx::Result<Stands> {
    let Effect::ProposeOrder { order, visit, severity, due_at, opened_at, because } = effect else {
        return Ok(Stands::This);
    };
    let inserted = query!(
        "insert into work_order (order_id, vehicle_id, dealer_id, visit, state, severity, due_at, opened_at)
         values ($1, $2, $3, $4, 'proposed', $5, $6, $7) on conflict (order_id) do nothing",
        order,
        vehicle.as_str(),
        dealer,
        *visit as i32,
        level(*severity),
        due_at.to_utc(),
        opened_at.to_utc(),
    )
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 1 {
        add_transition(conn, *order, dealer, None, "proposed", *opened_at, &both(because)).await?;
        return Ok(Stands::This);
    }
    let same = query_scalar!(
        r#"select exists (select from work_order where order_id = $1 and vehicle_id = $2 and opened_at = $3) as "same!""#,
        order,
        vehicle.as_str(),
        opened_at.to_utc(),
    )
    .fetch_one(conn)
    .await?;
    Ok(Stands::if_same(same))
}
