//! A case that waits for an advisor's judgement, or does not any more.

use rules::stage::effect::ReviewEffect;
use rules::vehicle::VehicleId;
use sqlx::{PgConnection, query};
use uuid::Uuid;

use super::{both, level};

pub async fn write(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    dealer: Uuid,
    effect: &ReviewEffect,
) -> sqlx::Result<()> {
    match effect {
        ReviewEffect::Queue { case, severity, because, queued_at } => query!(
            "insert into review (case_id, dealer_id, vehicle_id, severity, because, queued_at, state)
                 values ($1, $2, $3, $4, $5, $6, 'waiting')
                 on conflict (case_id) do update set severity = excluded.severity, because = excluded.because,
                     queued_at = excluded.queued_at, state = 'waiting', answered_by = null, answered_at = null
                 where review.state = 'gone'",
            case,
            dealer,
            vehicle.as_str(),
            level(*severity),
            both(because),
            queued_at.to_utc(),
        )
        .execute(conn)
        .await
        .map(|_| ()),
        ReviewEffect::End { case } => {
            query!("update review set state = 'gone' where case_id = $1 and state = 'waiting'", case)
                .execute(conn)
                .await
                .map(|_| ())
        }
    }
}
