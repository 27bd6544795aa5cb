//! What people do on the console is applied exactly once, whatever races with it: messages of the same
//! cars, and the engine being killed in between.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rules::unit::Span;
use simulator::publisher::{Pace, VirtualClock};
use simulator::signal::{BRAKE_FLUID, TYRE_PRESSURE};
use tokio::time::sleep;
use uuid::Uuid;

use crate::world::road::{petrol, trip, with};
use crate::world::{Advisor, Filled, Fleet, Ledger, NewCar, OrderRow, SOON, Scene, Script, eventually, morning};

const RATE: f64 = 30.0;
const KILLS: usize = 6;
/// The way of an order until the car is in the workshop, with what each step asks for.
const UNTIL_CHECKED_IN: [(&str, Filled<'static>); 5] = [
    ("triaged", Filled { because: "real", odometer_km: "", appointment_at: "" }),
    ("contacted", Filled { because: "called", odometer_km: "", appointment_at: "" }),
    ("booked", Filled { because: "agreed", odometer_km: "", appointment_at: "2026-03-04T09:30" }),
    ("parts_ready", Filled { because: "in stock", odometer_km: "", appointment_at: "" }),
    ("checked_in", Filled { because: "here", odometer_km: "12000", appointment_at: "" }),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_people_decide_is_applied_exactly_once() -> anyhow::Result<()> {
    let script = Script::new(18, morning(), Span::from_secs(3));
    let clock = VirtualClock::starting_now(morning(), Pace::Times(RATE));
    let mut scene = Scene::open_with(&script.garage(), |setup| setup.set("clock.rate", &RATE.to_string())).await?;
    let mut fleet = Fleet::start(&script, scene.premend.mqtt()?, clock)?;
    let ledger = scene.ledger.clone();
    // Cars 5 and 14 wait for judgement, 4 and 13 have an order for their brake fluid.
    let (reviews, orders) = eventually("reviews and orders", Duration::from_secs(60), || async {
        let reviews = waiting_reviews(&ledger).await?;
        let orders = brake_fluid_orders(&ledger).await?;
        Ok((reviews.len() == 2 && orders.len() == 2).then_some((reviews, orders)))
    })
    .await?;

    let advisor = Advisor::log_in(&scene.premend, "li").await?;
    let deciding = tokio::spawn(decide(
        advisor,
        ledger.clone(),
        reviews.clone(),
        orders.iter().map(|order| order.order_id).collect(),
    ));
    let mut dice = ChaCha8Rng::seed_from_u64(7);
    for _ in 0..KILLS {
        sleep(Duration::from_millis(dice.random_range(0..400))).await;
        scene.restart_at(clock.now()).await?;
    }
    deciding.await??;
    ledger.commands_applied().await?;
    script.end_at(clock.now() + Span::from_mins(1));
    fleet.arrive().await?;

    applied_once(&ledger).await?;
    for case in reviews {
        let orders = ledger.count(&format!("select count(*) from work_order_line where case_id = '{case}'")).await?;
        assert_eq!(orders, 1, "case {case}");
    }
    for order in orders {
        let state: String = sqlx::query_scalar("select state from work_order where order_id = $1")
            .bind(order.order_id)
            .fetch_one(ledger.pool())
            .await?;
        assert_eq!(state, "checked_in", "people's transitions stand");
        let moves = format!(
            "select count(*) from work_order_transition where order_id = '{}' and to_state = 'checked_in'",
            order.order_id
        );
        assert_eq!(ledger.count(&moves).await?, 1);
    }
    Ok(())
}

#[tokio::test]
async fn after_check_in_a_new_finding_is_proposed_as_extra_work() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    let step = Span::from_secs(10);
    car.drive(
        trip(now - Span::from_mins(9), now - Span::from_mins(8), step).map(|frame| with(frame, BRAKE_FLUID, 44.0)),
    )
    .await?;
    let order = scene.ledger.order_on("a", "chassis.brake_fluid").await?;
    let advisor = Advisor::log_in(&scene.premend, "li").await?;
    check_in(&advisor, &scene.ledger, order.order_id).await?;
    scene.ledger.commands_applied().await?;
    // Another S2 on another component.
    let low = (0..66).map(|tick| {
        with(petrol(now - Span::from_secs(480 - 10 * tick), 0), TYRE_PRESSURE[0], 170.0 + (tick % 3) as f64)
    });
    car.drive(low).await?;
    let with_tyre = scene.ledger.order_on("a", "chassis.tyre.Row1.Wheel.Left").await?;
    assert_eq!(with_tyre.order_id, order.order_id, "it joins the visit that is going on");
    let extra = "select count(*) from work_order_line where extra_work and component = 'chassis.tyre.Row1.Wheel.Left'";
    assert_eq!(scene.ledger.count(extra).await?, 1);
    Ok(())
}

async fn waiting_reviews(ledger: &Ledger) -> anyhow::Result<Vec<Uuid>> {
    let rows = sqlx::query_scalar("select case_id from review where state = 'waiting' and severity = 3 order by 1");
    Ok(rows.fetch_all(ledger.pool()).await?)
}

async fn brake_fluid_orders(ledger: &Ledger) -> anyhow::Result<Vec<OrderRow>> {
    let orders = ledger.orders().await?;
    Ok(orders.into_iter().filter(|order| order.components == ["chassis.brake_fluid"]).collect())
}

/// Accepts every case and checks every car in, as stubbornly as people are.
async fn decide(advisor: Advisor, ledger: Ledger, reviews: Vec<Uuid>, orders: Vec<Uuid>) -> anyhow::Result<()> {
    for case in reviews {
        eventually(format!("the answer to {case}"), SOON, || async {
            // An answer whose reply was lost in the kill may count all the same.
            let _ = advisor.accept(case).await;
            let state: String = sqlx::query_scalar("select state from review where case_id = $1")
                .bind(case)
                .fetch_one(ledger.pool())
                .await?;
            Ok((state == "accepted").then_some(()))
        })
        .await?;
    }
    for order in orders {
        check_in(&advisor, &ledger, order).await?;
    }
    Ok(())
}

async fn check_in(advisor: &Advisor, ledger: &Ledger, order: Uuid) -> anyhow::Result<()> {
    for (to, filled) in UNTIL_CHECKED_IN {
        eventually(format!("order {order} {to}"), SOON, || async {
            let (state, version): (String, i32) =
                sqlx::query_as("select state, version from work_order where order_id = $1")
                    .bind(order)
                    .fetch_one(ledger.pool())
                    .await?;
            if state == to {
                return Ok(Some(()));
            }
            let answer = advisor.move_order(order, version, to, filled).await?;
            anyhow::bail!("it is {state}, the console answered {answer}")
        })
        .await?;
    }
    Ok(())
}

/// Every command is in the journal exactly once.
async fn applied_once(ledger: &Ledger) -> anyhow::Result<()> {
    let given: Vec<i64> =
        sqlx::query_scalar("select command_id from command order by 1").fetch_all(ledger.pool()).await?;
    let journal = ledger.journalled().await?;
    let applied: Vec<(i64, usize)> = journal.commands.into_iter().collect();
    assert_eq!(applied, given.into_iter().map(|id| (id, 1)).collect::<Vec<_>>());
    Ok(())
}
