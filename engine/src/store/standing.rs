//! How things stand behind a notice at this moment, for the relay's re-check.
//!
//! `notification_standing` (migration 0009) joins the case, the order, the role and the consent;
//! none of them is copied into the outbox, where it would grow old.

use chrono::NaiveTime;
use rules::case::NoticeStage;
use rules::unit::Time;
use sqlx::{PgConnection, query, query_as, query_scalar};
use tracing::warn;
use uuid::Uuid;

use super::notice::Notice;
use super::unknown_word;
use crate::crm::notice::{CaseStanding, OrderStanding, QuietHours, Told};
use crate::crm::order_state::OrderState;

/// What is known behind a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub case: Option<CaseStanding>,
    /// A notice that it is over was enqueued.
    pub resolved: bool,
    pub order: Option<OrderStanding>,
    pub has_role: bool,
    pub has_consent: bool,
    pub told: Told,
}

/// A person's quiet hours, as stored.
#[derive(Clone, Debug)]
pub struct Preferences {
    pub timezone: String,
    pub quiet_from: NaiveTime,
    pub quiet_to: NaiveTime,
}

impl Preferences {
    /// When the person is not written to; in Shanghai's time where the zone is not known.
    pub fn quiet_hours(&self) -> QuietHours {
        let timezone = self.timezone.parse().unwrap_or_else(|_| {
            warn!(timezone = self.timezone, "unknown time zone of a person, taking Shanghai's");
            chrono_tz::Asia::Shanghai
        });
        QuietHours { timezone, from: self.quiet_from, to: self.quiet_to }
    }
}

/// Words of the states in which there will be no visit, and of those in which nobody has agreed on one.
fn dropped() -> Vec<String> {
    OrderState::words_where(|state| OrderStanding::of(state) == OrderStanding::Dropped)
}

fn waiting() -> Vec<String> {
    OrderState::words_where(|state| OrderStanding::of(state) == OrderStanding::Waiting)
}

fn order_standing_of(word: &str) -> sqlx::Result<OrderStanding> {
    let state = OrderState::from_word(word).ok_or_else(|| unknown_word("work_order.state", word))?;
    Ok(OrderStanding::of(state))
}

/// Reads how things stand behind an outbox entry.
pub async fn of_entry(conn: &mut PgConnection, outbox: Uuid, now: Time) -> sqlx::Result<Standing> {
    let row = query!(
        r#"
        select case_status as "case_status?", case_eased as "case_eased!", order_state as "order_state?",
            resolved as "resolved!",
            coalesce(role_until > $2, false) as "has_role!",
            coalesce(consent_until > $2, false) as "has_consent!",
            -- What went to the same addressee by the same channel about the same matter.
            (
                select case
                        when bool_or(exists (
                            select from attempt
                            where attempt.outbox_id = entry.outbox_id and attempt.outcome = 'delivered'
                        )) then 'yes'
                        when bool_or(entry.state = 'queued') then 'under_way'
                    end
                from notification earlier
                join outbox entry using (notification_id)
                where earlier.vehicle_id = notification.vehicle_id
                  and earlier.person_id is not distinct from notification.person_id
                  and earlier.stage <> $3
                  and entry.channel = outbox.channel
                  and (earlier.case_id = notification.case_id or earlier.order_id = notification.order_id)
            ) as told
        from outbox
        join notification using (notification_id)
        join notification_standing using (notification_id)
        where outbox_id = $1
        "#,
        outbox,
        now.to_utc(),
        NoticeStage::Resolved.word(),
    )
    .fetch_one(conn)
    .await?;
    let case = row.case_status.map(|status| CaseStanding { open: status == "open", eased: row.case_eased });
    Ok(Standing {
        case,
        resolved: row.resolved,
        order: row.order_state.as_deref().map(order_standing_of).transpose()?,
        has_role: row.has_role,
        has_consent: row.has_consent,
        told: match row.told.as_deref() {
            Some("yes") => Told::Yes,
            Some(_) => Told::UnderWay,
            None => Told::Never,
        },
    })
}

/// Locks the person's row until the end of the transaction, so that two notices to one person
/// cannot both take the last place of the budget. To be called as `premend_person`.
pub async fn lock_person(conn: &mut PgConnection, person: Uuid) -> sqlx::Result<Option<Preferences>> {
    query_as!(
        Preferences,
        "select timezone, quiet_from, quiet_to from person.person where person_id = $1 for update",
        person,
    )
    .fetch_optional(conn)
    .await
}

/// A person's quiet hours, to be looked at. To be called as `premend_person`.
pub async fn preferences(conn: &mut PgConnection, person: Uuid) -> sqlx::Result<Option<Preferences>> {
    query_as!(Preferences, "select timezone, quiet_from, quiet_to from person.person where person_id = $1", person)
        .fetch_optional(conn)
        .await
}

/// When the person was contacted of our own accord in a span of time, both ends included.
pub async fn contacts_between(conn: &mut PgConnection, person: Uuid, from: Time, to: Time) -> sqlx::Result<Vec<Time>> {
    let times = query_scalar!(
        r#"
        select min(budgeted_at) as "budgeted_at!" from notification join outbox using (notification_id)
        where person_id = $1 and budgeted_at between $2 and $3 and state in ('queued', 'delivered')
        group by notification_id
        "#,
        person,
        from.to_utc(),
        to.to_utc(),
    )
    .fetch_all(conn)
    .await?;
    Ok(times.into_iter().map(Time::from).collect())
}

/// When the person was contacted of our own accord since then, about other matters than this one.
pub async fn contacts_since(conn: &mut PgConnection, notice: &Notice, since: Time) -> sqlx::Result<Vec<Time>> {
    let times = query_scalar!(
        r#"
        select min(budgeted_at) as "budgeted_at!"
        from notification
        join outbox using (notification_id)
        where person_id = $1 and notification_id <> $2 and budgeted_at > $3
          -- A place that was taken for nothing is free again.
          and state in ('queued', 'delivered')
        group by notification_id
        "#,
        notice.person,
        notice.notification,
        since.to_utc(),
    )
    .fetch_all(conn)
    .await?;
    Ok(times.into_iter().map(Time::from).collect())
}

/// Makes held entries due whose re-check would cancel them, so that this does not wait for morning.
/// The re-check still decides and says why; `to_owners` are the channels that need consent.
pub async fn pull_forward(conn: &mut PgConnection, now: Time, to_owners: &[String]) -> sqlx::Result<u64> {
    let pulled = query!(
        r#"
        update outbox
        set not_before = $1
        from notification
        join notification_standing using (notification_id)
        where outbox.notification_id = notification.notification_id
          and outbox.state = 'queued' and outbox.not_before > $1 and outbox.leased_until is null
          and (
            notification.valid_until <= $1
            or stage <> $5 and (resolved or case_status <> 'open' or case_eased)
            or stage = $6 and order_state = any($3)
            or stage = $6 and outbox.channel = any($2) and order_state <> all($4)
            or outbox.channel = any($2)
                and not (coalesce(role_until > $1, false) and coalesce(consent_until > $1, false))
          )
        "#,
        now.to_utc(),
        to_owners,
        &dropped(),
        &waiting(),
        NoticeStage::Resolved.word(),
        NoticeStage::Opened.word(),
    )
    .execute(conn)
    .await?;
    Ok(pulled.rows_affected())
}

/// Delivered entries that are still valid and whose matter seems to be gone: candidates for being
/// taken back.
pub async fn to_take_back(
    conn: &mut PgConnection,
    now: Time,
    channels: &[String],
    limit: i64,
) -> sqlx::Result<Vec<(Uuid, String)>> {
    let rows = query!(
        r#"
        select outbox_id, channel
        from notification
        join outbox using (notification_id)
        join notification_standing using (notification_id)
        where valid_until > $1 and outbox.state = 'delivered' and channel = any($2) and withdrawn_at is null
          and (
            stage <> $5 and (resolved or case_status <> 'open' or case_eased)
            or stage = $6 and order_state = any($4)
            or not (coalesce(role_until > $1, false) and coalesce(consent_until > $1, false))
          )
        limit $3
        "#,
        now.to_utc(),
        channels,
        limit,
        &dropped(),
        NoticeStage::Resolved.word(),
        NoticeStage::Opened.word(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.outbox_id, row.channel)).collect())
}

/// Notes that a delivered entry was taken back, as one more attempt; false if it was already.
pub async fn mark_taken_back(conn: &mut PgConnection, outbox: Uuid, now: Time, because: &str) -> sqlx::Result<bool> {
    let marked = query!(
        r#"
        with taken as (
            update outbox set withdrawn_at = $2, because = $3, attempts = attempts + 1
            where outbox_id = $1 and withdrawn_at is null
            returning outbox_id, attempts, dealer_id
        )
        insert into attempt (outbox_id, attempt_no, dealer_id, started_at, ended_at, outcome, detail)
        select outbox_id, attempts, dealer_id, $2, $2, 'cancelled', 'taken back: ' || $3 from taken
        "#,
        outbox,
        now.to_utc(),
        because,
    )
    .execute(conn)
    .await?;
    Ok(marked.rows_affected() == 1)
}
