//! The vehicle page: who and what it is, how it is now, and everything that happened to it.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::TimeDelta;
use rules::stage::estimate::forecasts;
use rules::vehicle::VehicleId;
use serde::Deserialize;

use super::forecast::{self, ForecastLine};
use crate::http::HttpState;
use crate::http::case::chart_scale::series_step;
use crate::http::case::titles::Titles;
use crate::http::case::view;
use crate::http::page::failure::Failure;
use crate::http::page::layout::{Page, Part, html};
use crate::http::person::gate::Visitor;
use crate::http::person::people::{self, PeopleCard};
use crate::http::vehicle::plan::{self, PlanLine};
use crate::http::vehicle::view::{
    CaseLine, NoticeLine, OrderLine, Profile, RejectionLine, ServiceLine, Trend, ValueLine, trends,
};
use crate::store::person;
use crate::store::session::begin_as;
use crate::store::vehicle::{self, Window};

#[derive(Template)]
#[template(path = "vehicle.html")]
struct VehiclePage {
    p: Page,
    profile: Profile,
    /// What is wrong with the vehicle's clock, if something is.
    clock: Option<String>,
    people: PeopleCard,
    trends: Vec<Trend>,
    values: Vec<ValueLine>,
    forecasts: Vec<ForecastLine>,
    open: Vec<CaseLine>,
    past: Vec<CaseLine>,
    orders: Vec<OrderLine>,
    plan: Vec<PlanLine>,
    services: Vec<ServiceLine>,
    notices: Vec<NoticeLine>,
    rejections: Vec<RejectionLine>,
}

#[derive(Deserialize)]
pub struct FindQuery {
    #[serde(default)]
    q: String,
}

/// The signals a mini chart is drawn of, by VSS path; those a vehicle sends.
const KEY_SIGNALS: [&str; 10] = [
    "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature",
    "Vehicle.LowVoltageBattery.CurrentVoltage",
    "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current",
    "Vehicle.Powertrain.TractionBattery.Temperature.Max",
    "Vehicle.Powertrain.CombustionEngine.EOP",
    "Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure",
    "Vehicle.Chassis.Axle.Row1.Wheel.Right.Tire.Pressure",
    "Vehicle.Chassis.Axle.Row2.Wheel.Left.Tire.Pressure",
    "Vehicle.Chassis.Axle.Row2.Wheel.Right.Tire.Pressure",
    "Vehicle.TraveledDistance",
];

/// `GET /vehicles/{id}`
pub async fn show(
    State(state): State<HttpState>,
    who: Visitor,
    Path(vehicle_id): Path<String>,
) -> Result<Response, Failure> {
    if !who.account.role.sees_vehicles() {
        return Err(Failure::Forbidden);
    }
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    let p = Page::of(&mut tx, &state, &who, Part::Elsewhere).await?;
    let titles = Titles::new(state.catalogue(), p.locale);
    let row = vehicle::vehicle(&mut tx, &vehicle_id).await?.ok_or(Failure::NotFound)?;
    let last = vehicle::last_values(&mut tx, &vehicle_id).await?;
    let heard = last.iter().map(|value| value.measured_at).max();
    let signals: Vec<i16> = KEY_SIGNALS.iter().filter_map(|path| titles.number_of(path)).collect();
    let to = heard.unwrap_or(p.now);
    let window = Window { from: to - TimeDelta::days(14), to };
    let points = vehicle::series(&mut tx, &vehicle_id, &signals, window, series_step(window) * 4.0).await?;
    let cases = vehicle::cases(&mut tx, &vehicle_id).await?;
    let orders = vehicle::orders(&mut tx, &vehicle_id).await?;
    let services = vehicle::services(&mut tx, &vehicle_id).await?;
    let notices = vehicle::notices(&mut tx, &vehicle_id).await?;
    let rejections = vehicle::rejections(&mut tx, &vehicle_id).await?;
    drop(tx);
    let people = people::card(&state, &who, &p, &row).await?;
    let id = VehicleId::try_new(&vehicle_id).map_err(|_| Failure::NotFound)?;
    let known = forecast::snapshot(&state, &id).await?;
    let coming = known.as_ref().map(|known| forecasts(&known.vehicle, &known.set)).unwrap_or_default();

    let odometer = titles.number_of("Vehicle.TraveledDistance");
    let odometer_km = last.iter().find(|value| Some(value.signal) == odometer).map(|value| value.value / 1000.0);
    let (open, past) = cases.into_iter().partition(|case| case.status == "open");
    let case_lines = |cases: Vec<_>| cases.into_iter().map(|case| CaseLine::new(&p, &titles, case)).collect();
    let page = VehiclePage {
        profile: Profile::new(&p, &titles, &row, heard),
        clock: known.as_ref().and_then(|known| view::clock_of(&p, &known.vehicle)),
        people,
        trends: trends(&p, &titles, &signals, &points, window),
        values: ValueLine::of(&p, &titles, &last),
        forecasts: coming.iter().map(|forecast| ForecastLine::new(&p, &titles, forecast)).collect(),
        open: case_lines(open),
        past: case_lines(past),
        orders: orders.into_iter().map(|order| OrderLine::new(&p, &titles, order)).collect(),
        plan: plan::lines(&p, &titles, &row, &services, odometer_km, known.as_ref()),
        services: services.into_iter().map(|service| ServiceLine::new(&p, &titles, service)).collect(),
        notices: notices.into_iter().map(|notice| NoticeLine::new(&p, notice)).collect(),
        rejections: rejections.into_iter().map(|rejection| RejectionLine::new(&p, rejection)).collect(),
        p,
    };
    html(&page)
}

/// `GET /find?q=`: by plate or VIN through the blind index, by order number, else by vehicle id.
pub async fn find(
    State(state): State<HttpState>,
    who: Visitor,
    Query(query): Query<FindQuery>,
) -> Result<Response, Failure> {
    let asked = query.q.trim().trim_start_matches('#');
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    if let Ok(number) = asked.parse()
        && let Some(order_id) = vehicle::order_by_number(&mut tx, number).await?
    {
        return Ok(Redirect::to(&format!("/orders/{order_id}")).into_response());
    }
    if let Some(found) = vehicle::vehicle(&mut tx, asked).await? {
        return Ok(Redirect::to(&format!("/vehicles/{}", found.vehicle_id)).into_response());
    }
    drop(tx);
    let mut tx = begin_as(&state.pool, who.sees_people("search")).await?;
    match person::find_vehicle(&mut tx, &state.keys, asked).await? {
        Some(vehicle_id) => Ok(Redirect::to(&format!("/vehicles/{vehicle_id}")).into_response()),
        None => Err(Failure::NotFound),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rules::catalogue::Catalogue;
    use rules::state::settle::Bounds;
    use rules::unit::Span;
    use rules::vehicle::{Message, Sample, Sequence, VehicleId};

    use crate::http::fixture;
    use crate::rules_in_force::learning::forecast_tests::{leaking, store};

    #[sqlx::test]
    async fn shows_how_the_car_is_and_what_happened_to_it(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let page = console.page("/vehicles/v-1", &console.log_in("li").await).await;
        for said in [
            "发动机冷却系统",
            "发动机冷却液温度",
            "class=\"spark\"",
            "机油机滤更换",
            "上次",
            "立即停车通知",
            "已送达",
            "out of range",
        ] {
            assert!(page.contains(said), "{said}");
        }
    }

    #[sqlx::test]
    async fn says_that_the_clock_of_the_car_is_wrong(pool: sqlx::PgPool) {
        let console = fixture::console(pool.clone()).await;
        let cookie = console.log_in("li").await;
        assert!(!console.page("/vehicles/v-1", &cookie).await.contains("vehicle-clock"));
        let set = crate::history::journal::rule_set(Arc::new(Catalogue::builtin().unwrap())).unwrap();
        let mut car = leaking(&set);
        car.id = VehicleId::try_new("v-1").unwrap();
        for seq in 1..=3 {
            let received_at = car.newest + Span::from_mins(seq);
            let measured_at = received_at - Span::from_days(2_000);
            let samples = vec![Sample { measured_at, readings: Vec::new(), faults: Vec::new() }];
            let sequence = Some(Sequence { stream: 1, seq: seq as u64, oldest: None });
            let mut message = Message { sequence, received_at, samples, seen: Vec::new(), hash: 0 };
            car.read_clock(&mut message, true, &Bounds::default());
        }
        store(&pool, &car, &set).await;
        let page = console.page("/vehicles/v-1", &cookie).await;
        assert!(page.contains("vehicle-clock") && page.contains("不可信，时间为接收时间"));
    }

    #[sqlx::test]
    async fn is_found_by_plate_vin_number_and_id_of_the_own_dealer(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        let cookie = console.log_in("li").await;
        let shown = console.post("/vehicles/v-1/reveal", &cookie, &[("reason", "check-in")]).send().await.unwrap();
        let page = shown.text().await.unwrap();
        let plate = page.split("沪A·").nth(1).unwrap().split('<').next().unwrap();
        let find = async |cookie: &str, asked: &str| {
            let encoded: String = asked.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let answer = console.get(&format!("/find?q={encoded}"), cookie).send().await.unwrap();
            answer.headers().get("location").map(|path| path.to_str().unwrap().to_owned())
        };
        for asked in ["v-1".to_owned(), format!("沪A{plate}"), format!("沪a {}", plate.to_lowercase())] {
            assert_eq!(find(&cookie, &asked).await.as_deref(), Some("/vehicles/v-1"), "{asked}");
        }
        assert!(find(&cookie, "#1").await.unwrap().starts_with("/orders/"));
        assert_eq!(find(&console.log_in("anna").await, &format!("沪A{plate}")).await, None);
    }
}
