//! The work order: what, why, how urgent, with which evidence; for the people who have to decide.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use rules::case::Verdict;
use serde::Deserialize;
use uuid::Uuid;

use crate::act::order::verdicts_missing;
use crate::crm::order_state::OrderState;
use crate::http::HttpState;
use crate::http::case::titles::Titles;
use crate::http::case::view;
use crate::http::order::view::{LineView, LogEntry, NextStep, OrderHead, OtherCase, heads};
use crate::http::page::failure::Failure;
use crate::http::page::layout::{Page, Part, html};
use crate::http::person::gate::Visitor;
use crate::http::person::people::{self, PeopleCard};
use crate::http::words::{fill, named};
use crate::store::session::begin_as;
use crate::store::{account, order, vehicle};

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
    let cases = view::views(&mut tx, &p, &titles, heads(&row, &lines)).await?;
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
        verdicts: Verdict::ALL
            .map(|verdict| (verdict.word().to_owned(), named(&p.w.verdict, verdict.word()).to_owned()))
            .into(),
        log: transitions.into_iter().map(|moved| LogEntry::new(&p, &titles, moved, &names)).collect(),
        problem: problem(&p, &query, missing),
        people,
        p,
    };
    html(&page)
}

async fn names(state: &HttpState, who: &Visitor, ids: &[Uuid]) -> Result<HashMap<Uuid, String>, Failure> {
    let mut tx = begin_as(&state.pool, who.sees_people("names of colleagues")).await?;
    Ok(account::names(&mut tx, ids).await?.into_iter().collect())
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
    use crate::http::fixture;

    #[sqlx::test]
    async fn answers_what_why_how_urgent_and_with_which_evidence(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let order = console.order_of("v-1").await;
        let page = console.page(&format!("/orders/{order}"), &console.log_in("li").await).await;
        for said in [
            "发动机冷却系统",
            "立即停车",
            "冷却液温度已超过 115",
            "class=\"limit\"",
            "class=\"open\"",
            "coolant_overheat v3",
            "97 %",
            "节温器",
            "已联系车主",
            "机油机滤更换",
        ] {
            assert!(page.contains(said), "{said}");
        }
        let faults = console.order_of("v-4").await;
        let page = console.page(&format!("/orders/{faults}"), &console.log_in("li").await).await;
        assert!(page.contains("P0301") && page.contains("0xAF") && page.contains("灯亮"));
    }

    #[sqlx::test]
    async fn is_not_there_for_another_dealer(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let order = console.order_of("v-1").await;
        let cookie = console.log_in("anna").await;
        for path in [format!("/orders/{order}"), "/vehicles/v-1".to_owned()] {
            assert_eq!(console.get(&path, &cookie).send().await.unwrap().status(), 404, "{path}");
        }
    }
}
