//! The review queue: what the engine would not order by itself, with the evidence to judge it by.

use std::collections::HashMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use rules::stage::gate::ORDER_GATE;
use rules::vehicle::ReviewAnswer;
use serde::Deserialize;
use uuid::Uuid;

use crate::act;
use crate::http::HttpState;
use crate::http::board::card::Signs;
use crate::http::case::titles::Titles;
use crate::http::case::view::{self, CaseHead, CaseView};
use crate::http::page::failure::Failure;
use crate::http::page::layout::{Page, Part, html};
use crate::http::page::show;
use crate::http::person::gate::Visitor;
use crate::http::words::fill;
use crate::store::person;
use crate::store::review::{self, WaitingCase};
use crate::store::session::begin_as;

/// A case that waits, and why it was not ordered.
struct Waiting {
    case: CaseView,
    vehicle_id: String,
    sign: String,
    model: String,
    dealer: Option<String>,
    because: String,
    queued_ago: String,
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    p: Page,
    waiting: Vec<Waiting>,
    may_answer: bool,
    gone: bool,
}

#[derive(Deserialize)]
pub struct ReviewQuery {
    #[serde(default)]
    changed: String,
}

#[derive(Deserialize)]
pub struct AnswerForm {
    answer: String,
}

/// `GET /review`
pub async fn show(
    State(state): State<HttpState>,
    who: Visitor,
    Query(query): Query<ReviewQuery>,
) -> Result<Response, Failure> {
    if !who.account.role.sees_vehicles() {
        return Err(Failure::Forbidden);
    }
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let p = Page::of(&mut tx, &state, &who, Part::Review).await?;
    let titles = Titles::new(state.catalogue(), p.locale);
    let rows = review::waiting(&mut tx).await?;
    let heads = rows.iter().map(head).collect();
    let cases = view::views(&mut tx, &p, &titles, heads).await?;
    drop(tx);

    let ids: Vec<String> = rows.iter().map(|row| row.vehicle_id.clone()).collect();
    let masked = if who.account.role.sees_masked() {
        let mut tx = begin_as(&state.pool, who.sees_people("review")).await?;
        person::masked_vehicles(&mut tx, &state.keys, &ids).await?
    } else {
        HashMap::new()
    };
    let signs = Signs { titles: &titles, masked: &masked, names_dealer: who.account.dealer_id.is_none() };
    let waiting = rows.into_iter().zip(cases).map(|(row, case)| waiting(&p, &signs, row, case)).collect();
    let may_answer = who.account.role.advises();
    html(&ReviewPage { p, waiting, may_answer, gone: !query.changed.is_empty() })
}

fn head(row: &WaitingCase) -> CaseHead {
    CaseHead {
        case_id: row.case_id,
        vehicle_id: row.vehicle_id.clone(),
        component: row.component.clone(),
        severity: row.severity,
        open: true,
        confidence: row.confidence,
    }
}

/// The engine's reason in the reader's language: it is decided by these two numbers.
fn why_not(p: &Page, titles: &Titles, row: &WaitingCase) -> String {
    let words = &p.w.review;
    if row.severity <= 2 && row.confidence < ORDER_GATE {
        fill(&fill(&words.unsure, "n", show::percent(row.confidence)), "gate", show::percent(ORDER_GATE))
    } else if row.severity > 2 {
        fill(&words.planned, "severity", format!("S{}", row.severity))
    } else {
        titles.worded(&row.because)
    }
}

fn waiting(p: &Page, signs: &Signs<'_>, row: WaitingCase, case: CaseView) -> Waiting {
    Waiting {
        sign: signs.sign(&row.vehicle_id),
        model: format!("{} {}", signs.titles.model(&row.model), row.model_year),
        dealer: signs.names_dealer.then(|| row.dealer_name.clone()),
        because: why_not(p, signs.titles, &row),
        queued_ago: p.times().ago(row.queued_at),
        vehicle_id: row.vehicle_id,
        case,
    }
}

/// `POST /review/{case}`
pub async fn answer(
    State(state): State<HttpState>,
    who: Visitor,
    Path(case_id): Path<Uuid>,
    Form(form): Form<AnswerForm>,
) -> Result<Response, Failure> {
    let answer = match form.answer.as_str() {
        "accept" => ReviewAnswer::Accept,
        "dismiss" => ReviewAnswer::Dismiss,
        _ => return Err(Failure::BadForm("answer".to_owned())),
    };
    let failed = |error| Failure::of_act(error, "/review");
    let mut acting = who.acting(&state).await?;
    act::review::answer(&mut acting, case_id, answer).await.map_err(failed)?;
    acting.commit().await.map_err(failed)?;
    Ok(Redirect::to("/review").into_response())
}

#[cfg(test)]
mod tests {
    use crate::http::fixture;

    #[sqlx::test]
    async fn an_answer_reaches_the_lane_once(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let cookie = console.log_in("li").await;
        let page = console.page("/review", &cookie).await;
        assert!(page.contains("把握程度 46 %,低于自动开单所需的 60 %") && page.contains("class=\"plot wide\""));
        let case = page.split("/review/").nth(1).unwrap()[..36].to_owned();
        for expected in ["/review", "/review?changed=1"] {
            let answer =
                console.post(&format!("/review/{case}"), &cookie, &[("answer", "accept")]).send().await.unwrap();
            assert_eq!(answer.headers()["location"], expected);
        }
        let commands = console.commands_of("v-5").await;
        assert_eq!(commands, [serde_json::json!({ "Review": { "case": case, "answer": "Accept" } })]);
        assert!(!console.page("/review", &cookie).await.contains(&case));
    }

    #[sqlx::test]
    async fn only_the_dealers_advisors_answer(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let page = console.page("/review", &console.log_in("li").await).await;
        let case = page.split("/review/").nth(1).unwrap()[..36].to_owned();
        for (login, status) in [("oem", 403), ("wang", 403), ("anna", 303)] {
            let cookie = console.log_in(login).await;
            let sent = console.post(&format!("/review/{case}"), &cookie, &[("answer", "dismiss")]).send().await;
            assert_eq!(sent.unwrap().status(), status, "{login}");
        }
        assert!(console.commands_of("v-5").await.is_empty(), "the other dealer's advisor found nothing to answer");
    }
}
