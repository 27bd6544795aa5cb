//! What people do with a work order: move it on, judge its lines, answer its flag.
//!
//! The forms are read here; `act::order` does it.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::NaiveDateTime;
use rules::case::Verdict;
use serde::Deserialize;
use uuid::Uuid;

use crate::act::order::{self, Judge, MoveOn};
use crate::act::{ActError, ActRefusal};
use crate::crm::line_state::LineState;
use crate::crm::order_state::{OrderState, Refusal};
use crate::http::HttpState;
use crate::http::page::failure::Failure;
use crate::http::person::gate::Visitor;

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
    let back = format!("/orders/{order_id}");
    let wanted = MoveOn {
        order: order_id,
        version: form.version,
        to,
        because: &form.because,
        odometer_km: odometer(&form.odometer_km)?,
        appointment: appointment(&form.appointment_at)?,
    };
    let mut acting = who.acting(&state).await?;
    match order::move_on(&mut acting, &wanted).await {
        Ok(()) => acting.commit().await.map_err(|error| Failure::of_act(error, &back))?,
        Err(ActError::Refused(ActRefusal::Order(why))) => {
            return Ok(Redirect::to(&format!("{back}?refused={}", refusal_word(why))).into_response());
        }
        Err(error) => return Err(Failure::of_act(error, &back)),
    }
    Ok(Redirect::to(&back).into_response())
}

/// `POST /orders/{id}/verdict`
pub async fn judge(
    State(state): State<HttpState>,
    who: Visitor,
    Path(order_id): Path<Uuid>,
    Form(form): Form<VerdictForm>,
) -> Result<Response, Failure> {
    let wrong = || Failure::BadForm("verdict".to_owned());
    let said = Judge {
        order: order_id,
        case: form.case_id,
        version: form.version,
        verdict: Verdict::from_word(&form.verdict).ok_or_else(wrong)?,
        work: LineState::from_word(&form.work).ok_or_else(wrong)?,
        note: Some(form.note.trim()).filter(|note| !note.is_empty()),
    };
    let back = format!("/orders/{order_id}");
    let failed = |error| Failure::of_act(error, &back);
    let mut acting = who.acting(&state).await?;
    order::judge(&mut acting, &said).await.map_err(failed)?;
    acting.commit().await.map_err(failed)?;
    Ok(Redirect::to(&format!("{back}#case-{}", form.case_id)).into_response())
}

/// `POST /orders/{id}/unflag`
pub async fn unflag(
    State(state): State<HttpState>,
    who: Visitor,
    Path(order_id): Path<Uuid>,
    Form(form): Form<FlagForm>,
) -> Result<Response, Failure> {
    let back = format!("/orders/{order_id}");
    let failed = |error| Failure::of_act(error, &back);
    let mut acting = who.acting(&state).await?;
    order::unflag(&mut acting, order_id, form.version).await.map_err(failed)?;
    acting.commit().await.map_err(failed)?;
    Ok(Redirect::to(&back).into_response())
}

fn odometer(text: &str) -> Result<Option<f64>, Failure> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != ',').collect();
    if digits.is_empty() {
        return Ok(None);
    }
    let km = digits.parse().ok().filter(|km: &f64| (0.0..=2_000_000.0).contains(km));
    km.map(Some).ok_or_else(|| Failure::BadForm("odometer".to_owned()))
}

/// A `datetime-local`, by the dealer's clock.
fn appointment(text: &str) -> Result<Option<NaiveDateTime>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M");
    local.map(Some).map_err(|_| Failure::BadForm("appointment".to_owned()))
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
    use crate::store::order as rows;
    use crate::store::session::{As, begin_as};

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
            rows::order(&mut tx, order).await.unwrap().unwrap().version.to_string()
        };
        let go = async |cookie: &str, to: &str| {
            let form = [("version", &*version().await), ("to", to)];
            console.post(&format!("/orders/{order}/move"), cookie, &form).send().await.unwrap()
        };
        assert_eq!(go(&technician, "quality_check").await.status(), 303);
        let refused = go(&technician, "ready").await;
        assert!(refused.headers()["location"].to_str().unwrap().ends_with("refused=verdicts"));
        let mut tx = begin_as(&console.pool, As::Engine).await.unwrap();
        let case = rows::lines(&mut tx, order).await.unwrap()[0].case_id.to_string();
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
    fn reads_appointments_as_the_browser_sends_them() {
        let at = appointment("2026-11-23T09:30").unwrap().unwrap();
        assert_eq!(at.to_string(), "2026-11-23 09:30:00");
        assert!(appointment("").unwrap().is_none());
        assert!(appointment("tomorrow").is_err());
    }

    #[test]
    fn reads_odometers_as_people_write_them() {
        assert_eq!(odometer("48 211").unwrap(), Some(48_211.0));
        assert_eq!(odometer("48,211.5").unwrap(), Some(48_211.5));
        assert!(odometer("-3").is_err() && odometer("many").is_err());
    }
}
