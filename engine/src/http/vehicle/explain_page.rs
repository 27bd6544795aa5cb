//! Why a rule fired for a vehicle, or why it did not: as a page and as JSON.

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{NaiveDateTime, TimeZone as _};
use chrono_tz::Tz;
use rules::author::explain::Explanation;
use rules::unit::Time;
use rules::vehicle::VehicleId;
use serde::Deserialize;

use crate::history::explanation::{self, NotThen};
use crate::http::HttpState;
use crate::http::page::failure::Failure;
use crate::http::page::layout::{Page, Part, html};
use crate::http::person::gate::Visitor;
use crate::metrics::HeavyPage;
use crate::store::session::begin_as;
use crate::store::vehicle;

#[derive(Template)]
#[template(path = "explain.html")]
struct ExplainPage {
    p: Page,
    vehicle: String,
    rule: String,
    /// Key and title of every rule in force.
    rules: Vec<(String, String)>,
    /// The past time that was asked for, as the form has it.
    at: String,
    found: Option<Explanation>,
    /// Why there is none.
    not_then: Option<String>,
}

#[derive(Deserialize)]
pub struct ExplainQuery {
    #[serde(default)]
    rule: String,
    /// A past time: RFC 3339, or as a form has it, in the dealer's zone; empty for now.
    #[serde(default)]
    at: String,
}

impl ExplainQuery {
    fn time(&self, zone: Tz) -> Result<Option<Time>, Failure> {
        if self.at.is_empty() {
            return Ok(None);
        }
        let local = || {
            let local = NaiveDateTime::parse_from_str(&self.at, "%Y-%m-%dT%H:%M").ok()?;
            zone.from_local_datetime(&local).earliest()
        };
        let given = Time::parse(&self.at).ok().or_else(|| local().map(|at| Time::from(at.to_utc())));
        given.map(Some).ok_or_else(|| Failure::BadForm("at".to_owned()))
    }
}

/// `GET /vehicles/{vehicle}/explain?rule=&at=`
pub async fn show(
    State(state): State<HttpState>,
    who: Visitor,
    Path(vehicle): Path<String>,
    Query(query): Query<ExplainQuery>,
) -> Result<Response, Failure> {
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let p = Page::of(&mut tx, &state, &who, Part::Elsewhere).await?;
    drop(tx);
    let catalogue = state.catalogue();
    let title = |rule: &rules::entry::rule::RuleSource| (rule.key.clone(), rule.title.in_locale(p.locale).to_owned());
    let concerns = |rule: &&rules::entry::rule::RuleSource| who.sees_rules_of(&rule.scope.dealer);
    let rules = catalogue.rules.iter().filter(concerns).map(title).collect();
    let at = query.time(p.zone)?;
    let (found, not_then) = match explained(&state, &who, &vehicle, &query.rule, at).await? {
        Some(Ok(found)) => (Some(found), None),
        Some(Err(why)) => (None, Some(why.to_string())),
        None => (None, None),
    };
    let at = at.map(|at| at.to_utc().with_timezone(&p.zone).format("%Y-%m-%dT%H:%M").to_string()).unwrap_or_default();
    html(&ExplainPage { p, vehicle, rule: query.rule, rules, at, found, not_then })
}

/// `GET /api/vehicles/{vehicle}/explain/{rule}?at=`
pub async fn json(
    State(state): State<HttpState>,
    who: Visitor,
    Path((vehicle, rule)): Path<(String, String)>,
    Query(query): Query<ExplainQuery>,
) -> Result<Response, Failure> {
    let at = query.time(Tz::UTC)?;
    match explained(&state, &who, &vehicle, &rule, at).await?.ok_or(Failure::NotFound)? {
        Ok(found) => Ok(Json(found).into_response()),
        Err(why) => Ok((StatusCode::GONE, Json(serde_json::json!({ "error": why.to_string() }))).into_response()),
    }
}

/// Nothing where no such rule is in force; vehicles of other dealers are not found.
async fn explained(
    state: &HttpState,
    who: &Visitor,
    vehicle: &str,
    rule: &str,
    at: Option<Time>,
) -> Result<Option<Result<Explanation, NotThen>>, Failure> {
    if !who.account.role.sees_vehicles() {
        return Err(Failure::Forbidden);
    }
    let id = VehicleId::try_new(vehicle).map_err(|_| Failure::NotFound)?;
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    vehicle::vehicle(&mut tx, vehicle).await?.ok_or(Failure::NotFound)?;
    drop(tx);
    let set = state.set_in_force();
    let hidden =
        |source: &rules::entry::rule::RuleSource| source.key == rule && !who.sees_rules_of(&source.scope.dealer);
    if set.catalogue.rules.iter().any(hidden) {
        return Ok(None);
    }
    if rule.is_empty() || (at.is_none() && !set.catalogue.rules.iter().any(|source| source.key == rule)) {
        return Ok(None);
    }
    let (pool, bounds, now, rule) = (state.pool.clone(), state.bounds, state.clock.now(), rule.to_owned());
    let replay = async move || {
        let found = match at {
            Some(at) => explanation::at(&pool, &set, &bounds, &id, &rule, at).await.map(Some),
            None => explanation::of(&pool, &set, &bounds, &id, &rule, now).await.map(|found| found.map(Ok)),
        };
        found.map_err(Failure::of)
    };
    state.heavy.run(HeavyPage::Explain, replay).await
}
