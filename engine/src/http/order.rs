//! The work order: what, why, how urgent, with which evidence; and what people do with it.

use std::collections::HashMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use rules::command::Command;
use rules::component::Component;
use rules::vehicle::VehicleId;
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::HttpState;
use super::case_view;
use super::failure::Failure;
use super::gate::Visitor;
use super::layout::{Page, Part, html};
use super::order_view::{LineView, LogEntry, NextStep, OrderHead, OtherCase, heads};
use super::people::{self, PeopleCard};
use super::titles::Titles;
use super::words::fill;
use crate::crm::order_state::{self, Facts, OrderState, Refusal};
use crate::store::order::{Judgement, Line, Move, Order};
use crate::store::session::begin_as;
use crate::store::{account, console, order, vehicle};

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    p: Page,
    head: OrderHead,
    lines: Vec<LineView>,
    others: Vec<OtherCase>,
    main_step: Option<NextStep>,
    other_steps: Vec<NextStep>,
    /// The order is open but the next step is another role's.
    waits: bool,
    verdicts_missing: Option<String>,
    gives_verdict: bool,
    verdicts: Vec<(String, String)>,
    log: Vec<LogEntry>,
    people: PeopleCard,
    problem: Option<String>,
}

#[derive(Deserialize)]
pub struct OrderQuery {
    /// Why the last thing tried was refused.
    #[serde(default)]
    refused: String,
    #[serde(default)]
    changed: String,
}

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

/// `GET /orders/{id}`
pub async fn show(
    State(state): State<HttpState>,
    who: Visitor,
    Path(order_id): Path<Uuid>,
    Query(query): Query<OrderQuery>,
) -> Result<Response, Failure> {
    if !who.account.role.sees_vehicles() {
        return Err(Failure::Forbidden);
    }
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let p = Page::of(&mut tx, &state, &who, Part::Board).await?;
    let titles = Titles::new(state.catalogue(), p.locale);
    let row = order::order(&mut tx, order_id).await?.ok_or(Failure::NotFound)?;
    let lines = order::lines(&mut tx, order_id).await?;
    let cases = case_view::views(&mut tx, &p, &titles, heads(&row, &lines)).await?;
    let transitions = order::transitions(&mut tx, order_id).await?;
    let others = vehicle::cases(&mut tx, &row.vehicle_id).await?;
    let profile = vehicle::vehicle(&mut tx, &row.vehicle_id).await?.ok_or(Failure::NotFound)?;
    drop(tx);
    let people = people::card(&state, &who, &p, &profile).await?;
    let movers: Vec<Uuid> = transitions.iter().filter_map(|moved| moved.moved_by).collect();
    let names = names(&state, &who, &movers).await?;

    let missing = verdicts_missing(&lines);
    let mut steps = row.state.next().iter().filter(|to| who.account.role.may_move_to(**to));
    let step = |to: &OrderState| NextStep::new(&p, *to, missing);
    let (main_step, other_steps) = (steps.next().map(step), steps.map(step).collect());
    let page = OrderPage {
        head: OrderHead::new(&p, &titles, &row, &lines, &people),
        lines: lines.iter().zip(cases).map(|(line, case)| LineView::new(&p, &titles, line, case)).collect(),
        others: OtherCase::of(&p, &titles, others, &lines),
        waits: main_step.is_none() && !row.state.next().is_empty(),
        main_step,
        other_steps,
        verdicts_missing: (missing > 0 && row.state.asks_verdicts_soon())
            .then(|| fill(&p.w.order.verdicts_missing, "n", missing)),
        gives_verdict: who.account.role.gives_verdict() && row.state.in_workshop(),
        verdicts: VERDICTS
            .iter()
            .map(|word| ((*word).to_owned(), super::words::named(&p.w.verdict, word).to_owned()))
            .collect(),
        log: transitions.into_iter().map(|moved| LogEntry::new(&p, moved, &names)).collect(),
        problem: problem(&p, &query, missing),
        people,
        p,
    };
    html(&page)
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
    let known = VERDICTS.contains(&form.verdict.as_str()) && WORK.contains(&form.work.as_str());
    if !known {
        return Err(Failure::BadForm("verdict".to_owned()));
    }
    let back = format!("/orders/{order_id}");
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let row = order::order(&mut tx, order_id).await?.ok_or(Failure::NotFound)?;
    if !row.state.in_workshop() {
        return Err(Failure::Changed { back });
    }
    let note = Some(form.note.trim()).filter(|note| !note.is_empty());
    let judgement = Judgement { order_id, case_id: form.case_id, verdict: &form.verdict, note, state: &form.work };
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

/// The technician's words, DOMAIN 6.5.
const VERDICTS: [&str; 5] =
    ["confirmed", "confirmed_other_cause", "precautionary_replaced", "no_fault_found", "not_inspected"];
const WORK: [&str; 3] = ["open", "done", "declined"];

fn facts(row: &Order, lines: &[Line], odometer_km: Option<f64>, appointment: Option<DateTime<Utc>>) -> Facts {
    let done = lines.iter().filter(|line| line.state == "done").map(|line| Component::new(&line.component));
    Facts {
        odometer_km: odometer_km.or(row.odometer_km),
        has_appointment: appointment.is_some(),
        verdicts_missing: verdicts_missing(lines),
        done: done.collect(),
    }
}

fn verdicts_missing(lines: &[Line]) -> usize {
    let waits = |line: &&Line| line.verdict.is_none() && line.state != "withdrawn" && line.state != "declined";
    lines.iter().filter(waits).count()
}

async fn zone(conn: &mut PgConnection, row: &Order) -> Result<Tz, Failure> {
    let dealer = console::dealer(conn, row.dealer_id).await?;
    Ok(dealer.and_then(|dealer| dealer.timezone.parse().ok()).unwrap_or(Tz::UTC))
}

async fn names(state: &HttpState, who: &Visitor, ids: &[Uuid]) -> Result<HashMap<Uuid, String>, Failure> {
    let mut tx = begin_as(&state.pool, who.sees_people("names of colleagues")).await?;
    Ok(account::names(&mut tx, ids).await?.into_iter().collect())
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

fn problem(p: &Page, query: &OrderQuery, missing: usize) -> Option<String> {
    let words = &p.w.order;
    match query.refused.as_str() {
        "next" => Some(words.refused_next.clone()),
        "reason" => Some(words.refused_reason.clone()),
        "odometer" => Some(words.refused_odometer.clone()),
        "appointment" => Some(words.refused_appointment.clone()),
        "verdicts" => Some(fill(&words.verdicts_missing, "n", missing)),
        _ => (!query.changed.is_empty()).then(|| words.changed.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
