//! Log in, log out, switch the language.

use std::net::Ipv4Addr;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use rules::vehicle::Locale;
use serde::Deserialize;

use super::HttpState;
use super::failure::Failure;
use super::gate::{LOCALE_COOKIE, SESSION_COOKIE, Visitor, guest_locale, hash_token};
use super::layout::{Page, Part, html};
use super::words::fill;
use crate::clock::Clock;
use crate::crm::password;
use crate::store::account;
use crate::store::session::{As, LOG_IN, Scope, begin_as};

const ANYONE: As<'static> = As::Person { dealer: Scope::Nobody, account: None, purpose: LOG_IN };
/// Verified when there is no such account, so that answers take the same time.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Q2WvHAvrZ1JFNvhRKzy2wEJrFqz7dPN4WJxVt0yFMRk";

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    p: Page,
    next: String,
    login: String,
    problem: Option<String>,
}

#[derive(Deserialize)]
pub struct LoginQuery {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct LoginForm {
    login: String,
    password: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct LocaleForm {
    locale: String,
    #[serde(default)]
    next: String,
}

/// `GET /login`
pub async fn show(
    State(state): State<HttpState>,
    headers: HeaderMap,
    Query(query): Query<LoginQuery>,
) -> Result<Response, Failure> {
    let p = Page::bare(&state, guest_locale(&headers), Part::Elsewhere);
    html(&LoginPage { p, next: query.next, login: String::new(), problem: None })
}

/// `POST /login`
pub async fn enter(
    State(state): State<HttpState>,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Result<Response, Failure> {
    let login = form.login.trim().to_lowercase();
    let mut tx = begin_as(&state.pool, ANYONE).await?;
    let (failures, since) = account::failures(&mut tx, &login).await?;
    let wait = password::delay_after(failures).as_secs_f64() - since.unwrap_or(f64::MAX);
    if wait > 0.0 {
        return refuse(&state, &headers, form, Some(wait.ceil()));
    }
    let found = account::by_login(&mut tx, &login).await?;
    // Counted before it is tried, so that tries side by side count too; a success forgets it.
    account::record_failure(&mut tx, &login).await?;
    tx.commit().await?;

    let (known, phc) = found.map_or((None, NOBODY.to_owned()), |(account, phc)| (Some(account), phc));
    let tried = form.password.clone();
    let right = tokio::task::spawn_blocking(move || password::verify(&tried, &phc)).await;
    let Some(account) = known.filter(|_| right.unwrap_or(false)) else {
        return refuse(&state, &headers, form, None);
    };
    let mut tx = begin_as(&state.pool, ANYONE).await?;
    let token = new_token();
    account::start_session(&mut tx, &account, &hash_token(&token), state.sessions.hours, Clock::wall().to_utc())
        .await?;
    tx.commit().await?;
    let cookie = set_cookie(&state, &headers, SESSION_COOKIE, &token, i64::from(state.sessions.hours) * 3600);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(own_path(&form.next))).into_response())
}

/// `POST /logout`
pub async fn leave(State(state): State<HttpState>, who: Visitor, headers: HeaderMap) -> Result<Response, Failure> {
    let mut tx = begin_as(&state.pool, ANYONE).await?;
    account::end_session(&mut tx, &who.token_hash).await?;
    tx.commit().await?;
    let cookie = set_cookie(&state, &headers, SESSION_COOKIE, "", 0);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response())
}

/// `POST /locale`
pub async fn locale(
    State(state): State<HttpState>,
    who: Result<Visitor, Failure>,
    headers: HeaderMap,
    Form(form): Form<LocaleForm>,
) -> Result<Response, Failure> {
    let chosen = account::locale(&form.locale).ok_or_else(|| Failure::BadForm("locale".to_owned()))?;
    if let Ok(visitor) = who {
        let mut tx = begin_as(&state.pool, ANYONE).await?;
        account::set_locale(&mut tx, visitor.id(), chosen).await?;
        tx.commit().await?;
    }
    let cookie = set_cookie(&state, &headers, LOCALE_COOKIE, chosen.tag(), 365 * 86_400);
    let back = if form.next.is_empty() { came_from(&headers) } else { form.next };
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(own_path(&back))).into_response())
}

/// Path and query of the page that sent the form.
fn came_from(headers: &HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let after_host = referer.split_once("://").and_then(|(_, rest)| rest.find('/').map(|slash| &rest[slash..]));
    after_host.unwrap_or("/").to_owned()
}

fn refuse(state: &HttpState, headers: &HeaderMap, form: LoginForm, wait: Option<f64>) -> Result<Response, Failure> {
    let locale: Locale = guest_locale(headers);
    let p = Page::bare(state, locale, Part::Elsewhere);
    let (status, problem) = match wait {
        Some(seconds) => (StatusCode::TOO_MANY_REQUESTS, fill(&p.w.login.wait, "n", seconds)),
        None => (StatusCode::UNAUTHORIZED, p.w.login.wrong.clone()),
    };
    let page = LoginPage { p, next: form.next, login: form.login, problem: Some(problem) };
    Ok((status, Html(page.render()?)).into_response())
}

/// 32 random bytes in hexadecimal.
fn new_token() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn set_cookie(state: &HttpState, headers: &HeaderMap, name: &str, value: &str, max_age_s: i64) -> String {
    let over_tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if over_tls || (state.sessions.secure && !is_loopback(headers)) { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}{secure}")
}

/// A browser on this machine: nothing travels that TLS could protect.
fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "[::1]") || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// A path of this console; whatever else was asked for is the board.
fn own_path(next: &str) -> &str {
    let local = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    if local { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::seed::DEMO_PASSWORD;
    use crate::http::fixture;

    #[test]
    fn goes_nowhere_else_after_logging_in() {
        assert_eq!(own_path("/orders/1"), "/orders/1");
        for foreign in ["", "https://evil", "//evil", "/\\evil"] {
            assert_eq!(own_path(foreign), "/", "{foreign}");
        }
    }

    #[sqlx::test]
    async fn lets_in_out_and_never_in_again_with_the_old_cookie(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let stranger = console.get("/board", "").send().await.unwrap();
        assert_eq!(stranger.headers()[header::LOCATION], "/login?next=/board");
        let cookie = console.log_in("li").await;
        assert!(console.page("/board", &cookie).await.contains("李静"));
        let left = console.post("/logout", &cookie, &[]).send().await.unwrap();
        assert_eq!(left.status(), StatusCode::SEE_OTHER);
        let after = console.get("/board", &cookie).send().await.unwrap();
        assert_eq!(after.headers()[header::LOCATION], "/login?next=/board");
    }

    #[sqlx::test]
    async fn makes_who_fails_wait_even_with_the_right_password(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        for _ in 0..3 {
            assert_eq!(console.try_log_in("li", "guess").await.status(), StatusCode::UNAUTHORIZED);
        }
        assert_eq!(console.try_log_in("li", DEMO_PASSWORD).await.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(console.try_log_in("nobody", "guess").await.status(), StatusCode::UNAUTHORIZED);
        console.log_in("anna").await;
    }

    #[sqlx::test]
    async fn takes_forms_from_its_own_pages_only(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let cookie = console.log_in("li").await;
        let foreign = reqwest::Client::new().post(format!("{}/logout", console.base)).header("cookie", &cookie);
        let answer = foreign.header(header::ORIGIN, "https://evil.example").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        console.page("/board", &cookie).await;
    }

    #[sqlx::test]
    async fn remembers_the_language_of_the_account(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let cookie = console.log_in("li").await;
        let form = [("locale", "en"), ("next", "/board")];
        let answer = console.post("/locale", &cookie, &form).send().await.unwrap();
        assert_eq!(answer.headers()[header::LOCATION], "/board");
        assert!(console.page("/board", &cookie).await.contains("Stop now"));
    }

    #[test]
    fn knows_its_own_machine() {
        for (host, own) in [("127.0.0.1:8080", true), ("localhost", true), ("[::1]:80", true), ("10.0.0.1:80", false)] {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            assert_eq!(is_loopback(&headers), own, "{host}");
        }
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        assert_eq!(new_token().len(), 64);
        assert_ne!(new_token(), new_token());
    }
}
