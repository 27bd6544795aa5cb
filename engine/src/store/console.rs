//! What every page of the console needs, the inbox, and the commands people give.

use chrono::{DateTime, Utc};
use rules::vehicle::{Command, VehicleId};
use sqlx::{PgConnection, query, query_as, query_scalar};
use uuid::Uuid;

use crate::crm::order_state::OrderState;

/// A dealer as the header names it.
#[derive(Clone, Debug)]
pub struct DealerSign {
    pub name: String,
    pub timezone: String,
}

/// A message in the inbox of a dealer's people.
#[derive(Clone, Debug)]
pub struct InboxMessage {
    pub console_message_id: Uuid,
    pub vehicle_id: String,
    pub order_id: Option<Uuid>,
    pub severity: i16,
    pub title: serde_json::Value,
    pub body: serde_json::Value,
    pub created_at: DateTime<Utc>,
    pub read_at: Option<DateTime<Utc>>,
}

pub async fn dealer(conn: &mut PgConnection, dealer_id: Uuid) -> sqlx::Result<Option<DealerSign>> {
    query_as!(DealerSign, "select name, timezone from dealer where dealer_id = $1", dealer_id)
        .fetch_optional(conn)
        .await
}

/// Unread first, then newest first.
pub async fn messages(conn: &mut PgConnection) -> sqlx::Result<Vec<InboxMessage>> {
    query_as!(
        InboxMessage,
        "select console_message_id, vehicle_id, order_id, severity, title, body, created_at, read_at
         from console_message order by (read_at is null) desc, created_at desc limit 200"
    )
    .fetch_all(conn)
    .await
}

pub async fn unread(conn: &mut PgConnection) -> sqlx::Result<i64> {
    query_scalar!(r#"select count(*) as "count!" from console_message where read_at is null"#).fetch_one(conn).await
}

/// Marks one message read, or all of them; says how many were not.
pub async fn mark_read(conn: &mut PgConnection, id: Option<Uuid>, account_id: Uuid) -> sqlx::Result<u64> {
    let done = query!(
        "update console_message set read_at = now(), read_by = $2
         where read_at is null and ($1::uuid is null or console_message_id = $1)",
        id,
        account_id
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Gives the vehicle's lane a command, in the transaction of the person's own change.
pub async fn command(conn: &mut PgConnection, vehicle: &VehicleId, command: &Command) -> sqlx::Result<()> {
    let body = serde_json::to_value(command).map_err(|error| sqlx::Error::Encode(error.into()))?;
    query!("insert into command (vehicle_id, body) values ($1, $2)", vehicle.as_str(), body).execute(conn).await?;
    Ok(())
}

/// Whether the vehicle's lane has taken every command; read as the engine.
pub async fn all_applied(conn: &mut PgConnection, vehicle: &VehicleId) -> sqlx::Result<bool> {
    let waiting =
        query_scalar!("select 1 from command where vehicle_id = $1 and applied_at is null limit 1", vehicle.as_str());
    Ok(waiting.fetch_optional(conn).await?.is_none())
}

/// How much waits in the store's queues, over all dealers; read as the engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Depths {
    pub outbox_queued: i64,
    pub outbox_parked: i64,
    pub commands_waiting: i64,
    pub reviews_waiting: i64,
    pub orders_open: i64,
}

pub async fn depths(conn: &mut PgConnection) -> sqlx::Result<Depths> {
    query_as!(
        Depths,
        r#"select (select count(*) from outbox where state = 'queued') as "outbox_queued!",
                  (select count(*) from outbox where state = 'parked') as "outbox_parked!",
                  (select count(*) from command where applied_at is null) as "commands_waiting!",
                  (select count(*) from review where state = 'waiting') as "reviews_waiting!",
                  (select count(*) from work_order where state = any($1)) as "orders_open!""#,
        &OrderState::open_words()
    )
    .fetch_one(conn)
    .await
}

/// How much was refused for one reason, over all vehicles; read as the engine.
#[derive(Clone, Debug)]
pub struct RefusedCount {
    pub reason: String,
    pub count: i64,
}

pub async fn refused_since(conn: &mut PgConnection, since: DateTime<Utc>) -> sqlx::Result<Vec<RefusedCount>> {
    query_as!(
        RefusedCount,
        r#"select reason, count(*) as "count!" from rejection where received_at >= $1
           group by reason order by 2 desc"#,
        since
    )
    .fetch_all(conn)
    .await
}
