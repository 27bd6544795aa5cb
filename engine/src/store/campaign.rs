//! Proposed campaigns: what the job writes, and what the manufacturer's people read and decide.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, query, query_as, query_scalar};

/// A proposal, whatever became of it.
#[derive(Clone, Debug)]
pub struct ProposalRow {
    pub campaign_proposal_id: i64,
    pub model: String,
    pub software: Option<String>,
    pub batch: Option<String>,
    pub component: String,
    pub looked_at: NaiveDate,
    pub window_days: i32,
    pub faults: i32,
    pub vehicles: i32,
    pub expected: f64,
    pub ratio: f64,
    pub ratio_lower: f64,
    pub ratio_upper: Option<f64>,
    pub q_value: f64,
    pub since: NaiveDate,
    pub weeks: serde_json::Value,
    pub state: String,
    pub proposed_at: DateTime<Utc>,
    pub decided_by: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    pub reason: Option<String>,
    /// Vehicles that belong to the cohort now, heard or not.
    pub concerned: i64,
}

/// The figures of a rise on a day.
#[derive(Clone, Debug)]
pub struct Figures<'a> {
    pub model: &'a str,
    pub software: Option<&'a str>,
    pub batch: Option<&'a str>,
    pub component: &'a str,
    pub looked_at: NaiveDate,
    pub window_days: i32,
    pub faults: i32,
    pub vehicles: i32,
    pub expected: f64,
    pub ratio: f64,
    pub ratio_lower: f64,
    pub ratio_upper: Option<f64>,
    pub q_value: f64,
    pub since: NaiveDate,
    pub weeks: serde_json::Value,
    pub proposed_at: DateTime<Utc>,
}

/// A vehicle of a cohort.
#[derive(Clone, Debug)]
pub struct Concerned {
    pub vehicle_id: String,
    pub dealer: String,
    pub software: Option<String>,
    pub produced_on: Option<NaiveDate>,
    /// When it was last known to have the fault, if it ever was since the change point.
    pub fault_at: Option<DateTime<Utc>>,
}

/// Opens a proposal, or brings the open one up to date; true if it is new.
pub async fn propose(conn: &mut PgConnection, new: &Figures<'_>) -> sqlx::Result<bool> {
    query_scalar!(
        r#"insert into campaign_proposal (model, software, batch, component, looked_at, window_days, faults, vehicles, expected, ratio,
               ratio_lower, ratio_upper, q_value, since, weeks, state, proposed_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'proposed', $16)
           on conflict (model, coalesce(software, ''), coalesce(batch, ''), component) where state = 'proposed'
           do update set looked_at = excluded.looked_at, window_days = excluded.window_days, faults = excluded.faults, vehicles = excluded.vehicles,
               expected = excluded.expected, ratio = excluded.ratio, ratio_lower = excluded.ratio_lower,
               ratio_upper = excluded.ratio_upper, q_value = excluded.q_value, since = excluded.since,
               weeks = excluded.weeks
           -- A row that was there keeps when it was proposed.
           returning xmax::text = '0' as "new!""#,
        new.model,
        new.software,
        new.batch,
        new.component,
        new.looked_at,
        new.window_days,
        new.faults,
        new.vehicles,
        new.expected,
        new.ratio,
        new.ratio_lower,
        new.ratio_upper,
        new.q_value,
        new.since,
        new.weeks,
        new.proposed_at
    )
    .fetch_one(conn)
    .await
}

/// What waits, and what was decided since: the worst first, then the newest.
pub async fn proposals(conn: &mut PgConnection, decided_since: DateTime<Utc>) -> sqlx::Result<Vec<ProposalRow>> {
    query_as!(
        ProposalRow,
        r#"select campaign_proposal_id, model, software, batch, component, looked_at, window_days, faults, vehicles, expected, ratio,
                  ratio_lower, ratio_upper, q_value, since, weeks, state, proposed_at, decided_by, decided_at, reason,
                  (select count(*) from vehicle v
                   left join lateral (
                       select version from vehicle_software s
                       where s.vehicle_id = v.vehicle_id order by since desc limit 1) ran on true
                   where v.model = c.model and (c.software is null or ran.version = c.software)
                     and (c.batch is null or to_char(v.produced_on, 'YYYY-MM') = c.batch)) as "concerned!"
           from campaign_proposal c
           where state = 'proposed' or decided_at > $1
           order by (state = 'proposed') desc, decided_at desc, ratio_lower desc, campaign_proposal_id"#,
        decided_since
    )
    .fetch_all(conn)
    .await
}

/// Answers an open proposal; false if somebody else did.
pub async fn decide(
    conn: &mut PgConnection,
    campaign_proposal_id: i64,
    accepted: bool,
    by: &str,
    reason: &str,
    at: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = query!(
        "update campaign_proposal set state = $2, decided_by = $3, reason = nullif($4, ''), decided_at = $5
         where campaign_proposal_id = $1 and state = 'proposed'",
        campaign_proposal_id,
        if accepted { "accepted" } else { "dismissed" },
        by,
        reason,
        at
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The vehicles that belong to a proposal's cohort now, those with the fault first; `None` if there is no such proposal.
pub async fn concerned(conn: &mut PgConnection, campaign_proposal_id: i64) -> sqlx::Result<Option<Vec<Concerned>>> {
    let known = query!("select from campaign_proposal where campaign_proposal_id = $1", campaign_proposal_id);
    if known.fetch_optional(&mut *conn).await?.is_none() {
        return Ok(None);
    }
    let vehicles = query_as!(
        Concerned,
        r#"select v.vehicle_id, dealer.name as dealer, ran.version as "software?", v.produced_on,
                  fault.at as "fault_at?"
           from campaign_proposal c
           join vehicle v on v.model = c.model and (c.batch is null or to_char(v.produced_on, 'YYYY-MM') = c.batch)
           join dealer on dealer.dealer_id = v.dealer_id
           left join lateral (
               select version from vehicle_software s
               where s.vehicle_id = v.vehicle_id order by since desc limit 1) ran on true
           left join lateral (
               select max(opened_at) as at from vehicle_case k
               where k.vehicle_id = v.vehicle_id and (k.component = c.component or starts_with(k.component, c.component || '.'))
                 and mode = 'live' and status <> 'withdrawn' and opened_received_at >= c.since) fault on true
           where campaign_proposal_id = $1 and (c.software is null or ran.version = c.software)
           order by fault.at is null, fault.at, v.vehicle_id"#,
        campaign_proposal_id
    );
    Ok(Some(vehicles.fetch_all(conn).await?))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::clock::Clock;
    use crate::http::fixture;
    use crate::store::session::{As, begin_as};

    fn figures(now: DateTime<Utc>) -> Figures<'static> {
        Figures {
            model: "compact-ice",
            software: None,
            batch: Some("2025-04"),
            component: "engine.cooling",
            looked_at: now.date_naive(),
            window_days: 28,
            faults: 12,
            vehicles: 140,
            expected: 1.9,
            ratio: 6.3,
            ratio_lower: 3.1,
            ratio_upper: None,
            q_value: 0.001,
            since: now.date_naive(),
            weeks: serde_json::json!([]),
            proposed_at: now,
        }
    }

    #[sqlx::test]
    async fn only_the_maker_sees_and_decides_and_only_once(pool: PgPool) {
        let (demo, now) = (fixture::demo(&pool).await, Clock::wall().to_utc());
        let mut tx = begin_as(&pool, As::Engine).await.unwrap();
        assert!(propose(&mut tx, &figures(now)).await.unwrap());
        assert!(!propose(&mut tx, &Figures { faults: 13, ..figures(now) }).await.unwrap(), "the open one follows");
        tx.commit().await.unwrap();

        let mut tx = begin_as(&pool, As::Oem).await.unwrap();
        let rows = proposals(&mut tx, now).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.faults).collect::<Vec<_>>(), [13]);
        let id = rows[0].campaign_proposal_id;
        drop(tx);
        let mut tx = begin_as(&pool, As::Console { dealer: demo.dealer_a }).await.unwrap();
        assert!(proposals(&mut tx, now).await.unwrap().is_empty());
        assert!(concerned(&mut tx, id).await.unwrap().is_none());
        assert!(!decide(&mut tx, id, true, "li", "", now).await.unwrap());
        drop(tx);

        let mut tx = begin_as(&pool, As::Oem).await.unwrap();
        assert!(decide(&mut tx, id, false, "oem", "known", now).await.unwrap());
        assert!(!decide(&mut tx, id, true, "oem", "", now).await.unwrap(), "somebody did");
        tx.commit().await.unwrap();
        // Another one may wait beside what was decided.
        let mut tx = begin_as(&pool, As::Engine).await.unwrap();
        assert!(propose(&mut tx, &figures(now)).await.unwrap());
    }
}
