//! What is committed about the cases of a vehicle, for a start whose replay decided otherwise:
//! committed decisions win.

use rules::case::{Case, FindingKey, NoticeStage, OpenFinding, PastCase, Proposal};
use rules::entry::rule::Mode;
use rules::rule_set::RuleSet;
use rules::state::{Committed, Visit};
use rules::unit::Severity;
use rules::vehicle::{Component, VehicleId};
use sqlx::{PgConnection, query};
use uuid::Uuid;

use crate::crm::line_state::LineState;
use crate::crm::order_state::OrderState;

/// Reads everything that a vehicle's state repeats of the store. Findings of rules that are gone are left out.
pub async fn of_vehicle(conn: &mut PgConnection, vehicle: &VehicleId, set: &RuleSet) -> sqlx::Result<Committed> {
    let (visits, visit_count) = visits(conn, vehicle).await?;
    let rows = query!(
        r#"select c.case_id, c.component, c.episode, c.mode, c.severity, c.status, c.opened_at, c.closed_at, c.confidence,
                  coalesce((select max(change_no) from case_change h where h.case_id = c.case_id), 0) as "changes!",
                  coalesce((select max(ordinal) from finding f where f.case_id = c.case_id), 0) as "ordinals!",
                  (select l.order_id from work_order_line l join work_order o using (order_id)
                   where l.case_id = c.case_id order by o.visit desc limit 1) as order_id,
                  (select state from review r where r.case_id = c.case_id) as review,
                  exists (select from notification n where n.case_id = c.case_id and n.stage = $2) as "warned!"
           from vehicle_case c where c.vehicle_id = $1 order by c.opened_at, c.case_id"#,
        vehicle.as_str(),
        NoticeStage::StopNow.word()
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut committed = Committed { visits, visit_count, ..Committed::default() };
    for row in rows {
        let component = Component::new(&row.component);
        let severity = severity(row.severity);
        if row.status != "open" {
            let closed_at = (row.status == "closed").then_some(row.closed_at).flatten().map(Into::into);
            let past = PastCase { component, episode: row.episode as u32, closed_at, severity };
            committed.past.retain(|other| other.component != past.component);
            committed.past.push(past);
            continue;
        }
        let visited = committed.visits.iter().any(|visit| Some(visit.order) == row.order_id);
        let proposal = match (row.order_id, row.review.as_deref()) {
            (Some(order), _) if visited => Proposal::Ordered { order },
            (None, Some("waiting")) => Proposal::InReview,
            (Some(_), _) | (None, Some("dismissed")) => Proposal::Refused { at: severity },
            (None, _) => Proposal::Nothing,
        };
        committed.cases.push(Case {
            id: row.case_id,
            component,
            episode: row.episode as u32,
            mode: mode(&row.mode),
            severity,
            opened_at: row.opened_at.into(),
            confidence: row.confidence as f32,
            findings: open_findings(conn, row.case_id, set).await?,
            ordinals: row.ordinals as u32,
            changes: row.changes as u32,
            proposal,
            warned: row.warned,
        });
    }
    Ok(committed)
}

async fn open_findings(conn: &mut PgConnection, case: Uuid, set: &RuleSet) -> sqlx::Result<Vec<OpenFinding>> {
    let rows = query!(
        "select ordinal, rule_key, subject, severity, opened_at from finding
         where case_id = $1 and status = 'open' order by ordinal",
        case
    )
    .fetch_all(conn)
    .await?;
    let findings = rows.into_iter().filter_map(|row| {
        let rule = set.find(&row.rule_key, &row.subject).or_else(|| set.find(&row.rule_key, ""))?;
        let code = if rule.by_code { row.subject.parse().ok() } else { None };
        Some(OpenFinding {
            key: FindingKey { rule: rule.no, code },
            ordinal: row.ordinal as u32,
            severity: severity(row.severity),
            opened_at: row.opened_at.into(),
        })
    });
    Ok(findings.collect())
}

async fn visits(conn: &mut PgConnection, vehicle: &VehicleId) -> sqlx::Result<(Vec<Visit>, u32)> {
    let rows = query!(
        r#"select o.order_id, o.visit, o.state, o.severity,
                  array(select case_id from work_order_line l where l.order_id = o.order_id and l.state = $2) as "cases!"
           from work_order o where o.vehicle_id = $1 order by o.visit"#,
        vehicle.as_str(),
        LineState::Open.word()
    )
    .fetch_all(conn)
    .await?;
    let count = rows.iter().map(|row| row.visit).max().unwrap_or(0);
    let open = rows.into_iter().filter_map(|row| {
        let state = OrderState::from_word(&row.state).filter(|state| !state.is_over())?;
        let severity = severity(row.severity);
        let alone = severity == Severity::S1;
        Some(Visit { order: row.order_id, severity, alone, checked_in: state.in_workshop(), cases: row.cases })
    });
    Ok((open.collect(), count as u32))
}

/// The store checks that it is one of these.
const fn severity(number: i16) -> Severity {
    match number {
        1 => Severity::S1,
        2 => Severity::S2,
        3 => Severity::S3,
        _ => Severity::S4,
    }
}

fn mode(word: &str) -> Mode {
    match word {
        "shadow" => Mode::Shadow,
        "canary" => Mode::Canary,
        _ => Mode::Live,
    }
}
