//! Activations: which rule set was proposed by whom and why, who agreed, and which one is in force.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, query, query_as, query_scalar};
use uuid::Uuid;

/// A row of the history.
#[derive(Clone, Debug)]
pub struct ActivationRow {
    pub activation_id: i64,
    pub rule_set_hash: Vec<u8>,
    pub origin: String,
    pub author: String,
    pub reason: String,
    pub changes: serde_json::Value,
    pub needs_approval: bool,
    pub state: String,
    pub decided_by: Option<String>,
    pub proposed_at: DateTime<Utc>,
    pub decided_at: Option<DateTime<Utc>>,
    pub active_at: Option<DateTime<Utc>>,
    /// The dealer whose own part it changes.
    pub dealer_id: Option<Uuid>,
    pub author_account: Option<Uuid>,
    pub proof: Option<serde_json::Value>,
}

/// A proposal.
pub struct NewActivation<'a> {
    pub rule_set_hash: &'a [u8],
    /// Of the same set without what was learned.
    pub written_hash: &'a [u8],
    pub origin: &'a str,
    pub author: &'a str,
    pub reason: &'a str,
    pub changes: serde_json::Value,
    pub needs_approval: bool,
    pub proposed_at: DateTime<Utc>,
    pub dealer_id: Option<Uuid>,
    pub author_account: Option<Uuid>,
    /// None: that of the set in force, whose written part it keeps.
    pub proof: Option<serde_json::Value>,
    /// It loses safety, and nobody is asked.
    pub refused: bool,
}

/// Adds a proposal; one that nobody has to agree to is approved at once.
pub async fn propose(conn: &mut PgConnection, new: NewActivation<'_>) -> sqlx::Result<i64> {
    let state = match (new.refused, new.needs_approval) {
        (true, _) => "rejected",
        (false, true) => "waiting",
        (false, false) => "approved",
    };
    query_scalar!(
        "insert into activation (rule_set_hash, origin, author, reason, changes, needs_approval, state, proposed_at,
                                 written_hash, dealer_id, author_account, proof)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
                 coalesce($12, (select proof from activation where state = 'active')))
         returning activation_id",
        new.rule_set_hash,
        new.origin,
        new.author,
        new.reason,
        new.changes,
        new.needs_approval,
        state,
        new.proposed_at,
        new.written_hash,
        new.dealer_id,
        new.author_account,
        new.proof
    )
    .fetch_one(conn)
    .await
}

/// The set in force, if any ever was.
pub async fn active(conn: &mut PgConnection) -> sqlx::Result<Option<Vec<u8>>> {
    query_scalar!("select rule_set_hash from activation where state = 'active'").fetch_optional(conn).await
}

/// Whether these rules were ever proposed by people, whatever became of them and was learned since.
pub async fn is_known(conn: &mut PgConnection, written_hash: &[u8]) -> sqlx::Result<bool> {
    let found =
        query_scalar!("select 1 from activation where written_hash = $1 and dealer_id is null limit 1", written_hash);
    Ok(found.fetch_optional(conn).await?.is_some())
}

/// Whether these rules wait for a second person.
pub async fn is_waiting(conn: &mut PgConnection, written_hash: &[u8]) -> sqlx::Result<bool> {
    let found = query_scalar!(
        "select 1 from activation where written_hash = $1 and state = 'waiting' and dealer_id is null limit 1",
        written_hash
    );
    Ok(found.fetch_optional(conn).await?.is_some())
}

/// The first approved proposal that is not in force yet: each is laid over what is in force then.
pub async fn approved(conn: &mut PgConnection) -> sqlx::Result<Option<ActivationRow>> {
    query_as!(
        ActivationRow,
        "select activation_id, rule_set_hash, origin, author, reason, changes, needs_approval, state, decided_by,
                proposed_at, decided_at, active_at, dealer_id, author_account, proof
         from activation where state = 'approved' order by activation_id limit 1"
    )
    .fetch_optional(conn)
    .await
}

/// Puts an approved proposal into force as this set; what was in force, and approved before it, is replaced.
pub async fn activate(
    conn: &mut PgConnection,
    activation_id: i64,
    rule_set_hash: &[u8],
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    query!(
        "update activation set state = 'replaced'
         where state = 'active' or (state = 'approved' and activation_id < $1)",
        activation_id
    )
    .execute(&mut *conn)
    .await?;
    query!(
        "update activation set state = 'active', active_at = $2, rule_set_hash = $3 where activation_id = $1",
        activation_id,
        at,
        rule_set_hash
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A proposal cannot take effect; the reason is kept with it.
pub async fn refuse(conn: &mut PgConnection, activation_id: i64, why: &str) -> sqlx::Result<()> {
    query!(
        "update activation set state = 'rejected', reason = reason || ': ' || $2
         where activation_id = $1 and state in ('waiting', 'approved')",
        activation_id,
        why
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Somebody who answers.
#[derive(Clone, Copy, Debug)]
pub struct Answerer<'a> {
    pub login: &'a str,
    pub account: Uuid,
}

/// Answers a waiting proposal; false if it no longer waits or `who` made it.
pub async fn decide(
    conn: &mut PgConnection,
    activation_id: i64,
    approve: bool,
    who: Answerer<'_>,
) -> sqlx::Result<bool> {
    let done = query!(
        "update activation set state = $2, decided_by = $3, decided_by_account = $4, decided_at = now()
         where activation_id = $1 and state = 'waiting' and author <> $3 and author_account is distinct from $4",
        activation_id,
        if approve { "approved" } else { "rejected" },
        who.login,
        who.account
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The newest part of the history, newest first.
pub async fn history(conn: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<ActivationRow>> {
    query_as!(
        ActivationRow,
        "select activation_id, rule_set_hash, origin, author, reason, changes, needs_approval, state, decided_by,
                proposed_at, decided_at, active_at, dealer_id, author_account, proof
         from activation order by activation_id desc limit $1",
        limit
    )
    .fetch_all(conn)
    .await
}

/// One row of it.
pub async fn find(conn: &mut PgConnection, activation_id: i64) -> sqlx::Result<Option<ActivationRow>> {
    query_as!(
        ActivationRow,
        "select activation_id, rule_set_hash, origin, author, reason, changes, needs_approval, state, decided_by,
                proposed_at, decided_at, active_at, dealer_id, author_account, proof
         from activation where activation_id = $1",
        activation_id
    )
    .fetch_optional(conn)
    .await
}
