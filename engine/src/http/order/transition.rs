//! What people do with a work order: move it on, judge its lines, answer its flag.
//!
//! `crm::order_state` decides; the change, its row in the log and the lane's command are one
//! transaction, guarded by the version the person saw.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use rules::case::Verdict;
use rules::vehicle::{Command, Component, VehicleId};
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::crm::line_state::LineState;
use crate::crm::order_state::{self, Facts, OrderState, Refusal};
use crate::http::HttpState;
use crate::http::page::failure::Failure;
use crate::http::person::gate::Visitor;
use crate::store::console;
use crate::store::order::{self, Judgement, Line, Move, Order};
use crate::store::session::begin_as;

#[derive(Deserialize)]
pub struct MoveForm {
    version: i32,
    to: String,
    #[serde(default)]
    because: String,
    #[serde(default)]
    odometer_km: String,
    #[serde(default)]
    appointment_at: String,
}

#[derive(Deserialize)]
pub struct VerdictForm {
    version: i32,
    case_id: Uuid,
    verdict: String,
    work: String,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
pub struct FlagForm {
    version: i32,
}

/// `POST /orders/{id}/move`
pub async fn move_on(
    State(state): State<HttpState>,
    who: Visitor,
    Path(order_id): Path<Uuid>,
    Form(form): Form<MoveForm>,
) -> Result<Response, Failure> {
    let to = OrderState::from_word(&form.to).ok_or_else(|| Failure::BadForm("to".to_owned()))?;
    if !who.account.role.may_move_to(to) {
        return Err(Failure::Forbidden);
    }
    let back = format!("/orders/{order_id}");
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let row = order::order(&mut tx, order_id).await?.ok_or(Failure::NotFound)?;
    let lines = order::lines(&mut tx, order_id).await?;
    let zone = zone(&mut tx, &row).await?;
    let odometer_km = odometer(&form.odometer_km)?;
    let appointment_at = appointment(&form.appointment_at, zone)?;
    let facts = facts(&row, &lines, odometer_km, appointment_at);
    let step = match order_state::step(row.state, to, &facts, &form.because) {
        Ok(step) => step,
        Err(refusal) => return Ok(Redirect::to(&format!("{back}?refused={}", refusal_word(refusal))).into_response()),
    };
    let moved_at = state.clock.now().to_utc();
    let change = Move {
        order_id,
        version: form.version,
        from: row.state,
        to: step.to,
        because: form.because.trim(),
        moved_by: who.id(),
        moved_at,
        odometer_km,
        appointment_at,
    };
    if !order::move_on(&mut tx, &change).await? {
        return Err(Failure::Changed { back });
    }
    if let Some(event) = step.tell {
        let vehicle = vehicle_of(&row.vehicle_id)?;
        let command = Command::Order { order: order_id, event, effective_at: moved_at.into() };
        console::command(&mut tx, &vehicle, &command).await?;
    }
    tx.commit().await?;
    Ok(Redirect::to(&back).into_response())
}

/// `POST /orders/{id}/verdict`
pub async fn judge(
    State(state): State<HttpState>,
    who: Visitor,
    Path(order_id): Path<Uuid>,
    Form(form): Form<VerdictForm>,
) -> Result<Response, Failure> {
    if !who.account.role.gives_verdict() {
        return Err(Failure::Forbidden);
    }
    let wrong = || Failure::BadForm("verdict".to_owned());
    let verdict = Verdict::from_word(&form.verdict).ok_or_else(wrong)?;
    let work = LineState::from_word(&form.work).filter(|work| *work != LineState::Withdrawn).ok_or_else(wrong)?;
    let back = format!("/orders/{order_id}");
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let row = order::order(&mut tx, order_id).await?.ok_or(Failure::NotFound)?;
    if !row.state.in_workshop() {
        return Err(Failure::Changed { back });
    }
    let note = Some(form.note.trim()).filter(|note| !note.is_empty());
    let judgement = Judgement {
        order_id,
        case_id: form.case_id,
        verdict,
        note,
        state: work,
        judged_at: state.clock.now().to_utc(),
    };
    if !order::judge(&mut tx, form.version, &judgement).await? {
        return Err(Failure::Changed { back });
    }
    tx.commit().await?;
    Ok(Redirect::to(&format!("{back}#case-{}", form.case_id)).into_response())
}

/// `POST /orders/{id}/unflag`
pub async fn unflag(
    State(state): State<HttpState>,
    who: Visitor,
    Path(order_id): Path<Uuid>,
    Form(form): Form<FlagForm>,
) -> Result<Response, Failure> {
    if !who.account.role.advises() {
        return Err(Failure::Forbidden);
    }
    let back = format!("/orders/{order_id}");
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    if !order::unflag(&mut tx, order_id, form.version).await? {
        return Err(Failure::Changed { back });
    }
    tx.commit().await?;
    Ok(Redirect::to(&back).into_response())
}

fn facts(row: &Order, lines: &[Line], odometer_km: Option<f64>, appointment: Option<DateTime<Utc>>) -> Facts {
    let done = lines.iter().filter(|line| line.state == LineState::Done).map(|line| Component::new(&line.component));
    Facts {
        odometer_km: odometer_km.or(row.odometer_km),
        has_appointment: appointment.is_some(),
        verdicts_missing: verdicts_missing(lines),
        done: done.collect(),
    }
}

/// Lines that a technician has still to judge.
pub fn verdicts_missing(lines: &[Line]) -> usize {
    lines.iter().filter(|line| line.verdict.is_none() && line.state.asks_verdict()).count()
}

async fn zone(conn: &mut PgConnection, row: &Order) -> Result<Tz, Failure> {
    let dealer = console::dealer(conn, row.dealer_id).await?;
    Ok(dealer.and_then(|dealer| dealer.timezone.parse().ok()).unwrap_or(Tz::UTC))
}

fn vehicle_of(vehicle_id: &str) -> Result<VehicleId, Failure> {
    VehicleId::try_new(vehicle_id).map_err(|error| Failure::Broken(error.into()))
}

fn odometer(text: &str) -> Result<Option<f64>, Failure> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != ',').collect();
    if digits.is_empty() {
        return Ok(None);
    }
    let km = digits.parse().ok().filter(|km: &f64| (0.0..=2_000_000.0).contains(km));
    km.map(Some).ok_or_else(|| Failure::BadForm("odometer".to_owned()))
}

/// A `datetime-local` in the dealer's zone.
fn appointment(text: &str, zone: Tz) -> Result<Option<DateTime<Utc>>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Failure::BadForm("appointment".to_owned());
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").map_err(|_| wrong())?;
    zone.from_local_datetime(&local).earliest().map(|at| Some(at.to_utc())).ok_or_else(wrong)
}

fn refusal_word(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotNext(..) => "next",
        Refusal::ReasonMissing => "reason",
        Refusal::OdometerMissing => "odometer",
        Refusal::AppointmentMissing => "appointment",
        Refusal::VerdictsMissing(_) => "verdicts",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fixture;
    use crate::store::session::As;

    #[sqlx::test]
    async fn moves_by_the_table_and_tells_the_lane(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let order = console.order_of("v-2").await;
        let cookie = console.log_in("li").await;
        let path = format!("/orders/{order}/move");
        let go = async |form: &[(&str, &str)]| {
            let answer = console.post(&path, &cookie, form).send().await.unwrap();
            answer.headers()["location"].to_str().unwrap().to_owned()
        };
        assert!(go(&[("version", "1"), ("to", "delivered")]).await.ends_with("refused=next"));
        assert!(go(&[("version", "1"), ("to", "cancelled")]).await.ends_with("refused=reason"));
        let cancelled = [("version", "1"), ("to", "cancelled"), ("because", "sold")];
        assert_eq!(go(&cancelled).await, format!("/orders/{order}"));
        assert!(go(&[("version", "1"), ("to", "triaged")]).await.contains("refused=next"));
        let commands = console.commands_of("v-2").await;
        assert_eq!(commands.len(), 1);
        assert_eq!(commands[0]["Order"]["event"], "Cancelled");
        let page = console.page(&format!("/orders/{order}"), &cookie).await;
        assert!(page.contains("李静: sold") && page.contains("该工单已结束"));
    }

    #[sqlx::test]
    async fn whoever_decides_on_an_old_page_is_told(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let order = console.order_of("v-2").await;
        let cookie = console.log_in("chen").await;
        let sent = console.post(&format!("/orders/{order}/move"), &cookie, &[("version", "7"), ("to", "triaged")]);
        let answer = sent.send().await.unwrap();
        assert_eq!(answer.headers()["location"].to_str().unwrap(), format!("/orders/{order}?changed=1"));
    }

    #[sqlx::test]
    async fn goes_to_delivery_only_with_the_technicians_verdict(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let order = console.order_of("v-4").await;
        let (advisor, technician) = (console.log_in("li").await, console.log_in("wang").await);
        let version = async || {
            let mut tx = begin_as(&console.pool, As::Engine).await.unwrap();
            order::order(&mut tx, order).await.unwrap().unwrap().version.to_string()
        };
        let go = async |cookie: &str, to: &str| {
            let form = [("version", &*version().await), ("to", to)];
            console.post(&format!("/orders/{order}/move"), cookie, &form).send().await.unwrap()
        };
        assert_eq!(go(&technician, "quality_check").await.status(), 303);
        let refused = go(&technician, "ready").await;
        assert!(refused.headers()["location"].to_str().unwrap().ends_with("refused=verdicts"));
        let mut tx = begin_as(&console.pool, As::Engine).await.unwrap();
        let case = order::lines(&mut tx, order).await.unwrap()[0].case_id.to_string();
        drop(tx);
        let form = [("version", &*version().await), ("case_id", &case), ("verdict", "confirmed"), ("work", "done")];
        console.post(&format!("/orders/{order}/verdict"), &technician, &form).send().await.unwrap();
        for to in ["ready", "settled", "delivered"] {
            let status = go(if to == "ready" { &technician } else { &advisor }, to).await.status();
            assert_eq!(status, 303, "{to}");
        }
        let told = &console.commands_of("v-4").await[0]["Order"]["event"]["Closed"];
        assert_eq!(told["delivered"], serde_json::json!(["engine.ignition"]));
        assert_eq!(told["odometer_km"], 66_120.0);
    }

    #[test]
    fn reads_appointments_in_the_dealers_time() {
        let at = appointment("2026-11-23T09:30", Tz::Asia__Shanghai).unwrap().unwrap();
        assert_eq!(at.to_rfc3339(), "2026-11-23T01:30:00+00:00");
        assert!(appointment("", Tz::UTC).unwrap().is_none());
        assert!(appointment("tomorrow", Tz::UTC).is_err());
    }

    #[test]
    fn reads_odometers_as_people_write_them() {
        assert_eq!(odometer("48 211").unwrap(), Some(48_211.0));
        assert_eq!(odometer("48,211.5").unwrap(), Some(48_211.5));
        assert!(odometer("-3").is_err() && odometer("many").is_err());
    }
}
