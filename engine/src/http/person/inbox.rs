//! The inbox: what the engine tells a dealer's people.

use std::collections::HashMap;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::gate::Visitor;
use crate::act;
use crate::http::HttpState;
use crate::http::board::card::Signs;
use crate::http::case::titles::Titles;
use crate::http::page::failure::Failure;
use crate::http::page::layout::{Page, Part, html};
use crate::http::page::show::{Moment, SeverityTag};
use crate::store::console::{self, InboxMessage};
use crate::store::person;
use crate::store::session::begin_as;

struct Letter {
    id: Uuid,
    tag: SeverityTag,
    title: String,
    body: String,
    sign: String,
    href: String,
    about_order: bool,
    at: Moment,
    ago: String,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    p: Page,
    unread: Vec<Letter>,
    read: Vec<Letter>,
    may_mark: bool,
}

#[derive(Deserialize)]
pub struct ReadForm {
    /// One message; without it, all.
    message: Option<Uuid>,
}

/// `GET /inbox`
pub async fn show(State(state): State<HttpState>, who: Visitor) -> Result<Response, Failure> {
    if !who.account.role.sees_vehicles() {
        return Err(Failure::Forbidden);
    }
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let p = Page::of(&mut tx, &state, &who, Part::Inbox).await?;
    let titles = Titles::new(state.catalogue(), p.locale);
    let messages = console::messages(&mut tx).await?;
    drop(tx);

    let ids: Vec<String> = messages.iter().map(|message| message.vehicle_id.clone()).collect();
    let masked = if who.account.role.sees_masked() {
        let mut tx = begin_as(&state.pool, who.sees_people("inbox")).await?;
        person::masked_vehicles(&mut tx, &state.keys, &ids).await?
    } else {
        HashMap::new()
    };
    let signs = Signs { titles: &titles, masked: &masked, names_dealer: false };
    let (read, unread): (Vec<_>, Vec<_>) = messages.into_iter().partition(|message| message.read_at.is_some());
    let letters = |messages: Vec<InboxMessage>| messages.into_iter().map(|m| letter(&p, &signs, m)).collect();
    let (unread, read) = (letters(unread), letters(read));
    let may_mark = who.account.role.advises();
    html(&InboxPage { p, unread, read, may_mark })
}

fn letter(p: &Page, signs: &Signs<'_>, message: InboxMessage) -> Letter {
    let href = match message.order_id {
        Some(order_id) => format!("/orders/{order_id}"),
        None => format!("/vehicles/{}", message.vehicle_id),
    };
    Letter {
        id: message.console_message_id,
        tag: p.severity(message.severity),
        title: signs.titles.stored(&message.title),
        body: signs.titles.stored(&message.body),
        sign: signs.sign(&message.vehicle_id),
        about_order: message.order_id.is_some(),
        href,
        at: p.times().moment(message.created_at),
        ago: p.times().ago(message.created_at),
    }
}

/// `POST /inbox/read`
pub async fn mark_read(
    State(state): State<HttpState>,
    who: Visitor,
    Form(form): Form<ReadForm>,
) -> Result<Response, Failure> {
    let failed = |error| Failure::of_act(error, "/inbox");
    let mut acting = who.acting(&state).await?;
    act::inbox::mark_read(&mut acting, form.message).await.map_err(failed)?;
    acting.commit().await.map_err(failed)?;
    Ok(Redirect::to("/inbox").into_response())
}

#[cfg(test)]
mod tests {
    use crate::http::fixture;

    #[sqlx::test]
    async fn reading_clears_the_badge(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let cookie = console.log_in("li").await;
        let badge = "data-count=\"unread\">4<";
        let page = console.page("/inbox", &cookie).await;
        assert!(page.contains(badge) && page.contains("立即停车通知已发送"));
        console.post("/inbox/read", &cookie, &[]).send().await.unwrap();
        let page = console.page("/inbox", &cookie).await;
        assert!(!page.contains(badge) && page.contains("更早"));
    }
}
