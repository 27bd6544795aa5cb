//! How forecasts held, by estimator: on the page *Rules*, and as JSON.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use rules::learned::{Held, Reliability};
use serde::Serialize;

use crate::http::HttpState;
use crate::http::page::failure::Failure;
use crate::http::page::layout::Page;
use crate::http::page::show::number;
use crate::http::person::gate::Visitor;
use crate::http::words::named;
use crate::store::forecast::{Figures, figures};
use crate::store::session::{As, begin_as};

/// Side of a reliability diagram.
const SIDE: f64 = 120.0;

/// One estimator, of all models together or of one.
pub struct HeldLine {
    pub estimator: String,
    /// Empty: all of them.
    pub model: String,
    pub judged: String,
    pub brier: String,
    pub calibration_error: String,
    pub coverage: String,
    /// Said against seen, in tenths; only of all models together.
    pub svg: Option<String>,
}

impl HeldLine {
    fn new(p: &Page, row: &Figures, held: &Held) -> Self {
        let both = |told: Option<f64>, raw: Option<f64>| match (told, raw) {
            (Some(told), Some(raw)) => format!("{told:.2} ({raw:.2})"),
            _ => "–".to_owned(),
        };
        Self {
            estimator: named(&p.w.forecast.estimator, &row.estimator).to_owned(),
            model: row.model.clone(),
            judged: number(held.told.judged.max(held.interval.judged) as f64),
            brier: both(held.told.brier, held.raw.brier),
            calibration_error: both(held.told.calibration_error, held.raw.calibration_error),
            coverage: both(held.interval.covered, held.raw_interval.covered),
            svg: (row.model.is_empty() && held.told.judged > 0).then(|| diagram(p, held)),
        }
    }
}

/// What was told as dots, what the estimator alone would have said as rings; on the line both agree with what came.
fn diagram(p: &Page, held: &Held) -> String {
    let words = &p.w.forecast;
    let mut svg = format!(
        "<svg class=\"reliability\" viewBox=\"-4 -4 {0} {0}\" role=\"img\" aria-label=\"{1} × {2}\"><path class=\"rail\" d=\"M0 {SIDE}H{SIDE}M0 {SIDE}V0M0 {SIDE}L{SIDE} 0\"/>",
        SIDE + 8.0,
        words.said,
        words.seen
    );
    let mut dots = |of: &Reliability, class: &str| {
        for [said, seen, count] in of.bins.iter().filter(|bin| bin[2] > 0.0) {
            let radius = 1.5 + count.ln_1p() / 1.5;
            // Writing into a string cannot fail.
            let _ = write!(
                svg,
                "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\"><title>{} {:.0} %, {} {:.0} %, {}</title></circle>",
                SIDE * said,
                SIDE * (1.0 - seen),
                words.said,
                100.0 * said,
                words.seen,
                100.0 * seen,
                number(*count)
            );
        }
    };
    dots(&held.raw, "ring");
    dots(&held.told, "dot");
    svg.push_str("</svg>");
    svg
}

/// Every estimator whose forecasts can be judged.
pub async fn lines(state: &HttpState, p: &Page) -> Result<Vec<HeldLine>, Failure> {
    let rows = figures(&mut *begin_as(&state.pool, As::Engine).await?).await?;
    Ok(rows.iter().filter_map(|row| Some(HeldLine::new(p, row, &held(row)?))).collect())
}

/// Figures that another version wrote in another form are written anew within a day.
fn held(row: &Figures) -> Option<Held> {
    serde_json::from_value(row.held.clone()).ok()
}

#[derive(Serialize)]
struct Answer {
    estimator: String,
    model: Option<String>,
    held: Held,
}

/// `GET /api/forecasts`: how they held, by estimator and model.
pub async fn json(State(state): State<HttpState>, who: Visitor) -> Result<Response, Failure> {
    if !who.account.role.sees_rules() {
        return Err(Failure::Forbidden);
    }
    let rows = figures(&mut *begin_as(&state.pool, As::Engine).await?).await?;
    let answer = |row: &Figures| {
        let model = Some(row.model.clone()).filter(|model| !model.is_empty());
        Some(Answer { estimator: row.estimator.clone(), model, held: held(row)? })
    };
    Ok(Json(rows.iter().filter_map(answer).collect::<Vec<_>>()).into_response())
}
