//! Notices as they were written, and which of them a car still has to hear.
//!
//! A notice holds no personal data; `variables` fills its template.

use rules::case::NoticeStage;
use rules::entry::phrase::Values;
use rules::unit::{Locale, Severity, Text, Time};
use rules::vehicle::VehicleId;
use sqlx::types::Json;
use sqlx::{PgConnection, query, query_as};
use uuid::Uuid;

use chrono::{DateTime, Utc};

use super::unknown_word;
use crate::crm::hours;

/// A notice.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub notification: Uuid,
    pub vehicle: VehicleId,
    pub dealer: Uuid,
    /// Nobody: the car itself.
    pub person: Option<Uuid>,
    pub case: Uuid,
    pub order: Option<Uuid>,
    pub stage: NoticeStage,
    pub severity: Severity,
    pub template: String,
    pub locale: Locale,
    /// Fill the template; nothing personal.
    pub variables: Values,
    pub dealer_name: String,
    pub dealer_phone: Option<String>,
    /// When somebody answers there; `None` where nobody told.
    pub dealer_hours: Option<Text>,
    pub created_at: Time,
    pub valid_until: Time,
}

/// What a car hears again when it connects.
#[derive(Clone, Debug)]
pub struct Repeat {
    pub notice: Notice,
    /// It was taken back: the car is told to drop it.
    pub taken_back: bool,
}

struct NoticeRow {
    notification_id: Uuid,
    vehicle_id: String,
    dealer_id: Uuid,
    person_id: Option<Uuid>,
    case_id: Uuid,
    order_id: Option<Uuid>,
    stage: String,
    severity: i16,
    template: String,
    locale: String,
    variables: Json<Values>,
    dealer_name: String,
    dealer_phone: Option<String>,
    opening_hours: serde_json::Value,
    created_at: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    taken_back: bool,
}

/// The severity of a column that is checked to be 1 to 4.
fn severity_of(number: i16) -> sqlx::Result<Severity> {
    u8::try_from(number)
        .ok()
        .and_then(Severity::from_number)
        .ok_or_else(|| unknown_word("notification.severity", &number.to_string()))
}

impl TryFrom<NoticeRow> for Notice {
    type Error = sqlx::Error;

    fn try_from(row: NoticeRow) -> sqlx::Result<Self> {
        let stage = NoticeStage::from_word(&row.stage).ok_or_else(|| unknown_word("notification.stage", &row.stage))?;
        let locale = Locale::ALL.into_iter().find(|locale| locale.tag() == row.locale);
        Ok(Self {
            notification: row.notification_id,
            vehicle: VehicleId::try_new(&row.vehicle_id)
                .map_err(|_| unknown_word("notification.vehicle_id", &row.vehicle_id))?,
            dealer: row.dealer_id,
            person: row.person_id,
            case: row.case_id,
            order: row.order_id,
            stage,
            severity: severity_of(row.severity)?,
            template: row.template,
            locale: locale.ok_or_else(|| unknown_word("notification.locale", &row.locale))?,
            variables: row.variables.0,
            dealer_name: row.dealer_name,
            dealer_phone: row.dealer_phone,
            dealer_hours: hours::in_words(&row.opening_hours),
            created_at: row.created_at.into(),
            valid_until: row.valid_until.into(),
        })
    }
}

/// The notice of an outbox entry.
#[tracing::instrument(name = "db.notification.read", level = "debug", skip_all)]
pub async fn of_entry(conn: &mut PgConnection, outbox: Uuid) -> sqlx::Result<Notice> {
    let row = query_as!(
        NoticeRow,
        r#"
        select notification_id, vehicle_id, notification.dealer_id, person_id, case_id, order_id, stage, severity,
            template, locale, variables as "variables!: Json<Values>", notification.created_at, valid_until,
            withdrawn_at is not null as "taken_back!", dealer.name as dealer_name, dealer.phone as dealer_phone,
            opening_hours
        from outbox join notification using (notification_id) join dealer on dealer.dealer_id = notification.dealer_id
        where outbox_id = $1
        "#,
        outbox,
    )
    .fetch_one(conn)
    .await?;
    row.try_into()
}

/// What a car still has to hear by a channel, in the order it was said: delivered and not yet
/// seen, or delivered and taken back.
pub async fn to_repeat(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    channel: &str,
    now: Time,
) -> sqlx::Result<Vec<Repeat>> {
    let rows = query_as!(
        NoticeRow,
        r#"
        select notification_id, vehicle_id, notification.dealer_id, person_id, case_id, order_id, stage, severity,
            template, locale, variables as "variables!: Json<Values>", notification.created_at, valid_until,
            withdrawn_at is not null as "taken_back!", dealer.name as dealer_name, dealer.phone as dealer_phone,
            opening_hours
        from notification join outbox using (notification_id) join dealer on dealer.dealer_id = notification.dealer_id
        where vehicle_id = $1 and channel = $2 and valid_until > $3
          and (seen_at is null or withdrawn_at is not null)
          -- Being delivered just now counts: the car may have connected a moment too late for it.
          and (state = 'delivered' or state = 'queued' and attempts > 0 and leased_until is not null)
        order by notification.created_at
        "#,
        vehicle.as_str(),
        channel,
        now.to_utc(),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| Ok(Repeat { taken_back: row.taken_back, notice: row.try_into()? })).collect()
}

/// The cars that have or soon will have something to hear again, and until when.
pub async fn cars_to_repeat_for(
    conn: &mut PgConnection,
    channel: &str,
    now: Time,
) -> sqlx::Result<Vec<(String, Time)>> {
    let rows = query!(
        r#"
        select vehicle_id, max(valid_until) as "until!"
        from notification join outbox using (notification_id)
        where valid_until > $2 and channel = $1 and state in ('queued', 'delivered')
          and (seen_at is null or withdrawn_at is not null)
        group by vehicle_id
        "#,
        channel,
        now.to_utc(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.vehicle_id, Time::from(row.until))).collect())
}

/// Notes which notices a car reports as seen; foreign and unknown ids change nothing. Called in the
/// transaction that commits the message saying so.
pub async fn mark_seen(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    notices: &[Uuid],
    seen_at: Time,
) -> sqlx::Result<u64> {
    let marked = query!(
        "update notification set seen_at = $3
         where vehicle_id = $1 and notification_id = any($2) and seen_at is null",
        vehicle.as_str(),
        notices,
        seen_at.to_utc(),
    )
    .execute(conn)
    .await?;
    Ok(marked.rows_affected())
}
