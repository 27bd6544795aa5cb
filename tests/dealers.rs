//! A dealer's people see their dealer's rows, whichever way they ask.

use engine::seed::demo::demo_dealer;
use engine::store::session::{As, begin_as};
use engine::store::{board, console, order, review, vehicle};
use reqwest::StatusCode;
use rules::unit::Span;
use simulator::signal::{BRAKE_FLUID, COOLANT};
use sqlx::AssertSqlSafe;

use crate::world::road::{trip, with, with_code};
use crate::world::{Advisor, NewCar, Scene, morning};

/// One car of each dealer with an order, a review and a refusal.
async fn two_dealers() -> anyhow::Result<Scene> {
    let now = morning();
    let cars = [("car-of-a", 0), ("car-of-b", 1)].map(|(id, dealer)| NewCar { dealer, ..NewCar::petrol(id, now) });
    let scene = Scene::open(&cars).await?;
    for (id, _) in [("car-of-a", 0), ("car-of-b", 1)] {
        let mut car = scene.car(id).await?;
        let hot = trip(now - Span::from_mins(2), now, Span::from_secs(10)).map(|frame| with(frame, COOLANT, 124.0));
        car.drive(hot).await?;
        let rest = trip(now, now + Span::from_mins(2), Span::from_secs(10))
            .map(|frame| with_code(with(frame, BRAKE_FLUID, 44.0), "P0420", 0x2f));
        let last = car.drive(rest).await?;
        car.committed(last).await?;
        car.say(b"no message".to_vec()).await?;
        car.delivered().await?;
        scene.ledger.order_on(id, "engine.cooling").await?;
        scene.ledger.order_on(id, "chassis.brake_fluid").await?;
    }
    scene.ledger.becomes("select count(*) from rejection", 2).await?;
    scene.ledger.becomes("select count(distinct dealer_id) from console_message", 2).await?;
    Ok(scene)
}

#[tokio::test]
async fn no_table_shows_rows_of_another_dealer() -> anyhow::Result<()> {
    let scene = two_dealers().await?;
    let pool = scene.ledger.pool();
    let tables: Vec<String> = sqlx::query_scalar(
        "select quote_ident(table_name) from information_schema.columns
         where table_schema = 'public' and column_name = 'dealer_id' and table_name <> 'notification_standing'
           and has_table_privilege('premend_console', to_regclass('public.' || quote_ident(table_name)), 'select')
         order by 1",
    )
    .fetch_all(pool)
    .await?;
    assert!(tables.len() >= 15, "{tables:?}");
    let (own, other) = (demo_dealer(1), demo_dealer(0));
    let mut seen = 0;
    for table in &tables {
        let mut tx = begin_as(pool, As::Console { dealer: own }).await?;
        let counted = format!(
            "select count(*) filter (where dealer_id = '{own}'), count(*) filter (where dealer_id <> '{own}') from {table}"
        );
        let (ours, theirs): (i64, i64) = sqlx::query_as(AssertSqlSafe(counted)).fetch_one(&mut *tx).await?;
        assert_eq!(theirs, 0, "{table}");
        seen += ours;
        let touched = format!("select count(*) from {table} where dealer_id = '{other}'");
        let found: i64 = sqlx::query_scalar(AssertSqlSafe(touched)).fetch_one(&mut *tx).await?;
        assert_eq!(found, 0, "{table}");
    }
    assert!(seen > 15, "their own rows are there: {seen}");
    // What belongs to a vehicle belongs to its dealer.
    for table in ["rejection", "vehicle_case", "vehicle"] {
        let mut tx = begin_as(pool, As::Console { dealer: own }).await?;
        let foreign = format!("select count(*) from {table} where vehicle_id = 'car-of-a'");
        assert_eq!(sqlx::query_scalar::<_, i64>(AssertSqlSafe(foreign)).fetch_one(&mut *tx).await?, 0, "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn no_store_function_gives_rows_of_another_dealer() -> anyhow::Result<()> {
    let scene = two_dealers().await?;
    let theirs = scene.ledger.orders_of("car-of-a").await?;
    let cases: Vec<_> = theirs.iter().flat_map(|order| order.cases.clone()).collect();
    let ids: Vec<_> = theirs.iter().map(|order| order.order_id).collect();
    let mut tx = begin_as(scene.ledger.pool(), As::Console { dealer: demo_dealer(1) }).await?;
    assert!(!board::orders(&mut tx).await?.iter().any(|order| ids.contains(&order.order_id)));
    assert!(board::lines(&mut tx, &ids).await?.is_empty());
    assert!(board::stop_now_cases(&mut tx).await?.iter().all(|case| case.vehicle_id == "car-of-b"));
    assert!(review::waiting(&mut tx).await?.iter().all(|case| case.vehicle_id == "car-of-b"));
    assert!(console::messages(&mut tx).await?.iter().all(|message| message.vehicle_id == "car-of-b"));
    for id in &ids {
        assert!(order::order(&mut tx, *id).await?.is_none());
        assert!(order::lines(&mut tx, *id).await?.is_empty());
        assert!(order::transitions(&mut tx, *id).await?.is_empty());
        assert!(!order::unflag(&mut tx, *id, 1).await?);
    }
    assert!(order::findings(&mut tx, &cases).await?.is_empty());
    assert!(order::changes(&mut tx, &cases).await?.is_empty());
    assert!(vehicle::vehicle(&mut tx, "car-of-a").await?.is_none());
    assert!(vehicle::cases(&mut tx, "car-of-a").await?.is_empty());
    assert!(vehicle::orders(&mut tx, "car-of-a").await?.is_empty());
    assert!(vehicle::notices(&mut tx, "car-of-a").await?.is_empty());
    assert!(vehicle::rejections(&mut tx, "car-of-a").await?.is_empty());
    assert!(vehicle::last_values(&mut tx, "car-of-a").await?.is_empty());
    assert!(review::answer(&mut tx, cases[0], true, uuid::Uuid::nil()).await?.is_none());
    drop(tx);

    let mut tx = begin_as(scene.ledger.pool(), As::Console { dealer: demo_dealer(1) }).await?;
    let vehicle = rules::vehicle::VehicleId::try_new("car-of-a")?;
    let snooze = rules::vehicle::Command::Snooze { case: cases[0], until: morning() };
    assert!(console::command(&mut tx, &vehicle, &snooze).await.is_err(), "nor act on its vehicles");
    Ok(())
}

#[tokio::test]
async fn no_page_shows_another_dealers_cars() -> anyhow::Result<()> {
    let scene = two_dealers().await?;
    let order = scene.ledger.orders_of("car-of-a").await?.remove(0);
    let (anna, li) = (Advisor::log_in(&scene.premend, "anna").await?, Advisor::log_in(&scene.premend, "li").await?);
    for path in ["/board", "/review", "/inbox"] {
        let (status, page) = anna.page(path).await?;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(!page.contains("car-of-a"), "{path}");
    }
    for path in [format!("/orders/{}", order.order_id), "/vehicles/car-of-a".to_owned()] {
        assert_eq!(anna.page(&path).await?.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(li.page(&path).await?.0, StatusCode::OK, "{path}");
    }
    let refused = anna.move_order(order.order_id, 1, "triaged", crate::world::Filled::default()).await?;
    assert_eq!(refused, StatusCode::NOT_FOUND);
    Ok(())
}
