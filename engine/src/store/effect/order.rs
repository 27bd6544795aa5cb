//! What becomes of a work order by itself. One begins only where nothing else stands under its id.

use rules::stage::effect::OrderEffect;
use rules::unit::Time;
use rules::vehicle::VehicleId;
use sqlx::{PgConnection, query, query_scalar};
use uuid::Uuid;

use super::{Stands, both, level};
use crate::crm::line_state::LineState;
use crate::crm::order_state::OrderState;

pub async fn write(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    dealer: Uuid,
    effect: &OrderEffect,
) -> sqlx::Result<Stands> {
    match effect {
        OrderEffect::Propose { .. } => return propose(conn, vehicle, dealer, effect).await,
        OrderEffect::AddLine { order, case, component, severity, operations, parts, labour_h, extra_work } => {
            query!(
                "insert into work_order_line (order_id, case_id, dealer_id, component, severity, operations, parts, labour_h,
                                              extra_work, state)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing",
                order,
                case,
                dealer,
                component.as_str(),
                level(*severity),
                operations,
                parts,
                labour_h,
                extra_work,
                LineState::Open.word(),
            )
            .execute(conn)
            .await?;
        }
        OrderEffect::Hasten { order, severity, due_at } => {
            query!(
                "update work_order set severity = least(severity, $2), due_at = least(due_at, $3), version = version + 1
                 where order_id = $1",
                order,
                level(*severity),
                due_at.to_utc()
            )
            .execute(conn)
            .await?;
        }
        OrderEffect::CancelOrFlag { order, case, because } => {
            cancel_or_flag(conn, dealer, *order, *case, &both(because)).await?;
        }
    }
    Ok(Stands::This)
}

async fn propose(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    dealer: Uuid,
    effect: &OrderEffect,
) -> sqlx::Result<Stands> {
    let OrderEffect::Propose { order, visit, severity, due_at, opened_at, because } = effect else {
        return Ok(Stands::This);
    };
    let inserted = query!(
        "insert into work_order (order_id, vehicle_id, dealer_id, visit, state, severity, due_at, opened_at)
         values ($1, $2, $3, $4, $8, $5, $6, $7) on conflict (order_id) do nothing",
        order,
        vehicle.as_str(),
        dealer,
        *visit as i32,
        level(*severity),
        due_at.to_utc(),
        opened_at.to_utc(),
        OrderState::Proposed.word(),
    )
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 1 {
        add_transition(conn, *order, dealer, None, OrderState::Proposed, *opened_at, &both(because)).await?;
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

/// Takes a withdrawn case's line off; an untouched order that has no other line is cancelled, a
/// touched one is flagged to its advisor.
async fn cancel_or_flag(
    conn: &mut PgConnection,
    dealer: Uuid,
    order: Uuid,
    case: Uuid,
    because: &str,
) -> sqlx::Result<()> {
    let Some(locked) =
        query!("select state from work_order where order_id = $1 for update", order).fetch_optional(&mut *conn).await?
    else {
        return Ok(());
    };
    query!(
        "update work_order_line set state = $3 where order_id = $1 and case_id = $2 and state = $4",
        order,
        case,
        LineState::Withdrawn.word(),
        LineState::Open.word()
    )
    .execute(&mut *conn)
    .await?;
    let others = query!(
        r#"select count(*) as "open!" from work_order_line where order_id = $1 and state = $2"#,
        order,
        LineState::Open.word()
    )
    .fetch_one(&mut *conn)
    .await?
    .open;
    if locked.state == OrderState::Proposed.word() && others == 0 {
        query!(
            "update work_order set state = $2, version = version + 1 where order_id = $1",
            order,
            OrderState::Cancelled.word()
        )
        .execute(&mut *conn)
        .await?;
        let now = query!(r#"select now() as "now!""#).fetch_one(&mut *conn).await?.now;
        add_transition(conn, order, dealer, Some(OrderState::Proposed), OrderState::Cancelled, now.into(), because)
            .await
    } else {
        query!("update work_order set flagged_because = $2, version = version + 1 where order_id = $1", order, because)
            .execute(conn)
            .await
            .map(|_| ())
    }
}

async fn add_transition(
    conn: &mut PgConnection,
    order: Uuid,
    dealer: Uuid,
    from: Option<OrderState>,
    to: OrderState,
    at: Time,
    because: &str,
) -> sqlx::Result<()> {
    query!(
        "insert into work_order_transition (order_id, transition_no, dealer_id, from_state, to_state, moved_at, because)
         select $1, coalesce(max(transition_no), 0) + 1, $2, $3, $4, $5, $6 from work_order_transition where order_id = $1",
        order,
        dealer,
        from.map(OrderState::word),
        to.word(),
        at.to_utc(),
        because
    )
    .execute(conn)
    .await
    .map(|_| ())
}
