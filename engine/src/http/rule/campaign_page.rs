//! The campaigns page: which cohorts have a fault more often than they should, what speaks for it, and what the
//! manufacturer's people decided; the same as JSON, and the vehicles as a table for other programs.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::act::{self, campaign::CampaignAnswer};
use crate::http::HttpState;
use crate::http::case::chart::{Chart, drawn};
use crate::http::case::titles::Titles;
use crate::http::page::failure::Failure;
use crate::http::page::layout::{Page, Part, html};
use crate::http::page::show::number;
use crate::http::person::gate::Visitor;
use crate::http::words::fill;
use crate::metrics::HeavyPage;
use crate::store::campaign::{self, Concerned, ProposalRow};
use crate::store::session::begin_as;
use crate::store::vehicle::{Point, Window};

/// Decisions shown are at most so old.
const SHOWN: Days = Days::new(365);
/// Rates are told per so many vehicle-days.
const PER: f64 = 1000.0;

/// A proposal as people see it.
#[derive(Serialize)]
struct Campaign {
    id: i64,
    model: String,
    software: Option<String>,
    batch: Option<String>,
    component: String,
    state: String,
    looked_at: NaiveDate,
    window_days: i32,
    /// Vehicles with the fault, and those heard.
    faults: i32,
    vehicles: i32,
    /// Vehicles that belong to the cohort now.
    concerned: i64,
    expected: f64,
    ratio: f64,
    ratio_lower: f64,
    ratio_upper: Option<f64>,
    q_value: f64,
    since: NaiveDate,
    weeks: serde_json::Value,
    proposed_at: DateTime<Utc>,
    decided_by: Option<String>,
    decided_at: Option<DateTime<Utc>>,
    reason: Option<String>,
    /// In the reader's language.
    title: String,
    sentence: String,
    #[serde(skip)]
    interval: String,
    #[serde(skip)]
    q: String,
    #[serde(skip)]
    decided: String,
    #[serde(skip)]
    chart: String,
}

/// A week as stored.
#[derive(Deserialize)]
struct Week {
    faults: f64,
    vehicle_days: f64,
}

#[derive(Template)]
#[template(path = "campaigns.html")]
struct CampaignsPage {
    p: Page,
    open: Vec<Campaign>,
    decided: Vec<Campaign>,
}

/// `GET /campaigns`
pub async fn show(State(state): State<HttpState>, who: Visitor) -> Result<Response, Failure> {
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let p = Page::of(&mut tx, &state, &who, Part::Campaigns).await?;
    drop(tx);
    let (open, decided) = campaigns(&state, &who, &p).await?.into_iter().partition(|one| one.state == "proposed");
    html(&CampaignsPage { p, open, decided })
}

/// `GET /api/campaigns`
pub async fn list(State(state): State<HttpState>, who: Visitor) -> Result<Response, Failure> {
    let p = Page::bare(&state, who.account.locale, Part::Campaigns);
    let campaigns = campaigns(&state, &who, &p).await?;
    Ok(Json(serde_json::json!({ "campaigns": campaigns })).into_response())
}

async fn campaigns(state: &HttpState, who: &Visitor, p: &Page) -> Result<Vec<Campaign>, Failure> {
    if !who.account.role.decides_campaigns() {
        return Err(Failure::Forbidden);
    }
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let rows = campaign::proposals(&mut tx, p.now.checked_sub_days(SHOWN).unwrap_or(p.now)).await?;
    let titles = Titles::new(state.catalogue(), p.locale);
    Ok(rows.into_iter().map(|row| shown(row, p, &titles)).collect())
}

fn shown(row: ProposalRow, p: &Page, titles: &Titles) -> Campaign {
    let w = &p.w.campaigns;
    let component = titles.component(&row.component);
    let mut cohort = titles.model(&row.model);
    if let Some(software) = &row.software {
        cohort.push_str(&fill(&w.with_software, "software", software));
    }
    if let Some(batch) = &row.batch {
        cohort.push_str(&fill(&w.built_in, "batch", batch));
    }
    let mut sentence = fill(&w.sentence, "cohort", &cohort);
    let expected = format!("{:.1}", row.expected);
    for (place, value) in [
        ("component", component.clone()),
        ("faults", row.faults.to_string()),
        ("vehicles", row.vehicles.to_string()),
        ("days", row.window_days.to_string()),
        ("expected", expected),
    ] {
        sentence = fill(&sentence, place, value);
    }
    let upper = row.ratio_upper.map_or_else(|| "∞".to_owned(), number);
    let decided = row.decided_at.zip(row.decided_by.as_ref());
    Campaign {
        title: format!("{component}: {cohort}"),
        interval: format!("{} ({} – {upper})", number(row.ratio), number(row.ratio_lower)),
        q: format!("{:.0e}", row.q_value),
        decided: decided.map(|(at, by)| format!("{by} · {}", p.times().day(at))).unwrap_or_default(),
        chart: chart(&row, p, &component),
        sentence,
        id: row.campaign_proposal_id,
        model: row.model,
        software: row.software,
        batch: row.batch,
        component: row.component,
        state: row.state,
        looked_at: row.looked_at,
        window_days: row.window_days,
        faults: row.faults,
        vehicles: row.vehicles,
        concerned: row.concerned,
        expected: row.expected,
        ratio: row.ratio,
        ratio_lower: row.ratio_lower,
        ratio_upper: row.ratio_upper,
        q_value: row.q_value,
        since: row.since,
        weeks: row.weeks,
        proposed_at: row.proposed_at,
        decided_by: row.decided_by,
        decided_at: row.decided_at,
        reason: row.reason,
    }
}

/// The rate by week, with what would be expected as the limit and the change point as the opening.
fn chart(row: &ProposalRow, p: &Page, title: &str) -> String {
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let end = midnight(row.looked_at) + TimeDelta::days(1);
    let weeks: Vec<Week> = serde_json::from_value(row.weeks.clone()).unwrap_or_default();
    let point = |(index, week): (usize, &Week)| {
        let at = end - TimeDelta::days(7 * index as i64 + 4);
        let rate = PER * week.faults / week.vehicle_days.max(1.0);
        (week.vehicle_days > 0.0).then_some(Point { signal: 0, at, low: rate, mean: rate, high: rate })
    };
    let mut points: Vec<Point> = weeks.iter().enumerate().filter_map(point).collect();
    points.reverse();
    let windowed: f64 = weeks.iter().take(row.window_days as usize / 7).map(|week| week.vehicle_days).sum();
    let chart = Chart {
        title,
        unit: "‰",
        names: &[],
        points: &points,
        window: Window { from: end - TimeDelta::days(7 * weeks.len() as i64), to: end },
        max_gap: TimeDelta::days(8),
        limit: Some(PER * row.expected / windowed.max(1.0)),
        above_limit: Some(true),
        opened: Some((midnight(row.since), None)),
        closed_at: None,
        limit_word: &p.w.campaigns.baseline,
        opened_word: &p.w.campaigns.change_point,
    };
    drawn(&chart, &p.times()).unwrap_or_default()
}

#[derive(Deserialize)]
pub struct AnswerForm {
    answer: String,
    #[serde(default)]
    reason: String,
}

/// `POST /campaigns/{proposal}/answer`: accepted, or dismissed with a reason.
pub async fn answer(
    State(state): State<HttpState>,
    who: Visitor,
    Path(proposal): Path<i64>,
    Form(form): Form<AnswerForm>,
) -> Result<Response, Failure> {
    let answer = match form.answer.as_str() {
        "accept" => CampaignAnswer::Accept,
        "dismiss" => CampaignAnswer::Dismiss,
        other => return Err(Failure::BadForm(format!("no such answer: {other}"))),
    };
    let failed = |error| Failure::of_act(error, "/campaigns");
    let mut acting = who.acting(&state).await?;
    act::campaign::answer(&mut acting, proposal, answer, &form.reason).await.map_err(failed)?;
    acting.commit().await.map_err(failed)?;
    Ok(Redirect::to("/campaigns").into_response())
}

/// `GET /campaigns/{proposal}/vehicles.csv`: opaque ids, as the manufacturer's people see vehicles everywhere.
pub async fn vehicles(
    State(state): State<HttpState>,
    who: Visitor,
    Path(proposal): Path<i64>,
) -> Result<Response, Failure> {
    if !who.account.role.decides_campaigns() {
        return Err(Failure::Forbidden);
    }
    let pool = state.pool.clone();
    let listed = async move || {
        let mut tx = begin_as(&pool, who.sees()).await?;
        let vehicles = campaign::concerned(&mut tx, proposal).await?.ok_or(Failure::NotFound)?;
        drop(tx);
        table(&vehicles).map_err(Failure::Broken)
    };
    let table = state.heavy.run(HeavyPage::Campaign, listed).await?;
    let name = format!("attachment; filename=\"campaign-{proposal}.csv\"");
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, table).into_response())
}

fn table(vehicles: &[Concerned]) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["vehicle", "dealer", "software", "produced_on", "fault_at"])?;
    for vehicle in vehicles {
        let produced_on = vehicle.produced_on.map(|day| day.to_string()).unwrap_or_default();
        let fault_at = vehicle.fault_at.map(|at| at.to_rfc3339()).unwrap_or_default();
        let software = vehicle.software.clone().unwrap_or_default();
        let row = [vehicle.vehicle_id.clone(), vehicle.dealer.clone(), software, produced_on, fault_at];
        csv.write_record(row.map(inert))?;
    }
    csv.into_inner().map_err(|error| anyhow::anyhow!("writing a table: {error}"))
}

/// A text that no spreadsheet takes for a formula.
fn inert(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}
