//! Forecasts on record: written once a week and part, followed until it is known what became of them.

use chrono::{DateTime, Utc};
use rules::case::Verdict;
use serde_json::Value;
use sqlx::{PgConnection, query, query_as};

/// A forecast as it was made.
#[derive(Clone, Debug)]
pub struct NewForecast {
    pub vehicle: String,
    pub component: String,
    pub made_at: DateTime<Utc>,
    pub estimator: &'static str,
    pub model: String,
    /// Within 7, 14 and 30 days, then early, central and late: as given, and as told.
    pub raw: (Option<[f64; 3]>, Option<[f64; 3]>),
    pub told: (Option<[f64; 3]>, Option<[f64; 3]>),
}

/// A forecast and what is known of it.
#[derive(Debug)]
pub struct ForecastRow {
    pub estimator: String,
    pub model: String,
    pub made_at: DateTime<Utc>,
    pub raw_within: Option<Vec<f64>>,
    pub told_within: Option<Vec<f64>>,
    pub raw_due: Option<Vec<f64>>,
    pub told_due: Option<Vec<f64>>,
    pub heard_to: DateTime<Utc>,
    pub failed_at: Option<DateTime<Utc>>,
    pub refuted_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// Which of these vehicles have a forecast made after `since`.
pub async fn recorded(
    conn: &mut PgConnection,
    vehicles: &[String],
    since: DateTime<Utc>,
) -> sqlx::Result<Vec<(String, DateTime<Utc>)>> {
    let rows = query!(
        r#"select vehicle_id, max(made_at) as "made_at!" from forecast
           where vehicle_id = any($1) and made_at > $2 group by vehicle_id"#,
        vehicles,
        since
    );
    let rows = rows.fetch_all(conn).await?;
    Ok(rows.into_iter().map(|row| (row.vehicle_id, row.made_at)).collect())
}

/// Writes one down; false if it was already.
pub async fn record(conn: &mut PgConnection, new: &NewForecast) -> sqlx::Result<bool> {
    let column = |figures: Option<[f64; 3]>| figures.map(|figures| figures.to_vec());
    let written = query!(
        "insert into forecast (vehicle_id, component, made_at, estimator, model, raw_within, raw_due, told_within,
             told_due, heard_to)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $3) on conflict do nothing",
        new.vehicle,
        new.component,
        new.made_at,
        new.estimator,
        new.model,
        column(new.raw.0) as _,
        column(new.raw.1) as _,
        column(new.told.0) as _,
        column(new.told.1) as _
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Notes up to when vehicles were heard of, where that still matters.
pub async fn heard(
    conn: &mut PgConnection,
    vehicles: &[String],
    heard_to: &[DateTime<Utc>],
    since: DateTime<Utc>,
) -> sqlx::Result<()> {
    query!(
        "update forecast set heard_to = heard.at
         from unnest($1::text[], $2::timestamptz[]) as heard (vehicle_id, at)
         where forecast.vehicle_id = heard.vehicle_id and made_at > $3 and heard_to < heard.at
           and failed_at is null and refuted_at is null and ended_at is null",
        vehicles,
        heard_to,
        since
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes what became of the forecasts made after `since`; `detecting` are the rules that find a part at its limit.
/// Gives for how many it became known.
pub async fn follow(conn: &mut PgConnection, detecting: &[String], since: DateTime<Utc>) -> sqlx::Result<u64> {
    let followed = query!(
        "with known as (
             select vehicle_id, component, made_at,
                    least(found.at, judged.confirmed) as failed_at, judged.refuted, judged.other
             from forecast
             cross join lateral (
                 select min(finding.opened_at) as at
                 from vehicle_case c join finding using (case_id)
                 where c.vehicle_id = forecast.vehicle_id and c.component = forecast.component and c.mode = 'live'
                   and finding.rule_key = any($1) and finding.status <> 'withdrawn' and finding.opened_at > made_at
             ) found
             cross join lateral (
                 select min(verdict_at) filter (where verdict = $3) as confirmed,
                        min(verdict_at) filter (where verdict = $4) as refuted,
                        min(verdict_at) filter (
                            where verdict = any($5)) as other
                 from work_order o join work_order_line l using (order_id)
                 where o.vehicle_id = forecast.vehicle_id and l.component = forecast.component and verdict_at > made_at
             ) judged
             where made_at > $2 and failed_at is null and refuted_at is null and ended_at is null
         )
         update forecast set
             -- What came first is what became of it.
             failed_at = case when known.failed_at <= least(refuted, other, 'infinity') then known.failed_at end,
             refuted_at = case when refuted < least(known.failed_at, other, 'infinity') then refuted end,
             ended_at = case when other < least(known.failed_at, 'infinity') and other <= least(refuted, 'infinity')
                        then other end
         from known
         where forecast.vehicle_id = known.vehicle_id and forecast.component = known.component
           and forecast.made_at = known.made_at and num_nonnulls(known.failed_at, refuted, other) > 0",
        detecting,
        since,
        Verdict::Confirmed.word(),
        Verdict::NoFaultFound.word(),
        &[Verdict::PrecautionaryReplaced, Verdict::ConfirmedOtherCause].map(|verdict| verdict.word().to_owned())
    )
    .execute(conn)
    .await?;
    Ok(followed.rows_affected())
}

/// The forecasts made after `since`, the newest of them, at most `limit`.
pub async fn rows(conn: &mut PgConnection, since: DateTime<Utc>, limit: i64) -> sqlx::Result<Vec<ForecastRow>> {
    query_as!(
        ForecastRow,
        "select estimator, model, made_at, raw_within, told_within, raw_due, told_due, heard_to, failed_at, refuted_at,
                ended_at
         from forecast where made_at > $1 order by made_at desc limit $2",
        since,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Forgets those made before; gives how many.
pub async fn forget(conn: &mut PgConnection, before: DateTime<Utc>) -> sqlx::Result<u64> {
    Ok(query!("delete from forecast where made_at < $1", before).execute(conn).await?.rows_affected())
}

/// How forecasts held, by estimator and model; an empty model is all of them.
#[derive(Debug)]
pub struct Figures {
    pub estimator: String,
    pub model: String,
    pub held: Value,
    pub judged_at: DateTime<Utc>,
}

/// Writes the figures over those of before.
pub async fn show(conn: &mut PgConnection, figures: &[Figures]) -> sqlx::Result<()> {
    query!("delete from forecast_figures").execute(&mut *conn).await?;
    for one in figures {
        query!(
            "insert into forecast_figures (estimator, model, held, judged_at) values ($1, $2, $3, $4)",
            one.estimator,
            one.model,
            one.held,
            one.judged_at
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

pub async fn figures(conn: &mut PgConnection) -> sqlx::Result<Vec<Figures>> {
    query_as!(Figures, "select estimator, model, held, judged_at from forecast_figures order by estimator, model")
        .fetch_all(conn)
        .await
}
