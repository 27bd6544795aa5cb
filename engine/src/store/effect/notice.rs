//! Notices of the core: what is to be sent, and the word that it is over.

use rules::case::{Audience, NoticeStage, notice_id, outbox_id};
use rules::entry::template::RESOLVED_VERSION;
use rules::stage::effect::{Notice, NoticeEffect};
use rules::unit::{Severity, Span, Time};
use rules::vehicle::{Purpose, VehicleId};
use sqlx::types::Json;
use sqlx::{PgConnection, query, query_scalar};
use uuid::Uuid;

use super::{Stands, level};
use crate::crm::notice::Routes;
use crate::store::enrol::purpose_word;

/// A warning is asked for a second time, with its order, when the messages that led to it have settled; later than
/// that the same id is of something else.
const SAME_WARNING: Span = Span::from_hours(1);

pub async fn write(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    dealer: Uuid,
    effect: &NoticeEffect,
    routes: &Routes,
) -> sqlx::Result<Stands> {
    match effect {
        NoticeEffect::Enqueue(notice) => {
            let channels = routes.channels(notice.audience, notice.person);
            return enqueue(conn, vehicle, dealer, notice, &channels).await;
        }
        NoticeEffect::Resolve { case, created_at, valid_until } => {
            resolve(conn, vehicle, dealer, *case, *created_at, *valid_until).await?;
        }
        NoticeEffect::Seen { notices, at } => {
            query!(
                "update notification set seen_at = coalesce(seen_at, $3) where notification_id = any($1) and vehicle_id = $2",
                notices,
                vehicle.as_str(),
                at.to_utc()
            )
            .execute(conn)
            .await?;
        }
    }
    Ok(Stands::This)
}

async fn enqueue(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    dealer: Uuid,
    notice: &Notice,
    channels: &[&str],
) -> sqlx::Result<Stands> {
    let stands = query_scalar!(
        "insert into notification (notification_id, vehicle_id, dealer_id, person_id, case_id, order_id, stage, severity,
                                   purpose, template, template_version, locale, variables, created_at, valid_until)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         on conflict (notification_id) do update set order_id = coalesce(notification.order_id, excluded.order_id)
         returning created_at",
        notice.id,
        vehicle.as_str(),
        dealer,
        notice.person,
        notice.case,
        notice.order,
        notice.stage.word(),
        level(notice.severity),
        purpose_word(notice.purpose),
        notice.template,
        notice.template_version as i32,
        notice.locale.tag(),
        Json(&notice.variables) as _,
        notice.created_at.to_utc(),
        notice.valid_until.to_utc(),
    )
    .fetch_one(&mut *conn)
    .await?;
    if notice.created_at.since(stands.into()) > SAME_WARNING {
        return Ok(Stands::Other);
    }
    for channel in channels {
        query!(
            "insert into outbox (outbox_id, notification_id, dealer_id, channel, state, not_before)
             values ($1, $2, $3, $4, 'queued', $5) on conflict do nothing",
            outbox_id(notice.id, channel),
            notice.id,
            dealer,
            channel,
            notice.created_at.to_utc()
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(Stands::This)
}

/// Cancels what has not been sent about the case, and tells those who were told that it is over.
async fn resolve(
    conn: &mut PgConnection,
    vehicle: &VehicleId,
    dealer: Uuid,
    case: Uuid,
    created_at: Time,
    valid_until: Time,
) -> sqlx::Result<()> {
    query!(
        "update outbox o set state = 'cancelled', because = 'the case was withdrawn'
         from notification n
         where n.notification_id = o.notification_id and n.case_id = $1 and o.state = 'queued' and o.attempts = 0
           and o.leased_until is null",
        case
    )
    .execute(&mut *conn)
    .await?;
    let told = query!(
        r#"select n.person_id, min(n.severity) as "severity!", max(n.locale) as "locale!",
                  max(n.purpose) as "purpose!",
                  (array_agg(n.order_id order by n.created_at))[1] as order_id,
                  (array_agg(n.variables order by n.created_at))[1] as "variables!: serde_json::Value",
                  array_agg(distinct o.channel) as "channels!"
           from notification n join outbox o using (notification_id)
           where n.case_id = $1 and n.stage <> $2 and o.state <> 'cancelled'
           group by n.person_id"#,
        case,
        NoticeStage::Resolved.word()
    )
    .fetch_all(&mut *conn)
    .await?;
    for row in told {
        let notice = Notice {
            id: notice_id(case, NoticeStage::Resolved, row.person_id),
            person: row.person_id,
            audience: if row.person_id.is_some() { Audience::Owner } else { Audience::Dealer },
            case,
            order: row.order_id,
            stage: NoticeStage::Resolved,
            severity: u8::try_from(row.severity).ok().and_then(Severity::from_number).unwrap_or(Severity::S4),
            purpose: serde_json::from_value(row.purpose.into()).unwrap_or(Purpose::Diagnostics),
            template: "resolved".to_owned(),
            template_version: RESOLVED_VERSION,
            locale: if row.locale == "en" { rules::unit::Locale::En } else { rules::unit::Locale::ZhCn },
            variables: serde_json::from_value(row.variables).unwrap_or_default(),
            created_at,
            valid_until,
        };
        // The channels that told it before, whatever reaches its audience today.
        let channels: Vec<&str> = row.channels.iter().map(String::as_str).collect();
        // A second word that it is over adds nothing to the first.
        let _ = enqueue(conn, vehicle, dealer, &notice, &channels).await?;
    }
    Ok(())
}
