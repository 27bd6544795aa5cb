//! Acts as written down: who did what, on what, with what outcome. Run as the engine.

use rules::unit::Time;
use serde_json::Value;
use sqlx::{PgConnection, query, query_as};
use uuid::Uuid;

/// A row of `act`.
#[derive(Clone, Debug)]
pub struct NewAct<'a> {
    pub actor: &'a str,
    pub dealer_id: Option<Uuid>,
    pub act: &'a str,
    pub subject: &'a str,
    pub key: Option<&'a str>,
    pub at: Time,
    pub outcome: Value,
}

/// What an actor did under a key.
#[derive(Clone, Debug)]
pub struct EarlierAct {
    pub act: String,
    pub subject: String,
    pub outcome: Value,
}

/// What the actor did under this key before. Waits for a transaction that is doing it right now.
pub async fn under_key(conn: &mut PgConnection, actor: &str, key: &str) -> sqlx::Result<Option<EarlierAct>> {
    // A statement of its own: the next one has to see what was committed while this one waited.
    query!("select pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 33))", actor, key)
        .fetch_one(&mut *conn)
        .await?;
    query_as!(EarlierAct, "select act, subject, outcome from act where actor = $1 and idempotency_key = $2", actor, key)
        .fetch_optional(conn)
        .await
}

pub async fn write_down(conn: &mut PgConnection, new: &NewAct<'_>) -> sqlx::Result<()> {
    query!(
        "insert into act (actor, dealer_id, act, subject, idempotency_key, at, outcome)
         values ($1, $2, $3, $4, $5, $6, $7)",
        new.actor,
        new.dealer_id,
        new.act,
        new.subject,
        new.key,
        new.at.to_utc(),
        new.outcome
    )
    .execute(conn)
    .await?;
    Ok(())
}
