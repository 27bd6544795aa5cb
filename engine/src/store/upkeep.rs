//! What jobs read and write: rows whose time is over.

use rules::unit::Time;
use rules::vehicle::{Command, OrderMove, VehicleId};
use sqlx::{PgConnection, query, query_scalar};

use super::console::command;
use super::unknown_word;
use crate::crm::order_state::{Facts, OrderState, step};

/// Why an order expired; read by people.
const NOBODY: &str = r#"{"zh-CN": "无人受理该建议工单", "en": "nobody took the proposal up"}"#;

/// Midnight of the first day whose journal a start would still have to read; none if snapshots
/// contain every change.
pub async fn journal_needed_from(conn: &mut PgConnection) -> sqlx::Result<Option<Time>> {
    let day = query_scalar!(
        r#"
        with reached as (
            -- How far the changes of each lane are contained in snapshots, as its last batch says.
            select incarnation, lane, max(horizon) as horizon
            from journal join incarnation using (incarnation)
            where replayed_at is null
            group by incarnation, lane
        )
        select min(day) from journal join reached using (incarnation, lane) where n > reached.horizon
        "#
    )
    .fetch_one(conn)
    .await?;
    Ok(day.map(|day| Time::from(day.and_time(chrono::NaiveTime::MIN).and_utc())))
}

pub async fn drop_rejections(conn: &mut PgConnection, first_kept: Time) -> sqlx::Result<u64> {
    let gone = query!("delete from rejection where received_at < $1", first_kept.to_utc()).execute(conn).await?;
    Ok(gone.rows_affected())
}

/// Removes log-ins that ended; as `premend_person`, in system time.
pub async fn end_sessions(conn: &mut PgConnection, now: Time) -> sqlx::Result<u64> {
    let gone = query!("delete from person.login_session where expires_at < $1", now.to_utc()).execute(conn).await?;
    Ok(gone.rows_affected())
}

/// Expires one proposal whose visit was due before `due_before`, and tells the vehicle's lane in
/// the same transaction; false if there is none.
pub async fn expire_proposal(conn: &mut PgConnection, now: Time, due_before: Time) -> sqlx::Result<bool> {
    let found = query!(
        "select order_id, vehicle_id, dealer_id from work_order
         where state = $2 and due_at < $1 and flagged_because is null
         limit 1 for update skip locked",
        due_before.to_utc(),
        OrderState::Proposed.word(),
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(order) = found else { return Ok(false) };
    let moved = step(OrderState::Proposed, OrderState::Expired, &Facts::default(), NOBODY);
    let moved = moved.map_err(|refusal| sqlx::Error::Encode(refusal.into()))?;
    query!(
        "update work_order set state = $2, version = version + 1 where order_id = $1",
        order.order_id,
        moved.to.word()
    )
    .execute(&mut *conn)
    .await?;
    query!(
        "insert into work_order_transition (order_id, transition_no, dealer_id, from_state, to_state, moved_at, because)
         select $1, coalesce(max(transition_no), 0) + 1, $2, $6, $3, $4, $5
         from work_order_transition where order_id = $1",
        order.order_id,
        order.dealer_id,
        moved.to.word(),
        now.to_utc(),
        NOBODY,
        OrderState::Proposed.word(),
    )
    .execute(&mut *conn)
    .await?;
    let vehicle =
        VehicleId::try_new(&order.vehicle_id).map_err(|_| unknown_word("work_order.vehicle_id", &order.vehicle_id))?;
    let event = moved.tell.unwrap_or(OrderMove::Expired);
    command(conn, &vehicle, &Command::Order { order: order.order_id, event, effective_at: now }).await?;
    Ok(true)
}

/// Rings the pages of the dealers whose orders became overdue between two instants.
pub async fn tell_overdue(conn: &mut PgConnection, since: Time, now: Time) -> sqlx::Result<u64> {
    let told = query_scalar!(
        r#"
        select count(pg_notify('premend_console', dealer_id::text)) as "told!"
        from (
            select distinct dealer_id from work_order
            where due_at > $1 and due_at <= $2
              and state = any($3)
        ) overdue
        "#,
        since.to_utc(),
        now.to_utc(),
        &OrderState::open_words(),
    )
    .fetch_one(conn)
    .await?;
    Ok(told as u64)
}
