//! Cases that wait for an advisor's judgement.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, query_as, query_scalar};
use uuid::Uuid;

/// A case of the queue with its vehicle.
#[derive(Clone, Debug)]
pub struct WaitingCase {
    pub case_id: Uuid,
    pub vehicle_id: String,
    pub dealer_name: String,
    pub model: String,
    pub model_year: i16,
    pub component: String,
    pub severity: i16,
    pub rule_key: String,
    pub rule_version: i32,
    pub confidence: f64,
    pub opened_at: DateTime<Utc>,
    pub queued_at: DateTime<Utc>,
    pub because: String,
}

/// Waiting cases, worst and longest waiting first.
pub async fn waiting(conn: &mut PgConnection) -> sqlx::Result<Vec<WaitingCase>> {
    query_as!(
        WaitingCase,
        "select review.case_id, review.vehicle_id, dealer.name as dealer_name, model, model_year, component,
                review.severity, rule_key, rule_version, confidence, vehicle_case.opened_at, queued_at, because
         from review
         join vehicle_case using (case_id)
         join vehicle on vehicle.vehicle_id = review.vehicle_id
         join dealer on dealer.dealer_id = review.dealer_id
         where state = 'waiting'
         order by review.severity, queued_at limit 30"
    )
    .fetch_all(conn)
    .await
}

/// Answers a waiting case; gives its vehicle, or nothing if it no longer waits.
pub async fn answer(
    conn: &mut PgConnection,
    case_id: Uuid,
    accepted: bool,
    account_id: Uuid,
) -> sqlx::Result<Option<String>> {
    let state = if accepted { "accepted" } else { "dismissed" };
    query_scalar!(
        "update review set state = $2, answered_by = $3, answered_at = now()
         where case_id = $1 and state = 'waiting' returning vehicle_id",
        case_id,
        state,
        account_id
    )
    .fetch_optional(conn)
    .await
}
