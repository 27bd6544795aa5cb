//! A work order with everything that explains it, and what people change about it.
//!
//! Lanes insert orders and lines; a person's change is guarded by the version it was decided on.

use chrono::{DateTime, Utc};
use rules::case::Verdict;
use sqlx::{PgConnection, query, query_as};
use uuid::Uuid;

use super::unknown_word;
use crate::crm::line_state::LineState;
use crate::crm::order_state::OrderState;

/// An order with its vehicle.
#[derive(Clone, Debug)]
pub struct Order {
    pub order_id: Uuid,
    pub number: i64,
    pub vehicle_id: String,
    pub dealer_id: Uuid,
    pub model: String,
    pub model_year: i16,
    pub state: OrderState,
    pub severity: i16,
    pub due_at: DateTime<Utc>,
    pub opened_at: DateTime<Utc>,
    pub flagged_because: Option<String>,
    pub appointment_at: Option<DateTime<Utc>>,
    pub odometer_km: Option<f64>,
    pub version: i32,
}

/// A line: one case to be dealt with.
#[derive(Clone, Debug)]
pub struct Line {
    pub case_id: Uuid,
    pub component: String,
    pub severity: i16,
    pub operations: Vec<String>,
    pub parts: Vec<String>,
    pub labour_h: f64,
    pub extra_work: bool,
    pub state: LineState,
    pub verdict: Option<Verdict>,
    pub verdict_note: Option<String>,
    pub case_status: String,
    pub confidence: f64,
    pub episode: i32,
    pub rule_key: String,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
}

/// A rule that held, with its evidence.
#[derive(Clone, Debug)]
pub struct FindingRow {
    pub case_id: Uuid,
    pub rule_key: String,
    pub rule_version: i32,
    pub subject: String,
    pub severity: i16,
    pub status: String,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub evidence: serde_json::Value,
    pub opened_because: serde_json::Value,
    pub closed_because: Option<String>,
}

/// A change of a case.
#[derive(Clone, Debug)]
pub struct Change {
    pub case_id: Uuid,
    pub kind: String,
    pub measured_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    pub because: String,
}

/// A move of an order.
#[derive(Clone, Debug)]
pub struct Transition {
    pub from_state: Option<String>,
    pub to_state: String,
    pub moved_at: DateTime<Utc>,
    pub moved_by: Option<Uuid>,
    pub because: String,
}

/// What a person changes when moving an order.
#[derive(Clone, Copy, Debug)]
pub struct Move<'a> {
    pub order_id: Uuid,
    /// The version the person saw.
    pub version: i32,
    pub from: OrderState,
    pub to: OrderState,
    pub because: &'a str,
    pub moved_by: Uuid,
    pub moved_at: DateTime<Utc>,
    pub odometer_km: Option<f64>,
    pub appointment_at: Option<DateTime<Utc>>,
}

/// A technician's judgement of a line.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'a> {
    pub order_id: Uuid,
    pub case_id: Uuid,
    pub verdict: Verdict,
    pub note: Option<&'a str>,
    pub state: LineState,
    pub judged_at: DateTime<Utc>,
}

#[tracing::instrument(name = "db.order.read", level = "debug", skip_all)]
pub async fn order(conn: &mut PgConnection, order_id: Uuid) -> sqlx::Result<Option<Order>> {
    let found = query!(
        "select order_id, number, vehicle_id, work_order.dealer_id, model, model_year, state, severity, due_at, opened_at,
                flagged_because, appointment_at, odometer_km, version
         from work_order join vehicle using (vehicle_id) where order_id = $1",
        order_id
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = found else { return Ok(None) };
    let state = OrderState::from_word(&row.state).ok_or_else(|| unknown_word("work_order.state", &row.state))?;
    Ok(Some(Order {
        order_id: row.order_id,
        number: row.number,
        vehicle_id: row.vehicle_id,
        dealer_id: row.dealer_id,
        model: row.model,
        model_year: row.model_year,
        state,
        severity: row.severity,
        due_at: row.due_at,
        opened_at: row.opened_at,
        flagged_because: row.flagged_because,
        appointment_at: row.appointment_at,
        odometer_km: row.odometer_km,
        version: row.version,
    }))
}

/// Lines of an order, worst first.
pub async fn lines(conn: &mut PgConnection, order_id: Uuid) -> sqlx::Result<Vec<Line>> {
    let rows = query_as!(
        LineRow,
        "select case_id, line.component, line.severity, operations, parts, labour_h, extra_work, state, verdict, verdict_note,
                status as case_status, confidence, episode, rule_key, opened_at, closed_at
         from work_order_line line join vehicle_case using (case_id)
         where order_id = $1 order by line.severity, opened_at",
        order_id
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Line::try_from).collect()
}

struct LineRow {
    case_id: Uuid,
    component: String,
    severity: i16,
    operations: Vec<String>,
    parts: Vec<String>,
    labour_h: f64,
    extra_work: bool,
    state: String,
    verdict: Option<String>,
    verdict_note: Option<String>,
    case_status: String,
    confidence: f64,
    episode: i32,
    rule_key: String,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
}

impl TryFrom<LineRow> for Line {
    type Error = sqlx::Error;

    fn try_from(row: LineRow) -> sqlx::Result<Self> {
        let verdict =
            |word: String| Verdict::from_word(&word).ok_or_else(|| unknown_word("work_order_line.verdict", &word));
        Ok(Self {
            case_id: row.case_id,
            component: row.component,
            severity: row.severity,
            operations: row.operations,
            parts: row.parts,
            labour_h: row.labour_h,
            extra_work: row.extra_work,
            state: LineState::from_word(&row.state).ok_or_else(|| unknown_word("work_order_line.state", &row.state))?,
            verdict: row.verdict.map(verdict).transpose()?,
            verdict_note: row.verdict_note,
            case_status: row.case_status,
            confidence: row.confidence,
            episode: row.episode,
            rule_key: row.rule_key,
            opened_at: row.opened_at,
            closed_at: row.closed_at,
        })
    }
}

/// Findings of these cases, open and worst first.
pub async fn findings(conn: &mut PgConnection, case_ids: &[Uuid]) -> sqlx::Result<Vec<FindingRow>> {
    query_as!(
        FindingRow,
        "select case_id, rule_key, rule_version, subject, severity, status, opened_at, closed_at, evidence,
                opened_because, closed_because
         from finding where case_id = any($1) order by (status = 'open') desc, severity, ordinal",
        case_ids
    )
    .fetch_all(conn)
    .await
}

/// Changes of these cases, oldest first.
pub async fn changes(conn: &mut PgConnection, case_ids: &[Uuid]) -> sqlx::Result<Vec<Change>> {
    query_as!(
        Change,
        "select case_id, kind, measured_at, received_at, because from case_change
         where case_id = any($1) order by received_at, change_no limit 200",
        case_ids
    )
    .fetch_all(conn)
    .await
}

/// Moves of an order, oldest first.
pub async fn transitions(conn: &mut PgConnection, order_id: Uuid) -> sqlx::Result<Vec<Transition>> {
    query_as!(
        Transition,
        "select from_state, to_state, moved_at, moved_by, because from work_order_transition
         where order_id = $1 order by transition_no",
        order_id
    )
    .fetch_all(conn)
    .await
}

/// Moves an order and writes the row of the move; false if someone was faster.
#[tracing::instrument(name = "db.order.move", level = "debug", skip_all)]
pub async fn move_on(conn: &mut PgConnection, change: &Move<'_>) -> sqlx::Result<bool> {
    let moved = query!(
        "update work_order set state = $3, version = version + 1,
                odometer_km = coalesce($4, odometer_km), appointment_at = coalesce($5, appointment_at)
         where order_id = $1 and version = $2 and state = $6",
        change.order_id,
        change.version,
        change.to.word(),
        change.odometer_km,
        change.appointment_at,
        change.from.word()
    )
    .execute(&mut *conn)
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(false);
    }
    query!(
        "insert into work_order_transition
             (order_id, transition_no, dealer_id, from_state, to_state, moved_at, moved_by, because)
         select $1, coalesce(max(transition_no), 0) + 1, (select dealer_id from work_order where order_id = $1),
                $2, $3, $4, $5, $6
         from work_order_transition where order_id = $1",
        change.order_id,
        change.from.word(),
        change.to.word(),
        change.moved_at,
        change.moved_by,
        change.because
    )
    .execute(conn)
    .await?;
    Ok(true)
}

/// Writes a judgement and bumps the order's version; false if the order changed meanwhile or has no such line.
#[tracing::instrument(name = "db.order.judge", level = "debug", skip_all)]
pub async fn judge(conn: &mut PgConnection, version: i32, judgement: &Judgement<'_>) -> sqlx::Result<bool> {
    let bumped = query!(
        "update work_order set version = version + 1 where order_id = $1 and version = $2",
        judgement.order_id,
        version
    )
    .execute(&mut *conn)
    .await?;
    if bumped.rows_affected() == 0 {
        return Ok(false);
    }
    let judged = query!(
        "update work_order_line set verdict = $3, verdict_note = $4, state = $5, verdict_at = $6
         where order_id = $1 and case_id = $2 and state <> $7",
        judgement.order_id,
        judgement.case_id,
        judgement.verdict.word(),
        judgement.note,
        judgement.state.word(),
        judgement.judged_at,
        LineState::Withdrawn.word()
    )
    .execute(conn)
    .await?;
    Ok(judged.rows_affected() == 1)
}

/// An order's flag was looked at.
#[tracing::instrument(name = "db.order.unflag", level = "debug", skip_all)]
pub async fn unflag(conn: &mut PgConnection, order_id: Uuid, version: i32) -> sqlx::Result<bool> {
    let done = query!(
        "update work_order set flagged_because = null, version = version + 1 where order_id = $1 and version = $2",
        order_id,
        version
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
