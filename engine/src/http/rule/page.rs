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

use crate::history::journal;
use crate::http::HttpState;
use crate::http::page::failure::Failure;
use crate::http::page::layout::{Page, Part, html};
use crate::http::person::gate::Visitor;
use crate::http::rule::entry::{Entry, entries};
use crate::http::rule::standing::{RuleLine, TaskLine, standing};
use crate::http::vehicle::held::{self, HeldLine};
use crate::metrics::HeavyPage;
use crate::rules_in_force::proposal::{Proposal, ROLLBACK, is_of_the_store, propose, recheck};
use crate::store::activation::Answerer;
use crate::store::session::{As, LOG_IN, Scope, begin_as};
use crate::store::{account, activation as rows};

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
    if !who.account.role.decides_rules() {
        return Err(Failure::Forbidden);
    }
    let approve = match form.answer.as_str() {
        "approve" => true,
        "reject" => false,
        other => return Err(Failure::BadForm(format!("no such answer: {other}"))),
    };
    let mut tx = begin_as(&state.pool, As::Engine).await?;
    let row = rows::find(&mut tx, activation).await?.ok_or(Failure::NotFound)?;
    drop(tx);
    let changed = || Failure::Changed { back: "/rules".to_owned() };
    if row.state != "waiting" || is_same_person(&state, &who, &row.author).await? {
        return Err(changed());
    }
    if approve {
        let (pool, current) = (state.pool.clone(), state.set_in_force());
        let rechecked = async move || recheck(&pool, &current, &row).await.map_err(Failure::of);
        if let Err(why) = state.heavy.run(HeavyPage::Rules, rechecked).await? {
            let mut tx = begin_as(&state.pool, As::Engine).await?;
            rows::refuse(&mut tx, activation, &why).await?;
            tx.commit().await?;
            return Err(changed());
        }
    }
    let mut tx = begin_as(&state.pool, As::Engine).await?;
    let answerer = Answerer { login: &who.account.login, account: who.account.account_id };
    if !rows::decide(&mut tx, activation, approve, answerer).await? {
        return Err(changed());
    }
    tx.commit().await?;
    Ok(Redirect::to("/rules").into_response())
}

/// Whether somebody answers for themselves: by the same account, or by another one in the same name.
async fn is_same_person(state: &HttpState, who: &Visitor, author: &str) -> Result<bool, Failure> {
    if who.account.login == author {
        return Ok(true);
    }
    let mut tx = begin_as(&state.pool, As::Person { dealer: Scope::Nobody, account: None, purpose: LOG_IN }).await?;
    let name = account::name_of(&mut tx, author).await?;
    let plain = |name: &str| name.split_whitespace().collect::<String>().to_lowercase();
    Ok(name.is_some_and(|name| plain(&name) == plain(&who.account.display_name)))
}

/// `POST /rules/{activation}/return`: back to what was in force before. What two people agreed to needs nobody again;
/// what was in force before anybody had to agree is proposed.
pub async fn roll_back(
    State(state): State<HttpState>,
    who: Visitor,
    Path(activation): Path<i64>,
) -> Result<Response, Failure> {
    if !who.account.role.decides_rules() {
        return Err(Failure::Forbidden);
    }
    let mut tx = begin_as(&state.pool, As::Engine).await?;
    let row = rows::find(&mut tx, activation).await?.filter(|row| row.active_at.is_some()).ok_or(Failure::NotFound)?;
    let set = journal::stored_rule_set(&mut tx, &row.rule_set_hash).await.map_err(Failure::Broken)?;
    drop(tx);
    let reason = format!("back to {activation}: {}", row.reason);
    let (pool, current, clock) = (state.pool.clone(), state.set_in_force(), state.clock.clone());
    let back = async move || {
        let proposal = Proposal {
            origin: ROLLBACK,
            author: &who.account.login,
            account: Some(who.account.account_id),
            dealer: None,
            reason: &reason,
            agreed: row.proof.is_some(),
        };
        match propose(&pool, &current, Catalogue::clone(&set.catalogue), proposal, &clock).await {
            Ok(_) => Ok(()),
            Err(error) if is_of_the_store(&error) => Err(Failure::of(error)),
            Err(error) => Err(Failure::BadForm(format!("{error:#}"))),
        }
    };
    state.heavy.run(HeavyPage::Rules, back).await?;
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
    let role = who.account.role;
    if !role.proposes_rules() || (!role.decides_rules() && who.account.dealer_id.is_none()) {
        return Err(Failure::Forbidden);
    }
    let refused =
        |why: String| (StatusCode::UNPROCESSABLE_ENTITY, Json(serde_json::json!({ "error": why }))).into_response();
    if body.reason.trim().is_empty() {
        return Ok(refused("a change of rules needs a reason".to_owned()));
    }
    let dealer = if role.decides_rules() { body.dealer } else { who.account.dealer_id };
    if body.dealer.is_some() && body.dealer != dealer {
        return Ok(refused("these are another dealer's rules".to_owned()));
    }
    let files: Vec<(String, String)> = body.files.into_iter().collect();
    let (pool, current, clock) = (state.pool.clone(), state.set_in_force(), state.clock.clone());
    let checked = async move || {
        let proposed = match dealer {
            Some(dealer) => current.catalogue.with_dealer(dealer, &files),
            None => Catalogue::builtin().and_then(|builtin| builtin.overlay(&files)),
        };
        let catalogue = match proposed {
            Ok(catalogue) => catalogue,
            Err(error) => return Ok(Err(anyhow::Error::from(error))),
        };
        let proposal = Proposal {
            origin: "api",
            author: &who.account.login,
            account: Some(who.account.account_id),
            dealer,
            reason: &body.reason,
            agreed: false,
        };
        Ok(propose(&pool, &current, catalogue, proposal, &clock).await)
    };
    match state.heavy.run(HeavyPage::Rules, checked).await? {
        Ok(None) => Ok(Json(serde_json::json!({ "changes": [] })).into_response()),
        Ok(Some(proposed)) => Ok((
            StatusCode::ACCEPTED,
            Json(serde_json::json!({
                "activation": proposed.activation_id,
                "needs_approval": proposed.needs_approval,
                "changes": proposed.changes,
            })),
        )
            .into_response()),
        Err(error) => Ok(refused(format!("{error:#}"))),
    }
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
