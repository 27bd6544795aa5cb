//! The board: open orders by urgency, stop-now cases without an order, and what waits for review.
//!
//! The page is complete without JavaScript. With it, `/board/stream` sends the groups that changed,
//! rendered by the same template.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::warn;
use uuid::Uuid;

use crate::http::HttpState;
use crate::http::board::card::{Card, Group, Signs, cards_of_cases, cards_of_orders, cards_of_warnings, groups};
use crate::http::case::titles::Titles;
use crate::http::page::failure::Failure;
use crate::http::page::layout::{Page, Part, html};
use crate::http::person::gate::Visitor;
use crate::http::words::fill;
use crate::store::session::begin_as;
use crate::store::{board, person};

#[derive(Template)]
#[template(path = "board.html")]
struct BoardPage {
    p: Page,
    groups: Vec<Group>,
    empty: bool,
    overdue: usize,
    truncated: Option<String>,
}

#[derive(Template)]
#[template(path = "board_group.html")]
struct GroupFragment<'a> {
    p: &'a Page,
    group: &'a Group,
}

/// `GET /board`
pub async fn show(State(state): State<HttpState>, who: Visitor) -> Result<Response, Failure> {
    let (p, cards) = read(&state, &who).await?;
    let overdue = cards.iter().filter(|card| card.overdue).count();
    let truncated =
        (cards.len() as i64 >= board::BOARD_LIMIT).then(|| fill(&p.w.board.truncated, "n", board::BOARD_LIMIT));
    let empty = cards.is_empty();
    let groups = groups(&p, cards);
    html(&BoardPage { p, groups, empty, overdue, truncated })
}

/// `GET /board/stream`: groups and counts as they change.
pub async fn stream(State(state): State<HttpState>, who: Visitor) -> Result<Response, Failure> {
    if !who.account.role.sees_vehicles() {
        return Err(Failure::Forbidden);
    }
    Ok(streaming(state, who, Sends::Groups))
}

/// `GET /live/stream`: counts only; other pages read themselves again when told.
pub async fn counts_stream(State(state): State<HttpState>, who: Visitor) -> Response {
    streaming(state, who, Sends::Counts)
}

/// What a page's stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sends {
    Groups,
    Counts,
}

fn streaming(state: HttpState, who: Visitor, sends: Sends) -> Response {
    let (sender, receiver) = mpsc::channel::<Result<Event, Infallible>>(16);
    tokio::spawn(follow(state, who, sends, sender));
    let quiet = KeepAlive::new().interval(Duration::from_secs(20));
    Sse::new(ReceiverStream::new(receiver)).keep_alive(quiet).into_response()
}

/// Ages and due times are written anew this often although nothing changed.
const AGEING: Duration = Duration::from_secs(60);

async fn follow(state: HttpState, who: Visitor, sends: Sends, sender: mpsc::Sender<Result<Event, Infallible>>) {
    let mut follower = state.live.follow(who.account.dealer_id);
    let mut sent = HashMap::new();
    loop {
        let event = match sends {
            Sends::Groups => changed_groups(&state, &who, &mut sent).await,
            Sends::Counts => counts(&state, &who).await,
        };
        match event {
            Ok(event) => {
                if sender.send(Ok(event)).await.is_err() {
                    return;
                }
            }
            Err(failure) => warn!(error = format!("{failure:?}"), "board not sent"),
        }
        tokio::select! {
            more = follower.changed() => if !more { return },
            () = sender.closed() => return,
            () = tokio::time::sleep(AGEING) => {}
        }
    }
}

/// Renders all groups and gives those that differ from what this browser has.
async fn changed_groups(state: &HttpState, who: &Visitor, sent: &mut HashMap<String, u64>) -> Result<Event, Failure> {
    let (p, cards) = read(state, who).await?;
    let overdue = cards.iter().filter(|card| card.overdue).count();
    let mut fragments = serde_json::Map::new();
    let mut counts = serde_json::Map::new();
    for group in &groups(&p, cards) {
        let id = format!("group-s{}", group.tag.number);
        counts.insert(format!("s{}", group.tag.number), json!(group.cards.len()));
        let fragment = GroupFragment { p: &p, group }.render()?;
        let mut hasher = DefaultHasher::new();
        fragment.hash(&mut hasher);
        if sent.insert(id.clone(), hasher.finish()) != Some(hasher.finish()) {
            fragments.insert(id, json!(fragment));
        }
    }
    counts.insert("unread".to_owned(), json!(p.unread));
    counts.insert("waiting".to_owned(), json!(p.waiting));
    counts.insert("overdue".to_owned(), json!(overdue));
    let clock = p.clock_text();
    let message = json!({ "fragments": fragments, "counts": counts, "clock": clock });
    Event::default().event("board").json_data(message).map_err(|error| Failure::Broken(error.into()))
}

async fn counts(state: &HttpState, who: &Visitor) -> Result<Event, Failure> {
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let p = Page::of(&mut tx, state, who, Part::Elsewhere).await?;
    let message = json!({ "counts": { "unread": p.unread, "waiting": p.waiting }, "clock": p.clock_text() });
    Event::default().event("board").json_data(message).map_err(|error| Failure::Broken(error.into()))
}

async fn read(state: &HttpState, who: &Visitor) -> Result<(Page, Vec<Card>), Failure> {
    if !who.account.role.sees_vehicles() {
        return Err(Failure::Forbidden);
    }
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let p = Page::of(&mut tx, state, who, Part::Board).await?;
    let orders = board::orders(&mut tx).await?;
    let ids: Vec<Uuid> = orders.iter().map(|order| order.order_id).collect();
    let lines = board::lines(&mut tx, &ids).await?;
    let cases = board::stop_now_cases(&mut tx).await?;
    let warnings = board::warnings(&mut tx).await?;
    drop(tx);

    let mut vehicles: Vec<String> = orders.iter().map(|order| order.vehicle_id.clone()).collect();
    vehicles.extend(cases.iter().map(|case| case.vehicle_id.clone()));
    vehicles.extend(warnings.iter().map(|warning| warning.vehicle_id.clone()));
    let masked = if who.account.role.sees_masked() {
        let mut tx = begin_as(&state.pool, who.sees_people("board")).await?;
        person::masked_vehicles(&mut tx, &state.keys, &vehicles).await?
    } else {
        HashMap::new()
    };
    let titles = Titles::new(state.catalogue(), p.locale);
    let signs = Signs { titles: &titles, masked: &masked, names_dealer: who.account.dealer_id.is_none() };
    let mut cards = cards_of_cases(&p, &signs, cases);
    cards.extend(cards_of_warnings(&p, &signs, warnings));
    cards.extend(cards_of_orders(&p, &signs, orders, lines));
    Ok((p, cards))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::http::fixture;
    use crate::store::session::As;

    #[sqlx::test]
    async fn shows_the_dealers_open_work_by_urgency(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let page = console.page("/board", &console.log_in("li").await).await;
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not on the board"));
        assert!(at("group-s1") < at("发动机冷却系统") && at("发动机冷却系统") < at("id=\"group-s2\""));
        assert!(at("118.4") < at("id=\"group-s3\""), "the reason stands on the card");
        at("尚无工单");
        assert!(!page.contains("制动液"), "that car is another dealer's");
    }

    #[sqlx::test]
    async fn shows_every_dealer_to_the_manufacturer_and_no_plate(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let page = console.page("/board", &console.log_in("oem").await).await;
        assert!(page.contains("Brake fluid") && page.contains("Engine cooling") && page.contains("Westlake Motors"));
        assert!(!page.contains("沪A"));
        let ops = console.log_in("ops").await;
        assert_eq!(console.get("/board", &ops).send().await.unwrap().status(), 403);
    }

    #[sqlx::test]
    async fn sends_what_changed_and_nothing_else(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let cookie = console.log_in("li").await;
        let mut stream = console.get("/board/stream", &cookie).send().await.unwrap();
        let first = until(&mut stream, |text| text.contains("group-s3")).await;
        assert!(first.contains("event: board"));

        let mut tx = begin_as(&console.pool, As::Engine).await.unwrap();
        sqlx::query("update work_order set severity = 2 where vehicle_id = 'v-7'").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let second = until(&mut stream, |text| text.contains("group-s2")).await;
        assert!(second.contains("整车检查"), "the card came to its new group");
        assert!(!second.contains("group-s1"), "what did not change is not sent");
    }

    /// Reads the stream until it says what is waited for.
    async fn until(stream: &mut reqwest::Response, said: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut text = String::new();
        while !said(&text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let chunk = tokio::time::timeout(left, stream.chunk()).await.expect("the stream said nothing");
            text.push_str(&String::from_utf8_lossy(&chunk.unwrap().expect("the stream ended")));
        }
        text
    }
}
