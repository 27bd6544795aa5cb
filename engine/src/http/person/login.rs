//! Log in, log out, switch the language.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use askama::Template;
use axum::Form;
use axum::body::Body;
use axum::extract::{FromRequest as _, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use bytes::Bytes;
use rules::unit::Locale;
use serde::Deserialize;

use super::gate::{LOCALE_COOKIE, SESSION_COOKIE, Visitor, guest_locale, hash_token};
use crate::act::{self, ActError, Acting, Actor};
use crate::clock::Clock;
use crate::crypto::password;
use crate::http::HttpState;
use crate::http::door::browser::{self, BROWSER_COOKIE};
use crate::http::door::form::{self, Unread};
use crate::http::door::peer::Origin;
use crate::http::door::queue::Place;
use crate::http::door::tries::{Try, Wait};
use crate::http::page::failure::Failure;
use crate::http::page::layout::{Page, Part, html};
use crate::http::words::fill;
use crate::metrics::LogIn;
use crate::store::account::{self, Account};
use crate::store::session::{As, LOG_IN, Scope, begin_as};

const ANYONE: As<'static> = As::Person { dealer: Scope::Nobody, account: None, purpose: LOG_IN };
/// Verified when there is no such account, so that answers take the same time.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Q2WvHAvrZ1JFNvhRKzy2wEJrFqz7dPN4WJxVt0yFMRk";
/// When a browser that found the queue full may come again; it then goes ahead.
const AFTER_BUSY: Duration = Duration::from_secs(1);

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

#[derive(Default, Deserialize)]
pub struct LoginForm {
    #[serde(default)]
    login: String,
    #[serde(default)]
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
pub async fn enter(State(state): State<HttpState>, request: Request) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let form = match read_form(&parts, body).await {
        Ok(form) => form,
        Err(unread) => {
            let form = what_arrived(&parts, &unread).await;
            return refuse(&state, &parts.headers, form, Refusal::Unread(unread));
        }
    };
    let login = form.login.trim().to_lowercase();
    let origin = Origin::of_request(&parts.headers, parts.extensions.get(), &state.door.proxies);
    let browser = browser::known(&parts.headers, &state.keys, &login);
    let one = Try { name: &login, origin, browser: browser.as_deref() };
    let goes_ahead = match state.door.tries.begin(&one, Instant::now()) {
        Ok(goes_ahead) => goes_ahead,
        Err(wait) => return refuse(&state, &parts.headers, form, Refusal::Wait(wait)),
    };
    let Ok(place) = state.door.queue.enter(origin, goes_ahead).await else {
        state.door.tries.not_tried(&one, Instant::now());
        return refuse(&state, &parts.headers, form, Refusal::Busy);
    };
    let verified = verify(&state, place, &login, form.password.clone()).await;
    if verified.is_err() {
        state.door.tries.not_tried(&one, Instant::now());
    }
    let Some(account) = verified? else { return refuse(&state, &parts.headers, form, Refusal::Wrong) };
    state.door.tries.succeeded(&one, Instant::now());
    let token = new_token();
    start_session(&state, &account, &token).await.map_err(|error| Failure::of_act(error, "/login"))?;
    state.metrics.log_in(LogIn::In);
    let known = browser::value(&state.keys, browser.as_deref(), &login);
    let cookies = AppendHeaders([
        (
            header::SET_COOKIE,
            set_cookie(&state, &parts.headers, SESSION_COOKIE, &token, i64::from(state.sessions.hours) * 3600),
        ),
        (header::SET_COOKIE, set_cookie(&state, &parts.headers, BROWSER_COOKIE, &known, 365 * 86_400)),
    ]);
    Ok((cookies, Redirect::to(own_path(&form.next))).into_response())
}

async fn read_form(parts: &Parts, body: Body) -> Result<LoginForm, Unread> {
    parsed(parts, form::read(body).await?).await.ok_or(Unread::Broken)
}

/// The fields in front of the one that was too long.
async fn what_arrived(parts: &Parts, unread: &Unread) -> LoginForm {
    let Unread::TooLong(kept) = unread else { return LoginForm::default() };
    let whole = kept.iter().rposition(|byte| *byte == b'&').map(|end| kept.slice(..end));
    parsed(parts, whole.unwrap_or_default()).await.unwrap_or_default()
}

async fn parsed(parts: &Parts, body: Bytes) -> Option<LoginForm> {
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = Method::POST;
    if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
        request.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    Form::<LoginForm>::from_request(request, &()).await.ok().map(|Form(form)| form)
}

/// Whose password it is, if anybody's. The place is held for that long and no longer.
async fn verify(state: &HttpState, mut place: Place, login: &str, tried: String) -> Result<Option<Account>, Failure> {
    let mut tx = begin_as(&state.pool, ANYONE).await?;
    let found = account::by_login(&mut tx, login).await?;
    drop(tx);
    let (known, phc) = found.map_or((None, NOBODY.to_owned()), |(account, phc)| (Some(account), phc));
    let right = tokio::task::spawn_blocking(move || password::verify(place.memory(), &tried, &phc)).await;
    Ok(known.filter(|_| right.unwrap_or(false)))
}

async fn start_session(state: &HttpState, account: &Account, token: &str) -> Result<(), ActError> {
    let mut acting = Acting::begin(&state.pool, Actor::Person(account), state.clock.now(), None).await?;
    let (hash, hours) = (hash_token(token), state.sessions.hours);
    act::account::log_in(&mut acting, &hash, hours, Clock::wall().to_utc()).await?;
    acting.commit().await
}

/// `POST /logout`
pub async fn leave(State(state): State<HttpState>, who: Visitor, headers: HeaderMap) -> Result<Response, Failure> {
    let failed = |error| Failure::of_act(error, "/login");
    let mut acting = who.acting(&state).await?;
    act::account::log_out(&mut acting, &who.token_hash).await.map_err(failed)?;
    acting.commit().await.map_err(failed)?;
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
        let failed = |error| Failure::of_act(error, "/board");
        let mut acting = visitor.acting(&state).await?;
        act::account::set_locale(&mut acting, chosen).await.map_err(failed)?;
        acting.commit().await.map_err(failed)?;
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

/// Why nobody was let in.
enum Refusal {
    Wrong,
    Wait(Wait),
    Busy,
    Unread(Unread),
}

/// The page again, with what was typed and the reason.
fn refuse(state: &HttpState, headers: &HeaderMap, form: LoginForm, refusal: Refusal) -> Result<Response, Failure> {
    let locale: Locale = guest_locale(headers);
    let p = Page::bare(state, locale, Part::Elsewhere);
    let words = &p.w.login;
    let later = |sentence: &str, wait: Duration| {
        let seconds = wait.as_secs_f64().ceil().max(1.0);
        (StatusCode::TOO_MANY_REQUESTS, fill(sentence, "n", seconds), Some(seconds as u64))
    };
    let (status, problem, after) = match &refusal {
        Refusal::Wrong => (StatusCode::UNAUTHORIZED, words.wrong.clone(), None),
        Refusal::Wait(Wait::Name(wait)) => later(&words.wait, *wait),
        Refusal::Wait(Wait::Address(wait)) => later(&words.busy, *wait),
        Refusal::Busy => later(&words.busy, AFTER_BUSY),
        Refusal::Unread(Unread::TooLong(_)) => (StatusCode::PAYLOAD_TOO_LARGE, words.too_long.clone(), None),
        Refusal::Unread(Unread::TooSlow) => (StatusCode::REQUEST_TIMEOUT, words.unread.clone(), None),
        Refusal::Unread(Unread::Broken) => (StatusCode::UNPROCESSABLE_ENTITY, words.unread.clone(), None),
    };
    state.metrics.log_in(match refusal {
        Refusal::Wrong => LogIn::Wrong,
        Refusal::Wait(_) => LogIn::Delayed,
        Refusal::Busy => LogIn::Busy,
        Refusal::Unread(_) => LogIn::Unread,
    });
    let page = LoginPage { p, next: form.next, login: form.login, problem: Some(problem) };
    let mut response = (status, Html(page.render()?)).into_response();
    if let Some(after) = after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after));
    }
    Ok(response)
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
    use super::super::gate::TOKEN_DIGITS;
    use super::*;
    use crate::http::fixture;
    use crate::seed::demo::DEMO_PASSWORD;

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
    async fn says_why_beside_the_field_and_keeps_the_name(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let long = "a".repeat(100_000);
        for (language, password, status, says) in [
            ("zh-CN", "guess", StatusCode::UNAUTHORIZED, "账号或密码不正确"),
            ("en", "guess", StatusCode::UNAUTHORIZED, "Account or password is wrong"),
            ("en", long.as_str(), StatusCode::PAYLOAD_TOO_LARGE, "Account or password is too long"),
        ] {
            let form = [("login", "Li <b>"), ("next", "/inbox"), ("password", password)];
            let answer = console.post("/login", "", &form).header("accept-language", language).send().await.unwrap();
            assert_eq!(answer.status(), status);
            let page = answer.text().await.unwrap();
            let field = page.split("name=\"password\"").nth(1).unwrap();
            assert!(field.contains("aria-describedby=\"problem\"") && field.contains(says), "{page}");
            assert!(page.contains("value=\"Li &#60;b&#62;\"") && page.contains("value=\"/inbox\""), "{page}");
        }
    }

    #[sqlx::test]
    async fn tells_browsers_when_to_come_again(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        for _ in 0..3 {
            console.try_log_in("li", "guess").await;
        }
        let answer = console.try_log_in("li", "guess").await;
        assert_eq!(
            (answer.status(), &answer.headers()[header::RETRY_AFTER]),
            (StatusCode::TOO_MANY_REQUESTS, &HeaderValue::from(2))
        );
    }

    #[sqlx::test]
    async fn nobody_is_locked_out_of_a_browser_they_use(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let entered = console.try_log_in("li", DEMO_PASSWORD).await;
        let cookies = entered.headers().get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let browser =
            cookies.filter_map(|value| value.split(';').next()).find(|value| value.starts_with(BROWSER_COOKIE));
        let browser = browser.unwrap().to_owned();
        for _ in 0..5 {
            console.try_log_in("li", "guess").await;
        }
        assert_eq!(console.try_log_in("li", DEMO_PASSWORD).await.status(), StatusCode::TOO_MANY_REQUESTS);
        let form = [("login", "li"), ("password", DEMO_PASSWORD)];
        let answer = console.post("/login", &browser, &form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    }

    #[sqlx::test]
    async fn one_account_has_so_many_sessions_and_the_oldest_end(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let first = console.log_in("li").await;
        let mut last = String::new();
        for _ in 0..50 {
            last = console.log_in("li").await;
        }
        console.page("/board", &last).await;
        let old = console.get("/board", &first).send().await.unwrap();
        assert_eq!(old.headers()[header::LOCATION], "/login?next=/board");
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
        assert_eq!(new_token().len(), TOKEN_DIGITS);
        assert_ne!(new_token(), new_token());
    }
}
