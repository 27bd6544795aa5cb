//! Writes one effect of the core. Every insert carries a derived id and does nothing where the row
//! is there already: that is what makes repeating harmless. A row that is there and says something
//! else is another matter: whatever begins with it would be lost without a word.

mod begin;
mod notice;

use rules::entry::rule::Mode;
use rules::stage::effect::Effect;
use rules::unit::{Severity, Text, Time};
use rules::vehicle::VehicleId;
use sqlx::types::Json;
use sqlx::{PgConnection, query};
use uuid::Uuid;

use crate::crm::notice::Routes;

/// What stands under an effect's id once it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Stands {
    /// What the effect says, from now on or already.
    This,
    /// Something of an earlier life; the transaction must not be committed.
    Other,
}

/// Writes `effect` of a vehicle that belongs to `dealer`; a notice goes out by the channels of `routes`.
pub async fn write(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    dealer: Uuid,
    effect: &Effect,
    routes: &Routes,
) -> sqlx::Result<Stands> {
    match effect {
        Effect::OpenCase { .. } => return begin::open_case(conn, vehicle, dealer, effect).await,
        Effect::ProposeOrder { .. } => return begin::propose_order(conn, vehicle, dealer, effect).await,
        Effect::Notify(notice) => {
            let channels = routes.channels(notice.audience, notice.person);
            return notice::enqueue(conn, vehicle, dealer, notice, &channels).await;
        }
        _ => {}
    }
    write_more(conn, vehicle, dealer, effect).await.map(|()| Stands::This)
}

/// What begins nothing.
async fn write_more(conn: &mut PgConnection, vehicle: &VehicleId, dealer: Uuid, effect: &Effect) -> sqlx::Result<()> {
    match effect {
        Effect::ChangeCase { .. } | Effect::EndCase { .. } | Effect::CaseChange { .. } => write_case(conn, dealer, effect).await,
        Effect::OpenFinding { .. } | Effect::ChangeFinding { .. } | Effect::EndFinding { .. } => {
            write_finding(conn, dealer, effect).await
        }
        Effect::AddLine { .. } | Effect::HastenOrder { .. } | Effect::CancelOrFlagOrder { .. } => {
            write_order(conn, dealer, effect).await
        }
        Effect::Review { case, severity, because, queued_at } => {
            query!(
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
            .map(|_| ())
        }
        Effect::EndReview { case } => {
            query!("update review set state = 'gone' where case_id = $1 and state = 'waiting'", case).execute(conn).await.map(|_| ())
        }
        Effect::Resolve { case, created_at, valid_until } => notice::resolve(conn, vehicle, dealer, *case, *created_at, *valid_until).await,
        Effect::Seen { notices, at } => {
            query!(
                "update notification set seen_at = coalesce(seen_at, $3) where notification_id = any($1) and vehicle_id = $2",
                notices,
                vehicle.as_str(),
                at.to_utc()
            )
            .execute(conn)
            .await
            .map(|_| ())
        }
        Effect::OpenCase { .. } | Effect::ProposeOrder { .. } | Effect::Notify(_) => Ok(()),
    }
}

async fn write_case(conn: &mut PgConnection, dealer: Uuid, effect: &Effect) -> sqlx::Result<()> {
    match effect {
        Effect::ChangeCase { case, severity, rule, version } => {
            query!(
                "update vehicle_case set severity = $2, rule_key = $3, rule_version = $4 where case_id = $1",
                case,
                level(*severity),
                rule,
                *version as i32
            )
            .execute(&mut *conn)
            .await?;
            query!("update review set severity = $2 where case_id = $1 and state = 'waiting'", case, level(*severity))
                .execute(conn)
                .await?;
        }
        Effect::EndCase { case, withdrawn, at } => {
            query!(
                "update vehicle_case set status = $2, closed_at = $3 where case_id = $1 and status = 'open'",
                case,
                ended_word(*withdrawn),
                at.to_utc()
            )
            .execute(conn)
            .await?;
        }
        Effect::CaseChange { case, change_no, kind, measured_at, received_at, because } => {
            query!(
                "insert into case_change (case_id, change_no, dealer_id, kind, measured_at, received_at, because)
                 values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
                case,
                *change_no as i32,
                dealer,
                kind.label(),
                measured_at.to_utc(),
                received_at.to_utc(),
                both(because),
            )
            .execute(conn)
            .await?;
        }
        _ => {}
    }
    Ok(())
}

/// A reason of the engine's in a column of text: in every language, as pages read it.
fn both(because: &Text) -> String {
    serde_json::json!(because).to_string()
}

async fn write_finding(conn: &mut PgConnection, dealer: Uuid, effect: &Effect) -> sqlx::Result<()> {
    match effect {
        Effect::OpenFinding { case, ordinal, rule, version, subject, severity, at, evidence, because } => {
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
        Effect::ChangeFinding { case, ordinal, severity } => {
            query!(
                "update finding set severity = $3 where case_id = $1 and ordinal = $2",
                case,
                *ordinal as i32,
                level(*severity)
            )
            .execute(conn)
            .await?;
        }
        Effect::EndFinding { case, ordinal, withdrawn, at, because } => {
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
        _ => {}
    }
    Ok(())
}

async fn write_order(conn: &mut PgConnection, dealer: Uuid, effect: &Effect) -> sqlx::Result<()> {
    match effect {
        Effect::AddLine { order, case, component, severity, operations, parts, labour_h, extra_work } => {
            query!(
                "insert into work_order_line (order_id, case_id, dealer_id, component, severity, operations, parts, labour_h,
                                              extra_work, state)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open') on conflict do nothing",
                order,
                case,
                dealer,
                component.as_str(),
                level(*severity),
                operations,
                parts,
                labour_h,
                extra_work,
            )
            .execute(conn)
            .await?;
        }
        Effect::HastenOrder { order, severity, due_at } => {
            query!(
                "update work_order set severity = least(severity, $2), due_at = least(due_at, $3), version = version + 1
                 where order_id = $1",
                order,
                level(*severity),
                due_at.to_utc()
            )
            .execute(conn)
            .await?;
        }
        Effect::CancelOrFlagOrder { order, case, because } => {
            cancel_or_flag(conn, dealer, *order, *case, &both(because)).await?;
        }
        _ => {}
    }
    Ok(())
}

/// Takes a withdrawn case's line off; an untouched order that has no other line is cancelled, a
/// touched one is flagged to its advisor.
async fn cancel_or_flag(
    conn: &mut PgConnection,
    dealer: Uuid,
    order: Uuid,
    case: Uuid,
    because: &str,
) -> sqlx::Result<()> {
    let Some(locked) =
        query!("select state from work_order where order_id = $1 for update", order).fetch_optional(&mut *conn).await?
    else {
        return Ok(());
    };
    query!(
        "update work_order_line set state = 'withdrawn' where order_id = $1 and case_id = $2 and state = 'open'",
        order,
        case
    )
    .execute(&mut *conn)
    .await?;
    let others =
        query!(r#"select count(*) as "open!" from work_order_line where order_id = $1 and state = 'open'"#, order)
            .fetch_one(&mut *conn)
            .await?
            .open;
    if locked.state == "proposed" && others == 0 {
        query!("update work_order set state = 'cancelled', version = version + 1 where order_id = $1", order)
            .execute(&mut *conn)
            .await?;
        let now = query!(r#"select now() as "now!""#).fetch_one(&mut *conn).await?.now;
        add_transition(conn, order, dealer, Some("proposed"), "cancelled", now.into(), because).await
    } else {
        query!("update work_order set flagged_because = $2, version = version + 1 where order_id = $1", order, because)
            .execute(conn)
            .await
            .map(|_| ())
    }
}

async fn add_transition(
    conn: &mut PgConnection,
    order: Uuid,
    dealer: Uuid,
    from: Option<&str>,
    to: &str,
    at: Time,
    because: &str,
) -> sqlx::Result<()> {
    query!(
        "insert into work_order_transition (order_id, transition_no, dealer_id, from_state, to_state, moved_at, because)
         select $1, coalesce(max(transition_no), 0) + 1, $2, $3, $4, $5, $6 from work_order_transition where order_id = $1",
        order,
        dealer,
        from,
        to,
        at.to_utc(),
        because
    )
    .execute(conn)
    .await
    .map(|_| ())
}

impl Stands {
    const fn if_same(same: bool) -> Self {
        if same { Self::This } else { Self::Other }
    }
}

fn level(severity: Severity) -> i16 {
    i16::from(severity.number())
}

fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "live",
        Mode::Shadow => "shadow",
        Mode::Canary => "canary",
    }
}

fn ended_word(withdrawn: bool) -> &'static str {
    if withdrawn { "withdrawn" } else { "closed" }
}
