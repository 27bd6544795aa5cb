//! A tyre that leaks, what is said of it week by week, and what is learned when it is known what came.

use std::sync::Arc;

use rules::learned::forecast::Forecast;
use rules::rule_set::RuleSet;
use rules::stage::estimate;
use rules::state::Vehicle;
use rules::unit::Span;
use simulator::fault::{Magnitude, fault};
use simulator::score::lives::live;
use simulator::score::plan::{self, Case};
use sqlx::PgPool;

use super::tests::{approved, of_set};
use crate::history::journal;
use crate::outbox::fixture::{NOON, Scene};
use crate::rules_in_force::activation;
use crate::store::forecast::ForecastRow;
use crate::store::session::{As, begin_as};
use crate::store::{forecast as rows, snapshot};

/// A car whose front left tyre loses air, on the day on which the loss is first forecast.
pub fn leaking(set: &RuleSet) -> Vehicle {
    let case = Case { fault: fault("slow-leak").map(|leak| (leak, Magnitude::Typical)), number: 3, days: 190 };
    let start = plan::start(case.number);
    let mut found = None;
    live(case.build(7), set, start, start + Span::from_days(case.days), &mut |life, _, _| {
        let tyre = |forecast: &Forecast| {
            forecast.estimator == "tyre" && !forecast.learning && forecast.within.is_some_and(|within| within[2] > 0.1)
        };
        if estimate::uncalibrated(life.vehicle(), set).iter().any(tyre) {
            found = Some(life.vehicle().clone());
        }
        found.is_none()
    });
    found.expect("a leak of that size is forecast within three months")
}

/// The component of the tyre that leaks.
fn tyre_of(car: &Vehicle, set: &RuleSet) -> String {
    let forecasts = estimate::uncalibrated(car, set);
    let chance = |forecast: &Forecast| forecast.within.map_or(0.0, |within| within[2]);
    let tyres = forecasts.into_iter().filter(|forecast| forecast.estimator == "tyre");
    tyres.max_by(|a, b| chance(a).total_cmp(&chance(b))).unwrap().component
}

/// Keeps the car's state as a lane would.
pub async fn store(pool: &PgPool, vehicle: &Vehicle, set: &RuleSet) {
    let position = journal::Position { incarnation: 1, n: 1, index: 0 };
    let row = journal::snapshot_row(vehicle, position, 0, set).unwrap();
    let mut tx = begin_as(pool, As::Engine).await.unwrap();
    snapshot::write(&mut tx, &[row]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn recorded(scene: &Scene) -> Vec<ForecastRow> {
    let mut tx = begin_as(&scene.pool, As::Engine).await.unwrap();
    let since = (scene.clock.now() - Span::from_days(400)).to_utc();
    rows::rows(&mut tx, since, 100_000).await.unwrap()
}

#[sqlx::test]
async fn what_is_said_of_a_part_is_written_down_once_a_week_and_followed_to_its_end(pool: PgPool) {
    let scene = Scene::at(pool.clone(), NOON).await;
    let set = activation::at_start(&pool, None, &scene.clock).await.unwrap();
    let (learning, _sets) = of_set(&pool, &scene.clock, Arc::clone(&set));
    let mut car = leaking(&set);
    store(&pool, &car, &set).await;
    assert!(learning.forecasts().await.unwrap() >= 1);
    let first = recorded(&scene).await;
    let tyre = first.iter().find(|row| row.estimator == "tyre").unwrap();
    assert_eq!(tyre.raw_within, tyre.told_within, "nothing was learned yet");
    assert_eq!((tyre.model.as_str(), tyre.heard_to), (car.profile.model.as_str(), tyre.made_at));

    // On the same day nothing is done, and a week later the same reading says nothing new.
    assert_eq!(learning.forecasts().await.unwrap(), 0);
    scene.later(Span::from_days(1));
    assert_eq!(learning.forecasts().await.unwrap(), 0);
    assert_eq!(recorded(&scene).await.len(), first.len());

    // Heard of again: the forecast is followed so far, and another one is written down.
    let made = car.newest;
    car.newest = car.newest + Span::from_days(8);
    store(&pool, &car, &set).await;
    scene.later(Span::from_days(1));
    learning.forecasts().await.unwrap();
    let second = recorded(&scene).await;
    assert_eq!(second.len(), 2 * first.len());
    assert!(second.iter().all(|row| row.heard_to == car.newest.to_utc()), "{second:?}");

    // A detecting rule finds the tyre below its limit after twelve days.
    find(&scene, (&car, &tyre_of(&car, &set)), "tyre.low", (made + Span::from_days(12)).to_utc()).await;
    scene.later(Span::from_days(1));
    assert!(learning.forecasts().await.unwrap() >= 2);
    let after: Vec<i64> = recorded(&scene)
        .await
        .iter()
        .filter(|row| row.estimator == "tyre")
        .filter_map(|row| Some((row.failed_at? - row.made_at).num_days()))
        .collect();
    assert_eq!(after, [4, 12], "of the other wheels nothing is known");

    let mut tx = begin_as(&pool, As::Engine).await.unwrap();
    let figures = rows::figures(&mut tx).await.unwrap();
    assert!(figures.iter().any(|one| one.estimator == "tyre" && one.model.is_empty()), "{figures:?}");
}

/// A finding of a live rule on a part of the car.
async fn find(scene: &Scene, (car, component): (&Vehicle, &str), rule: &str, at: chrono::DateTime<chrono::Utc>) {
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, rule.as_bytes());
    let mut tx = begin_as(&scene.pool, As::Engine).await.unwrap();
    sqlx::query(
        "insert into vehicle_case (case_id, vehicle_id, dealer_id, component, episode, mode, severity, status,
             rule_key, rule_version, opened_at, opened_received_at, confidence)
         values ($1, $2, $3, $4, 1, 'live', 2, 'open', $5, 1, $6, $6, 1)",
    )
    .bind(id)
    .bind(car.id.as_str())
    .bind(scene.dealer)
    .bind(component)
    .bind(rule)
    .bind(at)
    .execute(&mut *tx)
    .await
    .unwrap();
    sqlx::query(
        "insert into finding (case_id, ordinal, dealer_id, rule_key, rule_version, subject, severity, status, opened_at,
             evidence, opened_because)
         values ($1, 1, $2, $3, 1, '', 2, 'open', $4, '{}', '{}')",
    )
    .bind(id)
    .bind(scene.dealer)
    .bind(rule)
    .bind(at)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

/// Forecasts of other cars in the past that said 90 % and of which one in five came true.
async fn boasts(scene: &Scene, count: i32) {
    let mut tx = begin_as(&scene.pool, As::Engine).await.unwrap();
    sqlx::query(
        "insert into forecast (vehicle_id, component, made_at, estimator, model, raw_within, told_within, raw_due,
             told_due, heard_to, failed_at)
         select 'other-' || n, 'chassis.tyre.Row1.Wheel.Left', made, 'tyre', 'compact-ice', p, p, d, d,
                made + interval '80 days', case when n % 5 = 0 then made + interval '20 days' end
         from generate_series(1, $1) n,
              (select $2::timestamptz - interval '100 days', array[0.8, 0.9, 0.95]::float8[],
                      array[15, 20, 25]::float8[]) as x (made, p, d)",
    )
    .bind(count)
    .bind(scene.clock.now().to_utc())
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

#[sqlx::test]
async fn what_came_takes_an_estimator_down_to_its_word_for_every_vehicle(pool: PgPool) {
    let scene = Scene::at(pool.clone(), NOON).await;
    let set = activation::at_start(&pool, None, &scene.clock).await.unwrap();
    let (learning, sets) = of_set(&pool, &scene.clock, Arc::clone(&set));
    boasts(&scene, 400).await;
    learning.forecasts().await.unwrap();
    let after = approved(&pool).await.expect("an activation by the job");
    let car = leaking(&set);
    let chance = |set: &RuleSet| {
        let found = estimate::forecasts(&car, set);
        found.into_iter().find(|forecast| forecast.estimator == "tyre").and_then(|tyre| tyre.within).unwrap()[2]
    };
    assert!(chance(&after) < 0.5 * chance(&set), "{} {}", chance(&after), chance(&set));

    // In force: the same outcomes are no new table.
    sets.send_replace(Arc::clone(&after));
    scene.later(Span::from_days(1));
    let again = learning.forecasts().await.unwrap();
    let table = &approved(&pool).await.unwrap().catalogue.learned.calibration;
    assert_eq!((again, table), (0, &after.catalogue.learned.calibration));

    // What is said of the car from now on is told as it holds, and kept as the estimator gave it.
    store(&pool, &car, &after).await;
    scene.later(Span::from_days(1));
    learning.forecasts().await.unwrap();
    let rows = recorded(&scene).await;
    let own =
        rows.iter().find(|row| row.estimator == "tyre" && row.failed_at.is_none() && row.raw_within != row.told_within);
    let own = own.unwrap_or_else(|| panic!("{rows:?}"));
    assert!(own.told_within.as_ref().unwrap()[2] < own.raw_within.as_ref().unwrap()[2]);
}
