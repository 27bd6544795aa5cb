//! Safety survives a lost state: what is counted from 1 again never meets the rows of an earlier life.

use rules::case::case_id;
use rules::unit::{Span, Time};
use rules::vehicle::{Component, Life, VehicleId};
use simulator::signal::COOLANT;

use crate::world::road::{trip, with};
use crate::world::{Car, NewCar, SOON, Scene, morning, run};

const STEP: Span = Span::from_secs(10);
const HOUR: Span = Span::from_hours(1);

/// Ten minutes on the road up to `until`, boiling in the last two.
async fn boil(car: &mut Car, until: Time) -> anyhow::Result<()> {
    let hot_from = until - Span::from_mins(2);
    let frames = trip(until - Span::from_mins(10), until, STEP).enumerate().map(|(tick, frame)| {
        let celsius = 124.0 + 0.1 * (tick % 5) as f64;
        if frame.at >= hot_from { with(frame, COOLANT, celsius) } else { frame }
    });
    let last = car.drive(frames).await?;
    car.committed(last).await?;
    Ok(())
}

/// Orders and warnings of the car, all of them and those of its present life.
async fn stands(scene: &Scene, cases: i64, warnings: i64) -> anyhow::Result<()> {
    let of = |table: &str| format!("select count(*) from {table} where vehicle_id = 'a'");
    scene.ledger.becomes(&(of("vehicle_case") + " and severity = 1"), cases).await?;
    scene.ledger.becomes(&(of("work_order") + " and severity = 1"), cases).await?;
    scene.ledger.becomes(&(of("notification") + " and stage = 'stop_now'"), warnings).await
}

#[tokio::test]
async fn an_erased_car_that_comes_back_is_warned_like_any_other() -> anyhow::Result<()> {
    let mut scene = Scene::open(&[NewCar::petrol("a", morning())]).await?;
    let mut car = scene.car("a").await?;
    boil(&mut car, morning()).await?;
    stands(&scene, 1, 1).await?;
    for life in 1..=2 {
        let erase = scene.premend.setup().clone().command(&["erase", "a", "--yes"]);
        let (status, output) = run(&erase, SOON).await?;
        assert!(status.success(), "{output}");
        scene.garage.register_again(&NewCar::petrol("a", morning())).await?;
        scene.ledger.commands_applied().await?;
        let later = morning() + Span::from_micros(HOUR.micros() * life);
        if life == 2 {
            // A start in between knows it as well.
            scene.restart_at(later).await?;
        }
        car = scene.car("a").await?;
        car.stream = 10 + life as u64;
        let until = if life == 2 { later } else { morning() };
        boil(&mut car, until).await?;
        stands(&scene, 1 + life, 1 + life).await?;
        assert_eq!(scene.ledger.count("select life::bigint from vehicle where vehicle_id = 'a'").await?, life);
    }
    let differences = scene.premend.metric("premend_engine_replay_differences_total").await?;
    assert!(differences.abs() < f64::EPSILON, "{differences}");
    Ok(())
}

#[tokio::test]
async fn a_car_whose_snapshot_was_lost_is_known_again_and_warned() -> anyhow::Result<()> {
    let mut scene = Scene::open(&[NewCar::petrol("a", morning())]).await?;
    let mut car = scene.car("a").await?;
    boil(&mut car, morning()).await?;
    stands(&scene, 1, 1).await?;
    scene.premend.stop().await?;
    for table in ["vehicle_snapshot", "journal"] {
        sqlx::query(sqlx::AssertSqlSafe(format!("delete from {table}"))).execute(scene.ledger.pool()).await?;
    }
    let later = morning() + HOUR;
    let setup = scene.premend.setup().clone().set("clock.origin", &later.to_string());
    scene.premend.restart_with(setup).await?;
    scene.ledger.commands_applied().await?;
    assert_eq!(scene.premend.metric("premend_engine_lost_states_total").await?, 1.0);
    car = scene.car("a").await?;
    car.stream = 2;
    boil(&mut car, later).await?;
    stands(&scene, 2, 2).await
}

#[tokio::test]
async fn an_id_that_stands_for_something_else_costs_a_life_and_no_case() -> anyhow::Result<()> {
    let scene = Scene::open(&[NewCar::petrol("a", morning()), NewCar::petrol("b", morning())]).await?;
    let vehicle = VehicleId::try_new("a")?;
    for episode in [1_u32, 2] {
        let taken = case_id(&vehicle, Life::default(), &Component::new("engine.cooling"), episode);
        sqlx::query(
            "insert into vehicle_case (case_id, vehicle_id, dealer_id, component, episode, mode, severity, status, rule_key,
                                       rule_version, opened_at, opened_received_at, closed_at, confidence)
             select $1, 'a', dealer_id, 'engine.cooling', $2, 'live', 3, 'closed', 'old', 1, '2025-01-01', '2025-01-01',
                    '2025-01-02', 0.5 from vehicle where vehicle_id = 'a'",
        )
        .bind(taken)
        .bind(episode as i32)
        .execute(scene.ledger.pool())
        .await?;
    }
    let (mut car, mut other) = (scene.car("a").await?, scene.car("b").await?);
    boil(&mut other, morning()).await?;
    boil(&mut car, morning()).await?;
    stands(&scene, 1, 1).await?;
    scene.ledger.order_on("b", "engine.cooling").await?;
    assert_eq!(scene.premend.metric("premend_engine_commits_total{outcome=\"taken\"}").await?, 1.0);
    assert_eq!(scene.ledger.count("select life::bigint from vehicle where vehicle_id = 'a'").await?, 1);
    assert_eq!(scene.ledger.count("select life::bigint from vehicle where vehicle_id = 'b'").await?, 0);
    let journal = scene.ledger.journalled().await?;
    assert_eq!(journal.messages[&("a".to_owned(), 1)].len() as u64, car.next_seq - 1, "every message once");
    assert!(scene.ledger.rejections().await?.is_empty());
    Ok(())
}
