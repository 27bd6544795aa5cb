//! Safety is not tuned away: what says stop now does not wait for morning, for a budget, or for a
//! message that is missing.

use ingest::down::Down;
use rules::unit::{Severity, Span, Time};
use simulator::signal::{BRAKE_FLUID, COOLANT};

use crate::world::road::{petrol, trip, with};
use crate::world::{NewCar, Scene};

const STEP: Span = Span::from_secs(10);

fn severity(down: &Down) -> Option<Severity> {
    if let Down::Notice(notice) = down { Some(notice.severity) } else { None }
}

#[tokio::test]
async fn stop_now_is_said_at_night_and_the_rest_waits_for_morning() -> anyhow::Result<()> {
    // Eleven in the evening in Shanghai.
    let night = Time::parse("2026-03-02T15:00:00Z")?;
    let cars = [NewCar::petrol("urgent", night), NewCar::petrol("patient", night)];
    let scene = Scene::open_with(&cars, |setup| setup.set("clock.origin", &night.to_string())).await?;
    let mut patient = scene.car("patient").await?;
    let last = patient
        .drive(trip(night - Span::from_mins(3), night, STEP).map(|frame| with(frame, BRAKE_FLUID, 44.0)))
        .await?;
    patient.committed(last).await?;
    let mut urgent = scene.car("urgent").await?;
    let last =
        urgent.drive(trip(night - Span::from_mins(3), night, STEP).map(|frame| with(frame, COOLANT, 124.0))).await?;
    urgent.committed(last).await?;
    assert_eq!(urgent.hears("a notice", severity).await?, Severity::S1);

    scene.ledger.order_on("patient", "chassis.brake_fluid").await?;
    let held = "select count(*) from outbox join notification using (notification_id)
                where vehicle_id = 'patient' and person_id is not null and state = 'queued' and not_before > '2026-03-02T23:00Z'";
    scene.ledger.becomes(held, 1).await?;
    assert!(patient.heard_so_far().iter().all(|down| severity(down).is_none()), "it is night");
    Ok(())
}

#[tokio::test]
async fn stop_now_does_not_wait_for_a_missing_message() -> anyhow::Result<()> {
    let now = crate::world::morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    car.drive(trip(now - Span::from_mins(2), now - Span::from_mins(1), STEP)).await?;
    let missing = car.message(vec![petrol(now - Span::from_mins(1), 0)]);
    car.drive(
        (1..5).map(|tick| with(petrol(now - Span::from_secs(60 - 10 * tick), 0), COOLANT, 124.0 + 0.1 * tick as f64)),
    )
    .await?;
    // Two minutes before anything behind the hole can settle.
    assert_eq!(car.hears("the early warning", severity).await?, Severity::S1);
    assert_eq!(scene.ledger.cases_of("a").await?, [], "it opens nothing");

    car.say(missing.encode()).await?;
    car.committed(11).await?;
    let order = scene.ledger.order_on("a", "engine.cooling").await?;
    assert_eq!(order.severity, 1);
    let notices = "select count(*) from notification where stage = 'stop_now'";
    assert_eq!(scene.ledger.count(notices).await?, 1, "said once");
    Ok(())
}

#[tokio::test]
async fn stop_now_is_not_said_about_long_ago_but_the_case_opens_all_the_same() -> anyhow::Result<()> {
    let now = crate::world::morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    let from = now - Span::from_hours(2);
    let hot = trip(from, from + Span::from_mins(2), STEP).map(|frame| with(frame, COOLANT, 124.0));
    // Driving now, and sound: that it was hot two hours ago stops nobody.
    let last = car.drive(hot.chain([with(petrol(now, 0), COOLANT, 110.0)])).await?;
    car.committed(last).await?;
    let case = scene.ledger.case_on("a", "engine.cooling").await?;
    assert_eq!((case.severity, case.opened_at < (now - Span::from_hours(1)).to_utc()), (1, true));
    scene.ledger.order_on("a", "engine.cooling").await?;
    let warnings = "select count(*) from notification where stage = 'stop_now'";
    assert_eq!(scene.ledger.count(warnings).await?, 0);

    // The first fresh reading that shows it does, whenever the case opened.
    let last = car.drive((1..4).map(|tick| with(petrol(now + Span::from_secs(tick), 0), COOLANT, 122.0))).await?;
    car.committed(last).await?;
    assert_eq!(car.hears("the warning", severity).await?, Severity::S1);
    assert_eq!(scene.ledger.count(warnings).await?, 1);
    assert_eq!(scene.ledger.orders_of("a").await?.len(), 1, "the order is the one that was opened");
    Ok(())
}
