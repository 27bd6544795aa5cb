//! Tasks to the authors of rules: a version that performs badly is looked at by a person.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, query, query_as, query_scalar};

/// A task comes again after it was closed only if the lower bound has fallen by so much more.
const WORSE: f64 = 0.05;

/// A task that nobody has closed yet.
#[derive(Clone, Debug)]
pub struct RuleTask {
    pub rule_task_id: i64,
    pub rule_key: String,
    pub rule_version: i32,
    pub what: String,
    pub author: Option<String>,
    pub precision: f64,
    pub lower: f64,
    pub gate: f64,
    pub confirmed: f64,
    pub refuted: f64,
    pub opened_at: DateTime<Utc>,
}

/// What a rule's figures ask of its author.
#[derive(Clone, Copy, Debug)]
pub struct NewTask<'a> {
    pub rule_key: &'a str,
    pub rule_version: i32,
    /// `demoted` or `performs_badly`.
    pub what: &'a str,
    pub precision: f64,
    pub lower: f64,
    pub gate: f64,
    pub confirmed: f64,
    pub refuted: f64,
    pub opened_at: DateTime<Utc>,
}

/// Opens a task unless its rule version has one, or had one about figures as bad; true if it did.
pub async fn open(conn: &mut PgConnection, task: &NewTask<'_>) -> sqlx::Result<bool> {
    let opened = query!(
        "insert into rule_task (rule_key, rule_version, what, author, precision, lower, gate, confirmed, refuted, opened_at)
         select $1, $2, $3,
                (select author from activation
                 where origin in ('file', 'api')
                   and changes @> jsonb_build_array(jsonb_build_object('key', $1::text, 'to', $2::integer))
                 order by activation_id limit 1),
                $4, $5::float8, $6, $7, $8, $9
         where not exists (
             select from rule_task
             where rule_key = $1 and rule_version = $2 and (closed_at is null or lower < $5::float8 + $10::float8))
         on conflict do nothing",
        task.rule_key,
        task.rule_version,
        task.what,
        task.precision,
        task.lower,
        task.gate,
        task.confirmed,
        task.refuted,
        task.opened_at,
        WORSE
    )
    .execute(conn)
    .await?;
    Ok(opened.rows_affected() == 1)
}

/// Closes one; false if it was closed already.
pub async fn close(conn: &mut PgConnection, rule_task_id: i64, by: &str, at: DateTime<Utc>) -> sqlx::Result<bool> {
    let closed = query!(
        "update rule_task set closed_at = $3, closed_by = $2 where rule_task_id = $1 and closed_at is null",
        rule_task_id,
        by,
        at
    )
    .execute(conn)
    .await?;
    Ok(closed.rows_affected() == 1)
}

/// Closes those of versions that are no longer in force: another one is the answer.
pub async fn close_of_others(
    conn: &mut PgConnection,
    keys: &[String],
    versions: &[i32],
    at: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let closed = query!(
        "update rule_task set closed_at = $3, closed_by = 'premend'
         where closed_at is null
           and (rule_key, rule_version) not in (select * from unnest($1::text[], $2::integer[]))",
        keys,
        versions,
        at
    )
    .execute(conn)
    .await?;
    Ok(closed.rows_affected())
}

/// Open tasks, the longest waiting first.
pub async fn waiting(conn: &mut PgConnection) -> sqlx::Result<Vec<RuleTask>> {
    query_as!(
        RuleTask,
        "select rule_task_id, rule_key, rule_version, what, author, precision, lower, gate, confirmed, refuted, opened_at
         from rule_task where closed_at is null order by opened_at, rule_task_id"
    )
    .fetch_all(conn)
    .await
}

/// How many wait.
pub async fn count(conn: &mut PgConnection) -> sqlx::Result<i64> {
    query_scalar!(r#"select count(*) as "count!" from rule_task where closed_at is null"#).fetch_one(conn).await
}
