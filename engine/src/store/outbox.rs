//! The outbox: entries claimed with a lease, and every attempt on record.
//!
//! A lease is a time of the engine that no step of any clock touches ([`crate::clock::Clock::steady`]): one engine runs
//! on a database, and at its start it releases what an earlier one held. When an entry is due is the product's time.
//! `leased_until` doubles as the token of the claim: a relay that lost the lease can no longer decide what becomes of the
//! entry.

use rules::unit::Time;
use sqlx::{PgConnection, query, query_as, query_scalar};
use uuid::Uuid;

use chrono::{DateTime, Utc};

/// An entry under a lease.
#[derive(Clone, Debug)]
pub struct Claim {
    pub outbox: Uuid,
    pub dealer: Uuid,
    pub channel: String,
    /// Attempts begun so far; the number of the current one once it has begun.
    pub attempts: i32,
    /// Somebody else's lease had run out.
    pub taken_over: bool,
    /// End of the lease, and what proves that it is still ours.
    token: DateTime<Utc>,
}

/// What became of an attempt; the words of column `attempt.outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptOutcome {
    Delivered,
    Retry,
    Parked,
    Cancelled,
}

impl AttemptOutcome {
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Retry, Self::Parked, Self::Cancelled];

    pub const fn key(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry => "retry",
            Self::Parked => "parked",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A finished attempt.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    pub started_at: Time,
    pub ended_at: Time,
    pub outcome: AttemptOutcome,
    pub detail: Option<&'a str>,
}

/// Entries of a channel that wait.
#[derive(Clone, Debug)]
pub struct Depth {
    pub channel: String,
    pub queued: i64,
    pub parked: i64,
    /// Of those that are due.
    pub oldest_due: Option<Time>,
}

/// From when to when a lease lasts, in steady time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub from: Time,
    pub until: Time,
}

/// Lets go of everything that is held: at the start of an engine nobody holds anything.
pub async fn release(conn: &mut PgConnection) -> sqlx::Result<u64> {
    let held = query!("update outbox set leased_until = 'epoch' where leased_until is not null and state = 'queued'");
    Ok(held.execute(conn).await?.rows_affected())
}

/// Claims up to `limit` due entries, the most urgent first, skipping what others hold.
#[tracing::instrument(name = "db.outbox.claim", level = "debug", skip_all)]
pub async fn claim(conn: &mut PgConnection, now: Time, lease: Lease, limit: i64) -> sqlx::Result<Vec<Claim>> {
    query_as!(
        Claim,
        r#"
        with due as (
            select outbox.outbox_id, outbox.leased_until is not null as taken_over
            from outbox
            join notification using (notification_id)
            where outbox.state = 'queued'
              and outbox.not_before <= $1
              -- A lease that ran out belongs to a relay that died or hangs.
              and (outbox.leased_until is null or outbox.leased_until < $4)
            order by notification.severity, outbox.not_before
            limit $3
            -- Two relays side by side share the work instead of waiting for each other.
            for update of outbox skip locked
        )
        update outbox
        set leased_until = $2
        from due
        where outbox.outbox_id = due.outbox_id
        returning outbox.outbox_id as outbox, outbox.dealer_id as dealer, outbox.channel, outbox.attempts,
            due.taken_over as "taken_over!", outbox.leased_until as "token!"
        "#,
        now.to_utc(),
        lease.until.to_utc(),
        limit,
        lease.from.to_utc(),
    )
    .fetch_all(conn)
    .await
}

/// Locks the entry for the re-check; false when the lease was lost meanwhile.
#[tracing::instrument(name = "db.outbox.hold", level = "debug", skip_all)]
pub async fn hold_claim(conn: &mut PgConnection, claim: &Claim) -> sqlx::Result<bool> {
    let held = query_scalar!(
        "select outbox_id from outbox where outbox_id = $1 and leased_until = $2 and state = 'queued' for update",
        claim.outbox,
        claim.token,
    )
    .fetch_optional(conn)
    .await?;
    Ok(held.is_some())
}

/// Begins an attempt: it has a number from now on, the lease starts anew, and the place in the
/// person's contact budget, if it takes one, is taken.
#[tracing::instrument(name = "db.attempt.begin", level = "debug", skip_all)]
pub async fn begin_attempt(
    conn: &mut PgConnection,
    claim: &mut Claim,
    lease: Lease,
    budgeted_at: Option<Time>,
) -> sqlx::Result<()> {
    let begun = query!(
        r#"
        update outbox
        set attempts = attempts + 1, because = null, leased_until = $2,
            budgeted_at = coalesce(budgeted_at, $3)
        where outbox_id = $1
        returning attempts, leased_until as "token!"
        "#,
        claim.outbox,
        lease.until.to_utc(),
        budgeted_at.map(Time::to_utc),
    )
    .fetch_one(conn)
    .await?;
    claim.attempts = begun.attempts;
    claim.token = begun.token;
    Ok(())
}

/// Puts the entry back without an attempt; `because` says what it waits for.
#[tracing::instrument(name = "db.outbox.postpone", level = "debug", skip_all)]
pub async fn postpone(conn: &mut PgConnection, claim: &Claim, until: Time, because: &str) -> sqlx::Result<()> {
    query!(
        "update outbox set not_before = $2, leased_until = null, because = $3 where outbox_id = $1 and leased_until = $4",
        claim.outbox,
        until.to_utc(),
        because,
        claim.token,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes the attempt down; its number was given by [`begin_attempt`], so a repeat changes nothing.
#[tracing::instrument(name = "db.attempt.record", level = "debug", skip_all)]
pub async fn record_attempt(conn: &mut PgConnection, claim: &Claim, attempt: &Attempt<'_>) -> sqlx::Result<()> {
    query!(
        "insert into attempt (outbox_id, attempt_no, dealer_id, started_at, ended_at, outcome, detail)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict do nothing",
        claim.outbox,
        claim.attempts,
        claim.dealer,
        attempt.started_at.to_utc(),
        attempt.ended_at.to_utc(),
        attempt.outcome.key(),
        attempt.detail,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends an entry as delivered. Not bound to the lease: whoever delivered it, it is delivered.
#[tracing::instrument(name = "db.outbox.deliver", level = "debug", skip_all)]
pub async fn mark_delivered(conn: &mut PgConnection, claim: &Claim) -> sqlx::Result<()> {
    query!(
        "update outbox set state = 'delivered', leased_until = null, because = null
         where outbox_id = $1 and state in ('queued', 'parked')",
        claim.outbox,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends an entry that must not or cannot be delivered.
#[tracing::instrument(name = "db.outbox.end", level = "debug", skip_all)]
pub async fn end_undelivered(
    conn: &mut PgConnection,
    claim: &Claim,
    outcome: AttemptOutcome,
    because: &str,
) -> sqlx::Result<()> {
    query!(
        "update outbox set state = $2, leased_until = null, because = $3 where outbox_id = $1 and leased_until = $4",
        claim.outbox,
        outcome.key(),
        because,
        claim.token,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What waits, by channel; read at every scrape.
pub async fn depth(conn: &mut PgConnection, now: Time) -> sqlx::Result<Vec<Depth>> {
    let rows = query!(
        r#"
        select channel,
            count(*) filter (where state = 'queued') as "queued!",
            count(*) filter (where state = 'parked') as "parked!",
            min(not_before) filter (where state = 'queued' and not_before <= $1) as oldest_due
        from outbox
        where state in ('queued', 'parked')
        group by channel
        "#,
        now.to_utc(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Depth {
            channel: row.channel,
            queued: row.queued,
            parked: row.parked,
            oldest_due: row.oldest_due.map(Time::from),
        })
        .collect())
}
