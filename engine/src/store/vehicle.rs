//! A vehicle: profile, readings, cases, orders, services, notices and what it sent that was refused.
//!
//! Readings are read through the view `vehicle_sample`, which shows those of visible vehicles only.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, query_as, query_scalar};
use uuid::Uuid;

/// What is known of a vehicle that is not measured.
#[derive(Clone, Debug)]
pub struct VehicleRow {
    pub vehicle_id: String,
    pub dealer_id: Uuid,
    pub dealer_name: String,
    pub model: String,
    pub model_year: i16,
    pub powertrain: String,
    pub region: String,
    pub delivered_at: DateTime<Utc>,
    pub registered_by: String,
    pub owner: Option<Uuid>,
    /// Purposes with a live consent.
    pub consents: Vec<String>,
}

/// The last value of a signal.
#[derive(Clone, Copy, Debug)]
pub struct LastValue {
    pub signal: i16,
    pub measured_at: DateTime<Utc>,
    pub value: f64,
}

/// The values of a signal within one step of a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub signal: i16,
    pub at: DateTime<Utc>,
    pub low: f64,
    pub mean: f64,
    pub high: f64,
}

/// A case as listed.
#[derive(Clone, Debug)]
pub struct CaseRow {
    pub case_id: Uuid,
    pub component: String,
    pub severity: i16,
    pub status: String,
    pub rule_key: String,
    pub rule_version: i32,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub confidence: f64,
    pub order_id: Option<Uuid>,
    pub order_number: Option<i64>,
    pub reason: Option<serde_json::Value>,
}

/// An order as listed.
#[derive(Clone, Debug)]
pub struct OrderRow {
    pub order_id: Uuid,
    pub number: i64,
    pub state: String,
    pub severity: i16,
    pub opened_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub components: Vec<String>,
}

/// What was done to the vehicle.
#[derive(Clone, Debug)]
pub struct ServiceRow {
    pub item: String,
    pub done_at: DateTime<Utc>,
    pub odometer_km: f64,
    pub order_id: Option<Uuid>,
}

/// A notice on one channel, with its attempts.
#[derive(Clone, Debug)]
pub struct NoticeRow {
    pub stage: String,
    pub severity: i16,
    pub template: String,
    pub created_at: DateTime<Utc>,
    pub seen_at: Option<DateTime<Utc>>,
    pub to_person: bool,
    pub order_id: Option<Uuid>,
    pub channel: Option<String>,
    pub state: Option<String>,
    pub because: Option<String>,
    pub attempts: i32,
    pub last_outcome: Option<String>,
    pub last_detail: Option<String>,
}

/// Refused input of the last days, counted.
#[derive(Clone, Debug)]
pub struct RejectionRow {
    pub reason: String,
    pub detail: Option<String>,
    pub count: i64,
    pub last_at: DateTime<Utc>,
}

/// A stretch of measured time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

pub async fn vehicle(conn: &mut PgConnection, vehicle_id: &str) -> sqlx::Result<Option<VehicleRow>> {
    query_as!(
        VehicleRow,
        r#"select vehicle_id, vehicle.dealer_id, dealer.name as dealer_name, model, model_year, powertrain, region,
                  delivered_at, registered_by,
                  (select person_id from vehicle_role where vehicle_role.vehicle_id = vehicle.vehicle_id
                   and role = 'owner' and valid_to is null) as owner,
                  array(select distinct purpose from consent where consent.vehicle_id = vehicle.vehicle_id
                        and withdrawn_at is null and (expires_at is null or expires_at > now())
                        order by purpose) as "consents!"
           from vehicle join dealer on dealer.dealer_id = vehicle.dealer_id where vehicle_id = $1"#,
        vehicle_id
    )
    .fetch_optional(conn)
    .await
}

/// The last value of each signal among the vehicle's newest readings.
pub async fn last_values(conn: &mut PgConnection, vehicle_id: &str) -> sqlx::Result<Vec<LastValue>> {
    query_as!(
        LastValue,
        r#"select distinct on (signal) signal as "signal!", measured_at as "measured_at!", value as "value!" from (
               select signal, measured_at, value from vehicle_sample
               where vehicle_id = $1 order by measured_at desc limit 20000) newest
           order by signal, measured_at desc"#,
        vehicle_id
    )
    .fetch_all(conn)
    .await
}

/// Values of signals in a window, in steps of `step_s` seconds that hold any.
pub async fn series(
    conn: &mut PgConnection,
    vehicle_id: &str,
    signals: &[i16],
    window: Window,
    step_s: f64,
) -> sqlx::Result<Vec<Point>> {
    query_as!(
        Point,
        r#"select signal as "signal!", max(measured_at) as "at!", min(value) as "low!", avg(value) as "mean!",
                  max(value) as "high!"
           from vehicle_sample
           where vehicle_id = $1 and signal = any($2) and measured_at between $3 and $4
           group by signal, date_bin(make_interval(secs => $5), measured_at, $3)
           order by 1, 2"#,
        vehicle_id,
        signals,
        window.from,
        window.to,
        step_s
    )
    .fetch_all(conn)
    .await
}

/// How full a window is of a signal's readings.
#[derive(Clone, Copy, Debug)]
pub struct Fullness {
    pub readings: i64,
    /// Of twelve equal parts, those that hold a reading.
    pub parts: i64,
}

/// How full the windows from each of `froms` to `to` are, in the order of `froms`.
pub async fn fullness(
    conn: &mut PgConnection,
    vehicle_id: &str,
    signal: i16,
    froms: &[DateTime<Utc>],
    to: DateTime<Utc>,
) -> sqlx::Result<Vec<Fullness>> {
    query_as!(
        Fullness,
        r#"select count(s.value) as "readings!",
                  count(distinct width_bucket(extract(epoch from s.measured_at), extract(epoch from start.at),
                                              extract(epoch from $4) + 0.001, 12))
                      filter (where s.value is not null) as "parts!"
           from unnest($3::timestamptz[]) with ordinality as start (at, n)
           left join vehicle_sample s
               on s.vehicle_id = $1 and s.signal = $2 and s.measured_at between start.at and $4
           group by n order by n"#,
        vehicle_id,
        signal,
        froms,
        to
    )
    .fetch_all(conn)
    .await
}

/// Live cases of a vehicle, open ones first, then newest.
pub async fn cases(conn: &mut PgConnection, vehicle_id: &str) -> sqlx::Result<Vec<CaseRow>> {
    query_as!(
        CaseRow,
        r#"select c.case_id, component, severity, status, rule_key, rule_version, opened_at, closed_at, confidence,
                  visit.order_id as "order_id?", visit.number as "order_number?", worst.opened_because as "reason?"
           from vehicle_case c
           left join lateral (
               select o.order_id, o.number from work_order_line l join work_order o using (order_id)
               where l.case_id = c.case_id order by o.visit desc limit 1) visit on true
           left join lateral (
               select opened_because from finding where finding.case_id = c.case_id
               order by (status = 'open') desc, severity, ordinal limit 1) worst on true
           where c.vehicle_id = $1 and mode = 'live'
           order by (status = 'open') desc, opened_at desc limit 60"#,
        vehicle_id
    )
    .fetch_all(conn)
    .await
}

/// Orders of a vehicle, newest first.
pub async fn orders(conn: &mut PgConnection, vehicle_id: &str) -> sqlx::Result<Vec<OrderRow>> {
    query_as!(
        OrderRow,
        r#"select order_id, number, state, severity, opened_at, due_at,
                  array(select component from work_order_line l where l.order_id = o.order_id
                        order by l.severity, component) as "components!"
           from work_order o where vehicle_id = $1 order by visit desc limit 30"#,
        vehicle_id
    )
    .fetch_all(conn)
    .await
}

/// Services done, newest first.
pub async fn services(conn: &mut PgConnection, vehicle_id: &str) -> sqlx::Result<Vec<ServiceRow>> {
    query_as!(
        ServiceRow,
        "select item, done_at, odometer_km, order_id from service_record
         where vehicle_id = $1 order by done_at desc limit 30",
        vehicle_id
    )
    .fetch_all(conn)
    .await
}

/// Notices about a vehicle, newest first, one row per channel.
pub async fn notices(conn: &mut PgConnection, vehicle_id: &str) -> sqlx::Result<Vec<NoticeRow>> {
    query_as!(
        NoticeRow,
        r#"select stage, severity, template, created_at, seen_at, person_id is not null as "to_person!", n.order_id,
                  o.channel as "channel?", o.state as "state?", o.because, coalesce(o.attempts, 0) as "attempts!",
                  last.outcome as "last_outcome?", last.detail as "last_detail?"
           from notification n
           left join outbox o using (notification_id)
           left join lateral (
               select outcome, detail from attempt where attempt.outbox_id = o.outbox_id
               order by attempt_no desc limit 1) last on true
           where vehicle_id = $1 order by created_at desc, o.channel limit 40"#,
        vehicle_id
    )
    .fetch_all(conn)
    .await
}

/// What the vehicle sent in the last 30 days that was refused, by reason.
pub async fn rejections(conn: &mut PgConnection, vehicle_id: &str) -> sqlx::Result<Vec<RejectionRow>> {
    query_as!(
        RejectionRow,
        r#"select reason, max(detail) as detail, count(*) as "count!", max(received_at) as "last_at!"
           from rejection join vehicle using (vehicle_id)
           where vehicle_id = $1 and received_at > now() - interval '30 days'
           group by reason order by 4 desc limit 20"#,
        vehicle_id
    )
    .fetch_all(conn)
    .await
}

/// The order people call by this number.
pub async fn order_by_number(conn: &mut PgConnection, number: i64) -> sqlx::Result<Option<Uuid>> {
    query_scalar!("select order_id from work_order where number = $1", number).fetch_optional(conn).await
}
