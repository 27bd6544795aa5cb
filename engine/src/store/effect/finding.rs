//! What becomes of a finding.

use rules::stage::effect::FindingEffect;
use sqlx::types::Json;
use sqlx::{PgConnection, query};
use uuid::Uuid;

use super::{both, ended_word, level};

pub async fn write(conn: &mut PgConnection, dealer: Uuid, effect: &FindingEffect) -> sqlx::Result<()> {
    match effect {
        FindingEffect::Open { case, ordinal, rule, version, subject, severity, at, evidence, because } => {
            query!(
                "insert into finding (case_id, ordinal, dealer_id, rule_key, rule_version, subject, severity, status, opened_at,
                                      evidence, opened_because)
                 values ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9, $10) on conflict do nothing",
                case,
                *ordinal as i32,
                dealer,
                rule,
                *version as i32,
                subject,
                level(*severity),
                at.to_utc(),
                Json(evidence) as _,
                Json(because) as _,
            )
            .execute(conn)
            .await?;
        }
        FindingEffect::Change { case, ordinal, severity } => {
            query!(
                "update finding set severity = $3 where case_id = $1 and ordinal = $2",
                case,
                *ordinal as i32,
                level(*severity)
            )
            .execute(conn)
            .await?;
        }
        FindingEffect::End { case, ordinal, withdrawn, at, because } => {
            query!(
                "update finding set status = $3, closed_at = $4, closed_because = $5
                 where case_id = $1 and ordinal = $2 and status = 'open'",
                case,
                *ordinal as i32,
                ended_word(*withdrawn),
                at.to_utc(),
                both(because)
            )
            .execute(conn)
            .await?;
        }
    }
    Ok(())
}
