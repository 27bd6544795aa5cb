//! The rules page: what is in force, what waits for a second person, and the history; the same as JSON.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use rules::catalogue::Catalogue;
use rules::entry::signal::Kind;
use rules::language::expr::{FUNCTIONS, Function};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::act::rule::RuleAnswer;
use crate::act::{self, ActRefusal};
use crate::history::journal;
use crate::http::HttpState;
use crate::http::page::failure::Failure;
use crate::http::page::layout::{Page, Part, html};
use crate::http::person::gate::Visitor;
use crate::http::rule::entry::{Entry, entries};
use crate::http::rule::standing::{RuleLine, TaskLine, standing};
use crate::http::vehicle::held::{self, HeldLine};
use crate::metrics::HeavyPage;
use crate::rules_in_force::proposal::{API, ROLLBACK, is_of_the_store, recheck, weigh_and_keep};
use crate::store::session::{As, begin_as};

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    p: Page,
    problem: Option<String>,
    rules: Vec<RuleLine>,
    tasks: Vec<TaskLine>,
    held: Vec<HeldLine>,
    may_close: bool,
    decides: bool,
    waiting: Vec<Entry>,
    history: Vec<Entry>,
}

/// `GET /rules`
pub async fn show(State(state): State<HttpState>, who: Visitor) -> Result<Response, Failure> {
    if !who.account.role.sees_rules() {
        return Err(Failure::Forbidden);
    }
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let p = Page::of(&mut tx, &state, &who, Part::Rules).await?;
    drop(tx);
    let entries = entries(&state, &who, &p).await?;
    let (waiting, history) = entries.into_iter().partition(|entry| entry.state == "waiting");
    let (rules, tasks) = standing(&state, &who, &p).await?;
    let may_close = who.account.role.proposes_rules();
    let decides = who.account.role.decides_rules();
    let held = held::lines(&state, &p).await?;
    html(&RulesPage { problem: state.rules_problem(), rules, tasks, held, may_close, decides, waiting, history, p })
}

#[derive(Deserialize)]
pub struct AnswerForm {
    answer: String,
}

/// `POST /rules/{activation}/answer`: a second person agrees or refuses. What would change something else by now, or
/// lose safety, cannot be agreed to.
pub async fn answer(
    State(state): State<HttpState>,
    who: Visitor,
    Path(activation): Path<i64>,
    Form(form): Form<AnswerForm>,
) -> Result<Response, Failure> {
    let approve = match form.answer.as_str() {
        "approve" => true,
        "reject" => false,
        other => return Err(Failure::BadForm(format!("no such answer: {other}"))),
    };
    let failed = |error| Failure::of_act(error, "/rules");
    let mut acting = who.acting(&state).await?;
    let row = act::rule::answerable(&mut acting, activation).await.map_err(failed)?;
    drop(acting);
    let Some(row) = row else { return Ok(Redirect::to("/rules").into_response()) };
    let (pool, current) = (state.pool.clone(), state.set_in_force());
    let rechecked = async move || recheck(&pool, &current, &row).await.map_err(Failure::of);
    let cannot = if approve { state.heavy.run(HeavyPage::Rules, rechecked).await?.err() } else { None };
    let answer = match &cannot {
        Some(why) => RuleAnswer::CannotFollow(why),
        None if approve => RuleAnswer::Approve,
        None => RuleAnswer::Reject,
    };
    let mut acting = who.acting(&state).await?;
    act::rule::answer(&mut acting, activation, answer).await.map_err(failed)?;
    acting.commit().await.map_err(failed)?;
    if cannot.is_some() {
        return Err(Failure::Changed { back: "/rules".to_owned() });
    }
    Ok(Redirect::to("/rules").into_response())
}

/// `POST /rules/{activation}/return`: back to what was in force before. What two people agreed to needs nobody again;
/// what was in force before anybody had to agree is proposed.
pub async fn roll_back(
    State(state): State<HttpState>,
    who: Visitor,
    Path(activation): Path<i64>,
) -> Result<Response, Failure> {
    let failed = |error| Failure::of_act(error, "/rules");
    let mut acting = who.acting(&state).await?;
    let row = act::rule::returnable(&mut acting, activation).await.map_err(failed)?;
    drop(acting);
    let (pool, current) = (state.pool.clone(), state.set_in_force());
    let weighed = async move || {
        let mut tx = begin_as(&pool, As::Engine).await?;
        let set = journal::stored_rule_set(&mut tx, &row.rule_set_hash).await.map_err(Failure::Broken)?;
        drop(tx);
        match weigh_and_keep(&pool, &current, &set.catalogue, ROLLBACK, None).await {
            Err(error) if !is_of_the_store(&error) => Err(Failure::BadForm(format!("{error:#}"))),
            weighed => weighed.map_err(Failure::of),
        }
    };
    if let Some(follower) = state.heavy.run(HeavyPage::Rules, weighed).await? {
        let mut acting = who.acting(&state).await?;
        let proposed = act::rule::roll_back(&mut acting, activation, &follower).await.map_err(failed)?;
        acting.commit().await.map_err(failed)?;
        if let Some(lost) = proposed.lost {
            return Err(Failure::BadForm(lost));
        }
    }
    Ok(Redirect::to("/rules").into_response())
}

/// Rules and history as JSON.
#[derive(Serialize)]
struct RulesBody {
    problem: Option<String>,
    rules: Vec<RuleLine>,
    tasks: Vec<TaskLine>,
    activations: Vec<Entry>,
}

/// `GET /api/rules`
pub async fn list(State(state): State<HttpState>, who: Visitor) -> Result<Response, Failure> {
    if !who.account.role.sees_rules() {
        return Err(Failure::Forbidden);
    }
    let p = Page::bare(&state, who.account.locale, Part::Rules);
    let activations = entries(&state, &who, &p).await?;
    let (rules, tasks) = standing(&state, &who, &p).await?;
    Ok(Json(RulesBody { problem: state.rules_problem(), rules, tasks, activations }).into_response())
}

/// All that its author has of their own, to follow what they have in force: the manufacturer's overlay, or a dealer's
/// rules and texts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposalBody {
    reason: String,
    /// By path, as below the overlay's directory.
    files: BTreeMap<String, String>,
    /// The manufacturer may propose what a dealer has of its own, to take it away for instance.
    #[serde(default)]
    dealer: Option<Uuid>,
}

/// `POST /api/rules`: proposes rules; 422 with every fault where they are not sound or lose safety.
pub async fn propose_rules(
    State(state): State<HttpState>,
    who: Visitor,
    Json(body): Json<ProposalBody>,
) -> Result<Response, Failure> {
    let refused =
        |why: String| (StatusCode::UNPROCESSABLE_ENTITY, Json(serde_json::json!({ "error": why }))).into_response();
    let dealer = match act::rule::may_propose(&who.account, body.dealer, &body.reason) {
        Ok(dealer) => dealer,
        Err(ActRefusal::Unusable("reason")) => return Ok(refused("a change of rules needs a reason".to_owned())),
        Err(ActRefusal::Unusable(_)) => return Ok(refused("these are another dealer's rules".to_owned())),
        Err(refusal) => return Err(Failure::of_act(refusal.into(), "/rules")),
    };
    let files: Vec<(String, String)> = body.files.into_iter().collect();
    let (pool, current) = (state.pool.clone(), state.set_in_force());
    let weighed = async move || {
        let proposed = match dealer {
            Some(dealer) => current.catalogue.with_dealer(dealer, &files),
            None => Catalogue::builtin().and_then(|builtin| builtin.overlay(&files)),
        };
        match proposed {
            Ok(catalogue) => Ok(weigh_and_keep(&pool, &current, &catalogue, API, dealer).await),
            Err(error) => Ok(Err(anyhow::Error::from(error))),
        }
    };
    let follower = match state.heavy.run(HeavyPage::Rules, weighed).await? {
        Ok(Some(follower)) => follower,
        Ok(None) => return Ok(Json(serde_json::json!({ "changes": [] })).into_response()),
        Err(error) => return Ok(refused(format!("{error:#}"))),
    };
    let failed = |error| Failure::of_act(error, "/rules");
    let mut acting = who.acting(&state).await?;
    let proposed = act::rule::propose(&mut acting, &follower, dealer, &body.reason).await.map_err(failed)?;
    acting.commit().await.map_err(failed)?;
    if let Some(lost) = proposed.lost {
        return Ok(refused(lost));
    }
    Ok((
        StatusCode::ACCEPTED,
        Json(serde_json::json!({
            "activation": proposed.activation,
            "needs_approval": proposed.needs_approval,
            "changes": proposed.changes,
        })),
    )
        .into_response())
}

/// A signal of the reference.
struct SignalLine {
    path: String,
    unit: String,
    range: String,
    title: String,
    max_gap: String,
}

#[derive(Template)]
#[template(path = "rules_reference.html")]
struct ReferencePage {
    p: Page,
    functions: &'static [Function],
    signals: Vec<SignalLine>,
}

/// `GET /rules/reference`: the language and the signals, from the code that checks rules.
pub async fn reference(State(state): State<HttpState>, who: Visitor) -> Result<Response, Failure> {
    if !who.account.role.sees_rules() {
        return Err(Failure::Forbidden);
    }
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let p = Page::of(&mut tx, &state, &who, Part::Rules).await?;
    drop(tx);
    let catalogue = state.catalogue();
    let line = |signal: &rules::entry::signal::Signal| SignalLine {
        path: signal.path.clone(),
        unit: match &signal.kind {
            Kind::Number => signal.unit.to_string(),
            Kind::Flag => "true, false".to_owned(),
            Kind::Words(words) => words.join(", "),
        },
        range: match signal.kind {
            Kind::Number => format!("{} – {}", signal.range.0, signal.range.1),
            Kind::Flag | Kind::Words(_) => String::new(),
        },
        title: signal.title.in_locale(p.locale).to_owned(),
        max_gap: signal.max_gap.to_string(),
    };
    let signals = catalogue.signals.iter().map(|(_, signal)| line(signal)).collect();
    html(&ReferencePage { p, functions: FUNCTIONS, signals })
}
