//! How the rules in force stand: their figures by technicians' verdicts, and what these ask of their authors.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use rules::case::Verdict;
use rules::entry::rule::RuleSource;
use rules::learned::{Demotion, Precision, Tally};
use rules::rule_set::RuleSet;
use serde::Serialize;
use sqlx::PgConnection;

use crate::act;
use crate::http::HttpState;
use crate::http::page::failure::Failure;
use crate::http::page::layout::Page;
use crate::http::person::gate::Visitor;
use crate::rules_in_force::learning::{oldest, tallies};
use crate::store::label::{Label, labels};
use crate::store::rule_task::{self, RuleTask};
use crate::store::session::{As, begin_as};

/// A rule in force.
#[derive(Serialize)]
pub struct RuleLine {
    pub key: String,
    pub version: u32,
    pub severity: String,
    pub component: String,
    pub title: String,
    /// As its author wrote it.
    pub mode: String,
    pub verdicts: Verdicts,
    /// As of now; decisions use the table in force, which follows when it differs enough.
    pub precision: f64,
    pub lower: f64,
    /// None where it is never demoted.
    pub gate: Option<f64>,
    pub demoted: Option<Demotion>,
}

/// Verdicts on a version, one by one and not by age.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Verdicts {
    pub confirmed: i64,
    pub refuted: i64,
    /// Replaced as a precaution, or not looked at.
    pub undecided: i64,
}

impl Verdicts {
    fn add(&mut self, label: &Label) {
        match label.verdict {
            Verdict::Confirmed | Verdict::ConfirmedOtherCause => self.confirmed += label.count,
            Verdict::NoFaultFound => self.refuted += label.count,
            Verdict::PrecautionaryReplaced | Verdict::NotInspected => self.undecided += label.count,
        }
    }
}

/// A task to the author of a rule.
#[derive(Serialize)]
pub struct TaskLine {
    pub id: i64,
    pub rule: String,
    pub version: i32,
    pub what: String,
    pub author: Option<String>,
    pub precision: f64,
    pub lower: f64,
    pub gate: f64,
    pub confirmed: f64,
    pub refuted: f64,
    pub opened: String,
}

/// The rules in force with their figures, and the open tasks. Another dealer's own rules are nobody's business.
pub async fn standing(state: &HttpState, who: &Visitor, p: &Page) -> Result<(Vec<RuleLine>, Vec<TaskLine>), Failure> {
    let (set, now) = (state.set_in_force(), state.clock.now().to_utc());
    let mut tx = begin_as(&state.pool, As::Engine).await?;
    let labels = labels(&mut tx, oldest(now)).await?;
    let tasks = tasks(&mut tx, p).await?;
    let tallies = tallies(&labels, now.date_naive());
    let mut verdicts: BTreeMap<(&str, i32), Verdicts> = BTreeMap::new();
    for label in &labels {
        verdicts.entry((&label.rule_key, label.rule_version)).or_default().add(label);
    }
    let line = |rule: &RuleSource| {
        let tally = tallies.get(&(rule.key.clone(), rule.version)).copied().unwrap_or_default();
        let given = verdicts.get(&(rule.key.as_str(), rule.version as i32)).copied().unwrap_or_default();
        line(rule, tally, given, &set, p)
    };
    let own = |scope: &rules::entry::rule::Scope| who.sees_rules_of(&scope.dealer);
    let rules: Vec<RuleLine> = set.catalogue.rules.iter().filter(|rule| own(&rule.scope)).map(line).collect();
    // A version that has been replaced since is everybody's again: only its key is known.
    let hidden = |key: &str| set.catalogue.rules.iter().any(|rule| rule.key == key && !own(&rule.scope));
    Ok((rules, tasks.into_iter().filter(|task| !hidden(&task.rule)).collect()))
}

fn line(rule: &RuleSource, tally: Tally, verdicts: Verdicts, set: &RuleSet, p: &Page) -> RuleLine {
    let learned: Option<&Precision> = set.catalogue.learned.precision.of(&rule.key, rule.version);
    RuleLine {
        key: rule.key.clone(),
        version: rule.version,
        severity: rule.severity.map_or_else(|| "–".to_owned(), |severity| severity.to_string()),
        component: rule.component.clone(),
        title: rule.title.in_locale(p.locale).to_owned(),
        mode: rule.mode.word().to_owned(),
        verdicts,
        precision: tally.precision(),
        lower: tally.lower(),
        gate: rule.may_be_demoted().then(|| rule.gate()),
        demoted: learned.and_then(|learned| learned.demoted.clone()),
    }
}

async fn tasks(conn: &mut PgConnection, p: &Page) -> Result<Vec<TaskLine>, Failure> {
    let line = |task: RuleTask| TaskLine {
        id: task.rule_task_id,
        rule: task.rule_key,
        version: task.rule_version,
        what: task.what,
        author: task.author,
        precision: task.precision,
        lower: task.lower,
        gate: task.gate,
        confirmed: task.confirmed,
        refuted: task.refuted,
        opened: p.times().moment(task.opened_at).short,
    };
    Ok(rule_task::waiting(conn).await?.into_iter().map(line).collect())
}

/// `POST /rules/tasks/{task}/close`: its author, or who speaks for them, has seen to it.
pub async fn close(State(state): State<HttpState>, who: Visitor, Path(task): Path<i64>) -> Result<Response, Failure> {
    let failed = |error| Failure::of_act(error, "/rules");
    let mut acting = who.acting(&state).await?;
    act::rule::close_task(&mut acting, task).await.map_err(failed)?;
    acting.commit().await.map_err(failed)?;
    Ok(Redirect::to("/rules").into_response())
}
