//! The whole way: from a vehicle's MQTT message to a work order, a notice in the car and a message on
//! the console, all of it after the vehicle was told that its messages are committed.

use ingest::down::Down;
use rules::unit::{Severity, Span};
use simulator::signal;

use crate::world::road::{petrol, trip, with};
use crate::world::{NewCar, Scene, morning};

/// The notice a car hears, as (title, text).
fn stop_now(down: &Down) -> Option<(uuid::Uuid, String, String)> {
    match down {
        Down::Notice(notice) if notice.severity == Severity::S1 => {
            Some((notice.id, notice.title.clone(), notice.text.clone()))
        }
        _ => None,
    }
}

#[tokio::test]
async fn an_overheating_engine_reaches_the_advisor_and_the_driver() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("hot", now)]).await?;
    let mut car = scene.car("hot").await?;
    car.drive(trip(now - Span::from_mins(4), now - Span::from_secs(60), Span::from_secs(10))).await?;
    let hot = (0..6)
        .map(|tick| with(petrol(now + Span::from_secs(10 * tick - 60), 0), signal::COOLANT, 124.0 + tick as f64 * 0.2));
    let last = car.drive(hot).await?;
    car.committed(last).await?;

    let case = scene.ledger.case_on("hot", "engine.cooling").await?;
    assert_eq!((case.rule_key.as_str(), case.severity, case.status.as_str()), ("engine.overheat_stop", 1, "open"));
    let order = scene.ledger.order_on("hot", "engine.cooling").await?;
    assert_eq!((order.visit, order.severity, order.state.as_str(), order.cases.len()), (1, 1, "proposed", 1));
    let (operations, parts): (Vec<String>, Vec<String>) =
        sqlx::query_as("select operations, parts from work_order_line where order_id = $1")
            .bind(order.order_id)
            .fetch_one(scene.ledger.pool())
            .await?;
    assert!(operations.iter().any(|operation| operation == "diagnose_cooling"), "{operations:?}");
    assert!(parts.iter().any(|part| part == "coolant"), "{parts:?}");

    let (notice, title, text) = car.hears("the stop-now notice", stop_now).await?;
    assert!(!title.is_empty() && text.len() > 20, "{title}: {text}");
    scene.ledger.becomes("select count(*) from console_message where vehicle_id = 'hot' and severity = 1", 1).await?;

    let mut seen = car.message(vec![with(petrol(now, 1), signal::COOLANT, 125.0)]);
    seen.seen = vec![notice];
    car.say(seen.encode()).await?;
    car.committed(last + 1).await?;
    scene.ledger.becomes("select count(*) from notification where stage = 'stop_now' and seen_at is not null", 1).await
}

#[tokio::test]
async fn a_car_that_is_not_charged_gets_an_order_of_its_own() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("flat", now), NewCar::petrol("sound", now)]).await?;
    let (mut flat, mut sound) = (scene.car("flat").await?, scene.car("sound").await?);
    let start = now - Span::from_mins(8);
    let last = sound.drive(trip(start, now, Span::from_secs(5))).await?;
    sound.committed(last).await?;
    let low = trip(start, now, Span::from_secs(5)).enumerate().map(|(tick, frame)| match tick {
        0..40 => frame,
        _ => with(frame, signal::VOLTAGE_12, 12.1 + 0.01 * (tick % 5) as f64),
    });
    let last = flat.drive(low).await?;
    flat.committed(last).await?;

    let order = scene.ledger.order_on("flat", "electrics.charging").await?;
    assert_eq!((order.severity, order.state.as_str()), (1, "proposed"));
    flat.hears("the stop-now notice", stop_now).await?;
    assert_eq!(scene.ledger.cases_of("sound").await?, [], "a sound car has no case");
    assert_eq!(scene.ledger.orders_of("sound").await?, []);
    Ok(())
}
