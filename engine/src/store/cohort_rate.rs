//! What rates of cohorts are counted from: who was on the road, who had a fault, and since when rules are the same.
//!
//! Days are those of reception, for faults as for exposure: a look at the past finds again what it found then.

use chrono::{DateTime, NaiveDate, Utc};
use rules::case::Verdict;
use sqlx::{PgConnection, query_as};

/// Vehicle-days of a model, software and batch within a week.
#[derive(Clone, Debug)]
pub struct Exposure {
    pub model: String,
    pub software: String,
    pub batch: String,
    /// 0 is the newest.
    pub week: i32,
    pub vehicle_days: i64,
}

/// Vehicles of a model, software and batch that were heard.
#[derive(Clone, Debug)]
pub struct Heard {
    pub model: String,
    pub software: String,
    pub batch: String,
    pub vehicles: i64,
}

/// A vehicle had a fault.
#[derive(Clone, Debug)]
pub struct Fault {
    pub vehicle_id: String,
    pub model: String,
    pub software: String,
    pub batch: String,
    pub component: String,
    pub day: NaiveDate,
}

/// A rule came, changed or went.
#[derive(Clone, Debug)]
pub struct RuleChanged {
    pub rule_key: String,
    pub at: DateTime<Utc>,
}

/// Vehicle-days from a day up to and without another, by weeks back from the end.
pub async fn exposure(conn: &mut PgConnection, from: NaiveDate, until: NaiveDate) -> sqlx::Result<Vec<Exposure>> {
    query_as!(
        Exposure,
        r#"
        with heard as (
            select distinct day, vehicle_id from vehicle_day where heard and day >= $1 and day < $2
        ), ran as (
            select vehicle_id, version, since, lead(since) over (partition by vehicle_id order by since) as until
            from vehicle_software
        )
        select model, coalesce(version, '') as "software!", coalesce(to_char(produced_on, 'YYYY-MM'), '') as "batch!",
               ($2::date - 1 - day) / 7 as "week!", count(*) as "vehicle_days!"
        from heard join vehicle using (vehicle_id)
        left join ran on ran.vehicle_id = heard.vehicle_id and day >= since and (until is null or day < until)
        group by 1, 2, 3, 4
        "#,
        from,
        until
    )
    .fetch_all(conn)
    .await
}

/// Vehicles heard from a day up to and without another, each with the software that it ran last.
pub async fn heard(conn: &mut PgConnection, from: NaiveDate, until: NaiveDate) -> sqlx::Result<Vec<Heard>> {
    query_as!(
        Heard,
        r#"
        with heard as (
            select vehicle_id, max(day) as day from vehicle_day where heard and day >= $1 and day < $2 group by 1
        )
        select model, coalesce(ran.version, '') as "software!",
               coalesce(to_char(produced_on, 'YYYY-MM'), '') as "batch!", count(*) as "vehicles!"
        from heard join vehicle using (vehicle_id)
        left join lateral (
            select version from vehicle_software s
            where s.vehicle_id = heard.vehicle_id and s.since <= heard.day order by since desc limit 1) ran on true
        group by 1, 2, 3
        "#,
        from,
        until
    )
    .fetch_all(conn)
    .await
}

/// Faults from a day up to and without another, by vehicle and component in order.
///
/// Live cases that were neither withdrawn nor found to be none, on days on which the vehicle was heard. What a service
/// plan asks for is no fault.
pub async fn faults(conn: &mut PgConnection, from: NaiveDate, until: NaiveDate) -> sqlx::Result<Vec<Fault>> {
    query_as!(
        Fault,
        r#"
        with opened as (
            select case_id, vehicle_id, component, (opened_received_at at time zone 'utc')::date as day
            from vehicle_case
            where mode = 'live' and status <> 'withdrawn'
              and component <> 'service' and component not like 'service.%'
              and opened_received_at >= $1::date::timestamp at time zone 'utc'
              and opened_received_at < $2::date::timestamp at time zone 'utc'
        )
        select opened.vehicle_id, model, coalesce(ran.version, '') as "software!",
               coalesce(to_char(produced_on, 'YYYY-MM'), '') as "batch!", component, day as "day!"
        from opened join vehicle on vehicle.vehicle_id = opened.vehicle_id
        left join lateral (
            select version from vehicle_software s
            where s.vehicle_id = opened.vehicle_id and s.since <= day order by since desc limit 1) ran on true
        -- The last word of a technician.
        left join lateral (
            select verdict from work_order_line l
            where l.case_id = opened.case_id and verdict is not null order by verdict_at desc limit 1) judged on true
        where verdict is distinct from $3
          and exists (select from vehicle_day d where d.day = opened.day and d.vehicle_id = opened.vehicle_id and heard)
        order by opened.vehicle_id, component, day
        "#,
        from,
        until,
        Verdict::NoFaultFound.word()
    )
    .fetch_all(conn)
    .await
}

/// When each rule last changed, of those that did since then. What was learned about a rule is no change of it.
pub async fn rules_changed(conn: &mut PgConnection, since: DateTime<Utc>) -> sqlx::Result<Vec<RuleChanged>> {
    query_as!(
        RuleChanged,
        r#"select change->>'key' as "rule_key!", max(active_at) as "at!"
           from activation cross join jsonb_array_elements(changes) as change
           where active_at > $1 and change->>'learned' is null and change->>'key' is not null
           group by 1"#,
        since
    )
    .fetch_all(conn)
    .await
}
