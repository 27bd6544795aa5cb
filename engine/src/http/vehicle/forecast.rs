//! What is coming for a vehicle: every forecast its estimators make, calibrated, as of its last snapshot; on its page
//! and as JSON. A date of failure is shown only where an estimator's dates hold. Figures of how such forecasts held are on the page *Rules*.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use rules::learned::date::ShownForecast;
use rules::stage::estimate::forecasts;
use rules::vehicle::VehicleId;
use serde::Serialize;

use crate::history::journal::{self, RuleSets};
use crate::http::HttpState;
use crate::http::case::titles::Titles;
use crate::http::door::heavy::aside;
use crate::http::page::failure::Failure;
use crate::http::page::layout::Page;
use crate::http::page::show::number;
use crate::http::person::gate::Visitor;
use crate::http::words::{fill, named};
use crate::store::session::begin_as;
use crate::store::vehicle;

/// The axis of the intervals ends here, days.
const AHEAD: f64 = 90.0;

/// One forecast as a person reads it.
#[derive(Clone, Debug)]
pub struct ForecastLine {
    pub component: String,
    pub what: String,
    /// `None` where the value says how far the part still goes, and that does not hold.
    pub value: Option<String>,
    /// Ends of the value's 80 % interval.
    pub interval: Option<String>,
    /// When the limit comes, in words.
    pub due: Option<String>,
    /// There is a date, and it is not shown because such dates do not hold.
    pub date_withheld: bool,
    /// Where interval and middle lie on the axis of 90 days, percent of its length.
    pub bar: Option<Bar>,
    /// Within 7, 14 and 30 days.
    pub within: Option<[String; 3]>,
    pub evidence: String,
    pub learning: bool,
}

/// From, how long, and its middle; percent.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    pub from: f64,
    pub length: f64,
    pub middle: f64,
}

impl ForecastLine {
    pub fn new(p: &Page, titles: &Titles, forecast: &ShownForecast) -> Self {
        let words = &p.w.forecast;
        let figure = |value: f64| number(round(value));
        let days = |days: f64| if days.is_finite() { number(days.round()) } else { "∞".to_owned() };
        let due = forecast.due.map(|due| {
            let sentence = fill(&words.due, "days", days(due.central));
            fill(&fill(&sentence, "early", days(due.early)), "late", days(due.late))
        });
        let place = |days: f64| 100.0 * days.clamp(0.0, AHEAD) / AHEAD;
        let bar = forecast.due.filter(|due| due.early < AHEAD).map(|due| Bar {
            from: place(due.early),
            length: place(due.late) - place(due.early),
            middle: place(due.central),
        });
        Self {
            component: titles.component(&forecast.component),
            what: named(&words.what, forecast.estimator).to_owned(),
            value: forecast.value.map(|value| format!("{} {}", figure(value), forecast.unit)),
            interval: forecast.low.zip(forecast.high).map(|(low, high)| format!("{} – {}", figure(low), figure(high))),
            due,
            date_withheld: forecast.date_withheld,
            bar,
            within: forecast.within.map(|within| within.map(|chance| format!("{:.0} %", 100.0 * chance))),
            evidence: fill(&words.evidence, "n", number(f64::from(forecast.evidence))),
            learning: forecast.learning,
        }
    }
}

/// Three figures are enough for a person.
fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powf(2.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

/// The answer of the API.
#[derive(Serialize)]
struct Answer {
    vehicle: String,
    /// Measured time of the newest reading behind the forecasts.
    at: String,
    forecasts: Vec<ShownForecast>,
}

/// `GET /api/vehicles/{vehicle}/forecasts`; vehicles of other dealers are not found.
pub async fn json(
    State(state): State<HttpState>,
    who: Visitor,
    Path(vehicle): Path<String>,
) -> Result<Response, Failure> {
    if !who.account.role.sees_vehicles() {
        return Err(Failure::Forbidden);
    }
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    vehicle::vehicle(&mut tx, &vehicle).await?.ok_or(Failure::NotFound)?;
    drop(tx);
    let id = VehicleId::try_new(&vehicle).map_err(|_| Failure::NotFound)?;
    let restored = snapshot(&state, &id).await?.ok_or(Failure::NotFound)?;
    let (at, forecasts) = (restored.vehicle.newest.to_string(), forecasts(&restored.vehicle, &restored.set));
    Ok(Json(Answer { vehicle, at, forecasts }).into_response())
}

/// The vehicle's last snapshot; `None` before its first.
pub async fn snapshot(state: &HttpState, vehicle: &VehicleId) -> Result<Option<journal::Restored>, Failure> {
    let (pool, set, vehicle) = (state.pool.clone(), state.set_in_force(), vehicle.clone());
    // A vehicle that has been quiet for long lies under rules that must be compiled again.
    aside(async move || {
        let mut sets = RuleSets::new(pool.clone(), set);
        journal::snapshot_of(&pool, &mut sets, &vehicle).await.map_err(Failure::of)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rules::catalogue::Catalogue;
    use rules::vehicle::VehicleId;

    use crate::http::fixture;
    use crate::rules_in_force::learning::forecast_tests::{leaking, store};

    #[test]
    fn a_person_reads_three_figures() {
        assert_eq!([1234.5, 0.012_345, -9.876_5, 0.0].map(super::round), [1230.0, 0.0123, -9.88, 0.0]);
    }

    #[sqlx::test]
    async fn the_page_of_a_car_says_what_is_coming_and_when(pool: sqlx::PgPool) {
        let console = fixture::console(pool.clone()).await;
        let cookie = console.log_in("li").await;
        assert!(console.page("/vehicles/v-1", &cookie).await.contains("暂无可预测内容"));
        let set = crate::history::journal::rule_set(Arc::new(Catalogue::builtin().unwrap())).unwrap();
        let mut car = leaking(&set);
        car.id = VehicleId::try_new("v-1").unwrap();
        store(&pool, &car, &set).await;
        let page = console.page("/vehicles/v-1", &cookie).await;
        for said in ["即将发生", "胎压损失", "kPa/d", "暂不显示到极限的日期", "7、14、30 天内"] {
            assert!(page.contains(said), "{said}");
        }
        assert!(!page.contains("天后到极限") && !page.contains("class=\"middle\""), "dates of tyres do not hold");
        let answer = console.get("/api/vehicles/v-1/forecasts", &cookie).send().await.unwrap();
        let answer: serde_json::Value = answer.json().await.unwrap();
        let tyre = answer["forecasts"].as_array().unwrap().iter().find(|one| one["estimator"] == "tyre").unwrap();
        assert!(tyre["within"][2].as_f64().unwrap() > 0.1 && tyre["value"].is_number(), "{tyre}");
        assert!(tyre["due"].is_null() && tyre["date_withheld"] == true, "{tyre}");
        // Of another dealer, and of nobody.
        for (login, path) in [("anna", "/api/vehicles/v-1/forecasts"), ("li", "/api/vehicles/none/forecasts")] {
            let answer = console.get(path, &console.log_in(login).await).send().await.unwrap();
            assert_eq!(answer.status(), 404, "{path}");
        }
    }

    #[sqlx::test]
    async fn the_page_of_the_rules_shows_how_forecasts_held(pool: sqlx::PgPool) {
        let console = fixture::console(pool.clone()).await;
        let manager = console.log_in("chen").await;
        assert!(console.page("/rules", &manager).await.contains("尚无预测到可评判的时候"));
        let bins =
            "[[0.1, 0.0, 40], [0,0,0], [0,0,0], [0,0,0], [0,0,0], [0,0,0], [0,0,0], [0,0,0], [0,0,0], [0.9, 0.3, 20]]";
        let told = format!("{{\"judged\": 60, \"brier\": 0.08, \"calibration_error\": 0.03, \"bins\": {bins}}}");
        let raw = format!("{{\"judged\": 60, \"brier\": 0.21, \"calibration_error\": 0.24, \"bins\": {bins}}}");
        let interval = "{\"judged\": 30, \"covered\": 0.8}";
        let held =
            format!("{{\"raw\": {raw}, \"told\": {told}, \"raw_interval\": {interval}, \"interval\": {interval}}}");
        let mut tx = crate::store::session::begin_as(&pool, crate::store::session::As::Engine).await.unwrap();
        sqlx::query("insert into forecast_figures values ('tyre', '', $1::jsonb, now())")
            .bind(held)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let page = console.page("/rules", &manager).await;
        for said in ["预测兑现情况", "0.08 (0.21)", "0.03 (0.24)", "0.80 (0.80)", "class=\"reliability\""] {
            assert!(page.contains(said), "{said}");
        }
        let answer = console.get("/api/forecasts", &manager).send().await.unwrap();
        let answer: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(answer[0]["held"]["told"]["brier"], 0.08);
        let advisor = console.get("/api/forecasts", &console.log_in("li").await).send().await.unwrap();
        assert_eq!(advisor.status(), 403);
    }
}
