//! The system page: ready or why not, queues, what is refused. No person and no vehicle appears.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::http::HttpState;
use crate::http::page::failure::Failure;
use crate::http::page::layout::{Page, Part, html};
use crate::http::page::show::number;
use crate::http::person::gate::Visitor;
use crate::http::probe::scrape;
use crate::store::console::{self, RefusedCount};
use crate::store::session::{As, begin_as};

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage {
    p: Page,
    missing: Vec<(String, String)>,
    notes: Vec<(String, String)>,
    queues: Vec<(String, String)>,
    refused: Vec<RefusedCount>,
}

/// `GET /status`
pub async fn show(State(state): State<HttpState>, who: Visitor) -> Result<Response, Failure> {
    if !who.account.role.sees_system() {
        return Err(Failure::Forbidden);
    }
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let p = Page::of(&mut tx, &state, &who, Part::Status).await?;
    drop(tx);
    let depths = scrape::depths(&state).await?;
    let mut tx = begin_as(&state.pool, As::Engine).await?;
    let refused = console::refused_since(&mut tx, p.now - chrono::TimeDelta::hours(1)).await?;
    drop(tx);
    let words = &p.w.status;
    let queues = [
        (&words.outbox_queued, depths.outbox_queued),
        (&words.outbox_parked, depths.outbox_parked),
        (&words.commands_waiting, depths.commands_waiting),
        (&words.reviews_waiting, depths.reviews_waiting),
        (&words.orders_open, depths.orders_open),
    ];
    let queues = queues.into_iter().map(|(title, depth)| (title.clone(), number(depth as f64))).collect();
    let missing = state.readiness.missing().into_iter().collect();
    let notes = state.readiness.notes().into_iter().collect();
    html(&StatusPage { p, missing, notes, queues, refused })
}
