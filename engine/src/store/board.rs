//! What the advisor's board shows: orders that are open, and stop-now cases that have none.

use chrono::{DateTime, Utc};
use rules::case::NoticeStage;
use sqlx::{PgConnection, query_as, query_scalar};
use uuid::Uuid;

use crate::crm::line_state::LineState;
use crate::crm::order_state::OrderState;

/// An open order with its vehicle.
#[derive(Clone, Debug)]
pub struct BoardOrder {
    pub order_id: Uuid,
    pub number: i64,
    pub vehicle_id: String,
    pub dealer_name: String,
    pub model: String,
    pub model_year: i16,
    pub severity: i16,
    pub state: String,
    pub opened_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub appointment_at: Option<DateTime<Utc>>,
    pub flagged_because: Option<String>,
}

/// A line of an open order, with what its case rests on.
#[derive(Clone, Debug)]
pub struct BoardLine {
    pub order_id: Uuid,
    pub component: String,
    pub severity: i16,
    pub extra_work: bool,
    pub state: String,
    pub rule_key: String,
    pub opened_at: DateTime<Utc>,
    pub reason: Option<serde_json::Value>,
}

/// An open stop-now case without an open order.
#[derive(Clone, Debug)]
pub struct BoardCase {
    pub case_id: Uuid,
    pub vehicle_id: String,
    pub dealer_name: String,
    pub model: String,
    pub model_year: i16,
    pub component: String,
    pub rule_key: String,
    pub opened_at: DateTime<Utc>,
    pub reason: Option<serde_json::Value>,
}

/// A stop-now notice whose case is not settled yet: the car was warned on messages that still wait.
#[derive(Clone, Debug)]
pub struct BoardWarning {
    pub case_id: Uuid,
    pub vehicle_id: String,
    pub dealer_name: String,
    pub model: String,
    pub model_year: i16,
    pub created_at: DateTime<Utc>,
}

/// At most this many orders are shown; what is most urgent comes first.
pub const BOARD_LIMIT: i64 = 300;

/// Open orders, worst and longest due first.
pub async fn orders(conn: &mut PgConnection) -> sqlx::Result<Vec<BoardOrder>> {
    query_as!(
        BoardOrder,
        "select order_id, number, vehicle_id, dealer.name as dealer_name, model, model_year, severity, state,
                opened_at, due_at, appointment_at, flagged_because
         from work_order
         join vehicle using (vehicle_id)
         join dealer on dealer.dealer_id = work_order.dealer_id
         where state = any($2)
         order by severity, due_at, number limit $1",
        BOARD_LIMIT,
        &OrderState::open_words()
    )
    .fetch_all(conn)
    .await
}

/// Lines of these orders, worst first, with the reason of the case's worst finding.
pub async fn lines(conn: &mut PgConnection, order_ids: &[Uuid]) -> sqlx::Result<Vec<BoardLine>> {
    query_as!(
        BoardLine,
        r#"select line.order_id, line.component, line.severity, extra_work, state, rule_key, opened_at,
                  worst.opened_because as "reason?"
           from work_order_line line
           join vehicle_case using (case_id)
           left join lateral (
               select opened_because from finding where finding.case_id = line.case_id
               order by (status = 'open') desc, severity, ordinal limit 1) worst on true
           where line.order_id = any($1) and state <> $2
           order by line.order_id, line.severity, opened_at"#,
        order_ids,
        LineState::Withdrawn.word()
    )
    .fetch_all(conn)
    .await
}

/// Stop-now cases that are on no open order: nothing but a person looks after them.
pub async fn stop_now_cases(conn: &mut PgConnection) -> sqlx::Result<Vec<BoardCase>> {
    query_as!(
        BoardCase,
        r#"select vehicle_case.case_id, vehicle_case.vehicle_id, dealer.name as dealer_name, model, model_year,
                  component, rule_key, vehicle_case.opened_at, worst.opened_because as "reason?"
           from vehicle_case
           join vehicle using (vehicle_id)
           join dealer on dealer.dealer_id = vehicle_case.dealer_id
           left join lateral (
               select opened_because from finding where finding.case_id = vehicle_case.case_id
               order by (status = 'open') desc, severity, ordinal limit 1) worst on true
           where status = 'open' and mode = 'live' and severity = 1 and not exists (
               select from work_order_line line join work_order using (order_id)
               where line.case_id = vehicle_case.case_id and work_order.state = any($2))
           order by vehicle_case.opened_at limit $1"#,
        BOARD_LIMIT,
        &OrderState::open_words()
    )
    .fetch_all(conn)
    .await
}

/// Cars that were told to stop and whose case neither opened nor was called off.
pub async fn warnings(conn: &mut PgConnection) -> sqlx::Result<Vec<BoardWarning>> {
    query_as!(
        BoardWarning,
        r#"select n.case_id as "case_id!", n.vehicle_id as "vehicle_id!", dealer.name as "dealer_name!",
                  model as "model!", model_year as "model_year!", min(n.created_at) as "created_at!"
           from notification n
           join vehicle on vehicle.vehicle_id = n.vehicle_id
           join dealer on dealer.dealer_id = n.dealer_id
           where stage = $2
             and not exists (select from vehicle_case c where c.case_id = n.case_id)
             and not exists (select from notification r where r.case_id = n.case_id and r.stage = $3)
           group by n.case_id, n.vehicle_id, dealer.name, model, model_year
           order by 6 limit $1"#,
        BOARD_LIMIT,
        NoticeStage::StopNow.word(),
        NoticeStage::Resolved.word()
    )
    .fetch_all(conn)
    .await
}

/// How many cases wait for judgement.
pub async fn waiting_reviews(conn: &mut PgConnection) -> sqlx::Result<i64> {
    query_scalar!(r#"select count(*) as "count!" from review where state = 'waiting'"#).fetch_one(conn).await
}
