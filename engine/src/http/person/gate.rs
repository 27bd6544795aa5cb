//! Who comes in: sessions by cookie, POSTs only from our own pages, headers on every answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rules::unit::Locale;
use sha2::{Digest, Sha256};
use tokio_stream::StreamExt as _;
use uuid::Uuid;

use crate::act::{Acting, Actor};
use crate::clock::Clock;
use crate::http::HttpState;
use crate::http::door::peer::Peer;
use crate::http::page::failure::Failure;
use crate::store::account::{self, Account};
use crate::store::session::{As, LOG_IN, Scope, begin_as};

/// Cookie of the session; the store knows its SHA-256 only.
pub const SESSION_COOKIE: &str = "premend_session";
/// Cookie of the language of people who are not logged in.
pub const LOCALE_COOKIE: &str = "premend_locale";

/// Header of the key under which a request is carried out once.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A token is so long, in hexadecimal.
pub const TOKEN_DIGITS: usize = 64;

/// Someone who is logged in.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub account: Account,
    pub token_hash: Vec<u8>,
    /// `Idempotency-Key`: what is sent again under it is not done again.
    pub key: Option<String>,
}

impl Visitor {
    /// Whose rows this visitor's transactions see.
    pub fn sees(&self) -> As<'static> {
        self.account.sees()
    }

    /// Opens schema `person` for a purpose.
    pub fn sees_people<'a>(&self, purpose: &'a str) -> As<'a> {
        self.account.sees_people(purpose)
    }

    /// Begins an act of this visitor, under the key that the request carries.
    pub async fn acting(&self, state: &HttpState) -> Result<Acting<'_>, Failure> {
        let acting = Acting::begin(&state.pool, Actor::Person(&self.account), state.clock.now(), self.key.as_deref());
        acting.await.map_err(|error| Failure::of_act(error, "/board"))
    }

    /// Whether these dealers' own rules concern this visitor: people of a dealer see those for all and their own.
    pub fn sees_rules_of(&self, dealers: &[Uuid]) -> bool {
        dealers.is_empty() || self.account.dealer_id.is_none_or(|own| dealers.contains(&own))
    }

    pub fn id(&self) -> Uuid {
        self.account.account_id
    }
}

impl FromRequestParts<HttpState> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Failure> {
        let next = parts.uri.path_and_query().map_or("/board", |path| path.as_str()).to_owned();
        let Some(token) = cookie(&parts.headers, SESSION_COOKIE) else { return Err(Failure::LogIn { next }) };
        if token.len() != TOKEN_DIGITS || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Failure::LogIn { next });
        }
        let token_hash = hash_token(token);
        let standing = parts.extensions.get::<Peer>().map(|peer| Arc::clone(&peer.standing));
        let is_known = standing.as_ref().is_some_and(|standing| standing.is_known());
        if let Some(standing) = &standing {
            // Nobody takes the place of a connection while it is looked at whose it is.
            standing.make_known();
        }
        let found = session_of(state, &token_hash, is_known).await;
        if let Some(standing) = standing.filter(|_| !is_known && !matches!(found, Ok(Some(_)))) {
            standing.make_stranger();
        }
        let key = parts.headers.get(IDEMPOTENCY_KEY).map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
        found?.map(|account| Self { account, token_hash, key }).ok_or(Failure::LogIn { next })
    }
}

async fn session_of(state: &HttpState, token_hash: &[u8], is_known: bool) -> Result<Option<Account>, Failure> {
    // Anybody can make up a cookie: strangers share few of the console's connections.
    let _turn = if is_known { None } else { state.door.checks.acquire().await.ok() };
    let mut tx = begin_as(&state.pool, As::Person { dealer: Scope::Nobody, account: None, purpose: LOG_IN }).await?;
    Ok(account::by_session(&mut tx, token_hash, Clock::wall().to_utc()).await?)
}

/// What the store keeps of a session's token.
pub fn hash_token(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The language for somebody unknown: what they chose, else what their browser prefers.
pub fn guest_locale(headers: &HeaderMap) -> Locale {
    if let Some(chosen) = cookie(headers, LOCALE_COOKIE).and_then(account::locale) {
        return chosen;
    }
    let preferred = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or("zh");
    if preferred.trim_start().starts_with("en") { Locale::En } else { Locale::ZhCn }
}

/// Refuses what changes something unless it comes from a page of this host.
pub async fn own_origin_only(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || is_own_origin(request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "this form was not sent by this console\n").into_response()
}

fn is_own_origin(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    match (origin, host) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, sender)| sender == host),
        (None, Some(_)) => headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin"),
        _ => false,
    }
}

/// A body that stops for so long is not waited for.
const BODY_PAUSE: Duration = Duration::from_secs(10);

/// Gives up on bodies that stop coming.
pub async fn impatient_with_bodies(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let chunks = body.into_data_stream().timeout(BODY_PAUSE).map(|chunk| match chunk {
        Ok(chunk) => chunk,
        Err(elapsed) => Err(axum::Error::new(elapsed)),
    });
    next.run(Request::from_parts(parts, Body::from_stream(chunks))).await
}

const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
];

/// Headers that keep foreign code and foreign frames out; pages are kept by no cache.
pub async fn protective_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn takes_forms_of_its_own_pages_only() {
        assert!(is_own_origin(&headers(&[("host", "a:1"), ("origin", "http://a:1")])));
        assert!(is_own_origin(&headers(&[("host", "a:1"), ("sec-fetch-site", "same-origin")])));
        assert!(!is_own_origin(&headers(&[("host", "a:1"), ("origin", "http://evil")])));
        assert!(!is_own_origin(&headers(&[("host", "a:1"), ("origin", "null")])));
        assert!(!is_own_origin(&headers(&[("host", "a:1"), ("sec-fetch-site", "cross-site")])));
        assert!(!is_own_origin(&headers(&[("host", "a:1")])));
    }

    #[test]
    fn finds_its_cookie_among_others() {
        let headers = headers(&[("cookie", "a=1; premend_session=xyz; b=2")]);
        assert_eq!(cookie(&headers, SESSION_COOKIE), Some("xyz"));
        assert_eq!(cookie(&headers, "session"), None);
    }

    #[test]
    fn speaks_what_the_browser_speaks() {
        assert_eq!(guest_locale(&headers(&[("accept-language", "en-GB,en;q=0.9")])), Locale::En);
        assert_eq!(guest_locale(&headers(&[("accept-language", "zh-CN")])), Locale::ZhCn);
        assert_eq!(guest_locale(&headers(&[])), Locale::ZhCn);
        assert_eq!(
            guest_locale(&headers(&[("accept-language", "zh-CN"), ("cookie", "premend_locale=en")])),
            Locale::En
        );
    }
}
