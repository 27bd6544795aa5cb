//! Labels: what technicians' verdicts say of the rule versions whose findings they judged.
//!
//! A live case is labelled by its own line. A shadow or canary case has none: a verdict on a live case of the
//! same vehicle and component, given within 30 days after it opened, speaks for it too.

use chrono::{DateTime, NaiveDate, Utc};
use rules::case::Verdict;
use sqlx::{PgConnection, query_as};

use super::unknown_word;

/// So many findings of a rule version that were judged alike on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub rule_key: String,
    pub rule_version: i32,
    pub verdict: Verdict,
    /// No fault was found, and within 30 days another rule found the component again.
    pub came_back: bool,
    pub day: NaiveDate,
    pub count: i64,
}

struct Row {
    rule_key: String,
    rule_version: i32,
    verdict: String,
    came_back: bool,
    day: NaiveDate,
    count: i64,
}

/// All labels of verdicts given after `since`.
pub async fn labels(conn: &mut PgConnection, since: DateTime<Utc>) -> sqlx::Result<Vec<Label>> {
    let rows = query_as!(
        Row,
        r#"
        with judged as (
            -- The last word on each case.
            select distinct on (l.case_id) l.case_id, o.vehicle_id, l.component, l.verdict, l.verdict_at
            from work_order_line l join work_order o using (order_id)
            where l.verdict is not null and l.verdict_at > $1
            order by l.case_id, l.verdict_at desc
        ), live as (
            -- A case is judged as a whole: for and against every rule that had a part in it.
            select distinct f.case_id, f.rule_key, f.rule_version, j.vehicle_id, j.component, j.verdict, j.verdict_at
            from judged j join finding f using (case_id)
            where f.opened_at <= j.verdict_at
        ), shadow as (
            select distinct on (c.case_id) c.case_id, c.rule_key, c.rule_version, j.vehicle_id, j.component,
                   j.verdict, j.verdict_at
            from judged j join vehicle_case c using (vehicle_id, component)
            where c.mode <> 'live' and j.verdict_at >= c.opened_at and j.verdict_at < c.opened_at + interval '30 days'
            order by c.case_id, j.verdict_at
        ), labelled as (
            select * from live union all select * from shadow
        ), told as (
            select rule_key, rule_version, verdict, (verdict_at at time zone 'utc')::date as day,
                   verdict = $2 and exists (
                       select from vehicle_case again
                       where again.vehicle_id = l.vehicle_id and again.component = l.component
                         and again.mode = 'live' and again.status <> 'withdrawn' and again.rule_key <> l.rule_key
                         and again.opened_at > l.verdict_at and again.opened_at < l.verdict_at + interval '30 days'
                   ) as came_back
            from labelled l
        )
        select rule_key as "rule_key!", rule_version as "rule_version!", verdict as "verdict!",
               came_back as "came_back!", day as "day!", count(*) as "count!"
        from told group by 1, 2, 3, 4, 5 order by 1, 2, 5
        "#,
        since,
        Verdict::NoFaultFound.word()
    )
    .fetch_all(conn)
    .await?;
    let label = |row: Row| {
        let verdict = Verdict::from_word(&row.verdict);
        Ok(Label {
            verdict: verdict.ok_or_else(|| unknown_word("work_order_line.verdict", &row.verdict))?,
            rule_key: row.rule_key,
            rule_version: row.rule_version,
            came_back: row.came_back,
            day: row.day,
            count: row.count,
        })
    };
    rows.into_iter().map(label).collect()
}
