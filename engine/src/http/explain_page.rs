//! Why a rule fired for a vehicle, or why it did not: as a page and as JSON.

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use rules::explain::Explanation;
use rules::vehicle::VehicleId;
use serde::Deserialize;

use super::HttpState;
use super::failure::Failure;
use super::gate::Visitor;
use super::layout::{Page, Part, html};
use crate::explanation;
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
    found: Option<Explanation>,
}

#[derive(Deserialize)]
pub struct ExplainQuery {
    #[serde(default)]
    rule: String,
}

/// `GET /vehicles/{vehicle}/explain?rule=`
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
    let title = |rule: &rules::rule::RuleSource| (rule.key.clone(), rule.title.in_locale(p.locale).to_owned());
    let rules = catalogue.rules.iter().map(title).collect();
    let found = explained(&state, &who, &vehicle, &query.rule).await?;
    html(&ExplainPage { p, vehicle, rule: query.rule, rules, found })
}

/// `GET /api/vehicles/{vehicle}/explain/{rule}`
pub async fn json(
    State(state): State<HttpState>,
    who: Visitor,
    Path((vehicle, rule)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let found = explained(&state, &who, &vehicle, &rule).await?.ok_or(Failure::NotFound)?;
    Ok(Json(found).into_response())
}

/// Nothing where no such rule is in force; vehicles of other dealers are not found.
async fn explained(
    state: &HttpState,
    who: &Visitor,
    vehicle: &str,
    rule: &str,
) -> Result<Option<Explanation>, Failure> {
    if !who.account.role.sees_vehicles() {
        return Err(Failure::Forbidden);
    }
    let id = VehicleId::try_new(vehicle).map_err(|_| Failure::NotFound)?;
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    vehicle::vehicle(&mut tx, vehicle).await?.ok_or(Failure::NotFound)?;
    drop(tx);
    let set = state.set_in_force();
    if !set.catalogue.rules.iter().any(|source| source.key == rule) {
        return Ok(None);
    }
    explanation::of(&state.pool, &set, &state.bounds, &id, rule).await.map_err(Failure::Broken)
}
