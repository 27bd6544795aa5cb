//! The rules page: what is in force, what waits for a second person, and the history; the same as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use rules::catalogue::Catalogue;
use rules::expr::{FUNCTIONS, Function};
use rules::rule_change::RuleChange;
use rules::signal::Kind;
use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};

use super::HttpState;
use super::failure::Failure;
use super::gate::Visitor;
use super::held::{self, HeldLine};
use super::layout::{Page, Part, html};
use super::rule_standing::{RuleLine, TaskLine, standing};
use crate::activation::{Proposal, propose};
use crate::journal;
use crate::metrics::HeavyPage;
use crate::store::activation::{self as rows, ActivationRow};
use crate::store::session::{As, begin_as};

/// Entries of the history on the page.
const HISTORY: i64 = 30;

/// A proposal as people see it.
#[derive(Serialize)]
struct Entry {
    id: i64,
    origin: String,
    author: String,
    reason: String,
    state: String,
    needs_approval: bool,
    decided_by: Option<String>,
    proposed: String,
    changes: Vec<Changed>,
    hash: String,
    /// Whether this visitor may answer it.
    #[serde(skip)]
    may_answer: bool,
    #[serde(skip)]
    may_return: bool,
}

/// A changed rule with its difference, line by line.
#[derive(Serialize)]
struct Changed {
    #[serde(flatten)]
    change: RuleChange,
    diff: Vec<DiffLine>,
}

#[derive(Serialize)]
struct DiffLine {
    sign: char,
    text: String,
}

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    p: Page,
    problem: Option<String>,
    rules: Vec<RuleLine>,
    tasks: Vec<TaskLine>,
    held: Vec<HeldLine>,
    may_close: bool,
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
    let entries = entries_in_turn(&state, &who, &p).await?;
    let (waiting, history) = entries.into_iter().partition(|entry| entry.state == "waiting");
    let (rules, tasks) = standing(&state, &p).await?;
    let may_close = who.account.role.changes_rules();
    let held = held::lines(&state, &p).await?;
    html(&RulesPage { problem: state.rules_problem(), rules, tasks, held, may_close, waiting, history, p })
}

/// The history compiles every set it compares.
async fn entries_in_turn(state: &HttpState, who: &Visitor, p: &Page) -> Result<Vec<Entry>, Failure> {
    let (own, who, p) = (state.clone(), who.clone(), p.clone());
    state.heavy.run(HeavyPage::Rules, async move || entries(&own, &who, &p).await).await
}

async fn entries(state: &HttpState, who: &Visitor, p: &Page) -> Result<Vec<Entry>, Failure> {
    let mut tx = begin_as(&state.pool, As::Engine).await?;
    let rows = rows::history(&mut tx, HISTORY).await?;
    let mut catalogues: BTreeMap<Vec<u8>, Arc<Catalogue>> = BTreeMap::new();
    let mut entries = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        // What it was compared with: what was in force when it was proposed.
        let before = rows[place + 1..].iter().find(|older| older.active_at.is_some_and(|at| at <= row.proposed_at));
        let mut loaded = Vec::new();
        for hash in [before.map(|row| &row.rule_set_hash), Some(&row.rule_set_hash)] {
            let Some(hash) = hash else {
                loaded.push(None);
                continue;
            };
            if !catalogues.contains_key(hash) {
                let set = journal::stored_rule_set(&mut tx, hash).await.map_err(Failure::Broken)?;
                catalogues.insert(hash.clone(), Arc::clone(&set.catalogue));
            }
            loaded.push(catalogues.get(hash).cloned());
        }
        entries.push(entry(row, loaded.first().cloned().flatten(), loaded.get(1).cloned().flatten(), who, p));
    }
    Ok(entries)
}

fn entry(
    row: &ActivationRow,
    before: Option<Arc<Catalogue>>,
    after: Option<Arc<Catalogue>>,
    who: &Visitor,
    p: &Page,
) -> Entry {
    let changes: Vec<RuleChange> = serde_json::from_value(row.changes.clone()).unwrap_or_default();
    let text = |catalogue: &Option<Arc<Catalogue>>, key: &str| {
        let rule = catalogue.as_ref().and_then(|catalogue| catalogue.rules.iter().find(|rule| rule.key == key));
        rule.and_then(|rule| toml::to_string_pretty(rule).ok()).unwrap_or_default()
    };
    let difference = |change: &RuleChange| match change.learned {
        Some(_) => Vec::new(),
        None => diff(&text(&before, &change.key), &text(&after, &change.key)),
    };
    let changes = changes.into_iter().map(|change| Changed { diff: difference(&change), change }).collect();
    let may = who.account.role.changes_rules();
    Entry {
        id: row.activation_id,
        origin: row.origin.clone(),
        author: row.author.clone(),
        reason: row.reason.clone(),
        state: row.state.clone(),
        needs_approval: row.needs_approval,
        decided_by: row.decided_by.clone(),
        proposed: p.times().moment(row.proposed_at).short,
        changes,
        hash: row.rule_set_hash.iter().take(6).fold(String::new(), |mut hash, byte| {
            // Writing to a text cannot fail.
            let _ = write!(hash, "{byte:02x}");
            hash
        }),
        may_answer: may && row.state == "waiting" && row.author != who.account.login,
        may_return: may && row.state == "replaced",
    }
}

/// Lines that differ, with those around them.
fn diff(before: &str, after: &str) -> Vec<DiffLine> {
    let diff = TextDiff::from_lines(before, after);
    let groups = diff.grouped_ops(2);
    let lines = groups.iter().flatten().flat_map(|op| diff.iter_changes(op));
    lines
        .map(|change| DiffLine {
            sign: match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            },
            text: change.value().trim_end().to_owned(),
        })
        .collect()
}

#[derive(Deserialize)]
pub struct AnswerForm {
    answer: String,
}

/// `POST /rules/{activation}/answer`: a second person agrees or refuses.
pub async fn answer(
    State(state): State<HttpState>,
    who: Visitor,
    Path(activation): Path<i64>,
    Form(form): Form<AnswerForm>,
) -> Result<Response, Failure> {
    if !who.account.role.changes_rules() {
        return Err(Failure::Forbidden);
    }
    let approve = match form.answer.as_str() {
        "approve" => true,
        "reject" => false,
        other => return Err(Failure::BadForm(format!("no such answer: {other}"))),
    };
    let mut tx = begin_as(&state.pool, As::Engine).await?;
    if !rows::decide(&mut tx, activation, approve, &who.account.login).await? {
        return Err(Failure::Changed { back: "/rules".to_owned() });
    }
    tx.commit().await?;
    Ok(Redirect::to("/rules").into_response())
}

/// `POST /rules/{activation}/return`: back to what was in force before.
pub async fn roll_back(
    State(state): State<HttpState>,
    who: Visitor,
    Path(activation): Path<i64>,
) -> Result<Response, Failure> {
    if !who.account.role.changes_rules() {
        return Err(Failure::Forbidden);
    }
    let mut tx = begin_as(&state.pool, As::Engine).await?;
    let row = rows::find(&mut tx, activation).await?.filter(|row| row.active_at.is_some()).ok_or(Failure::NotFound)?;
    let set = journal::stored_rule_set(&mut tx, &row.rule_set_hash).await.map_err(Failure::Broken)?;
    drop(tx);
    let reason = format!("back to {activation}: {}", row.reason);
    let (pool, current, clock) = (state.pool.clone(), state.set_in_force(), state.clock.clone());
    let back = async move || {
        let proposal = Proposal { origin: "rollback", author: &who.account.login, reason: &reason };
        propose(&pool, &current, Catalogue::clone(&set.catalogue), proposal, &clock).await.map_err(Failure::of)
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
    let activations = entries_in_turn(&state, &who, &p).await?;
    let (rules, tasks) = standing(&state, &p).await?;
    Ok(Json(RulesBody { problem: state.rules_problem(), rules, tasks, activations }).into_response())
}

/// A complete overlay to follow the one in force.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposalBody {
    reason: String,
    /// By path, as below the overlay's directory.
    files: BTreeMap<String, String>,
}

/// `POST /api/rules`: proposes rules; 422 with every fault where they are not sound.
pub async fn propose_rules(
    State(state): State<HttpState>,
    who: Visitor,
    Json(body): Json<ProposalBody>,
) -> Result<Response, Failure> {
    if !who.account.role.changes_rules() {
        return Err(Failure::Forbidden);
    }
    let refused =
        |why: String| (StatusCode::UNPROCESSABLE_ENTITY, Json(serde_json::json!({ "error": why }))).into_response();
    if body.reason.trim().is_empty() {
        return Ok(refused("a change of rules needs a reason".to_owned()));
    }
    let files: Vec<(String, String)> = body.files.into_iter().collect();
    let (pool, current, clock) = (state.pool.clone(), state.set_in_force(), state.clock.clone());
    let checked = async move || {
        let catalogue = match Catalogue::builtin().and_then(|builtin| builtin.overlay(&files)) {
            Ok(catalogue) => catalogue,
            Err(error) => return Ok(Err(anyhow::Error::from(error))),
        };
        let proposal = Proposal { origin: "api", author: &who.account.login, reason: &body.reason };
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
    let line = |signal: &rules::signal::Signal| SignalLine {
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
