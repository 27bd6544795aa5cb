//! Silence is not health: what is not measured closes nothing, passes nothing and fires nothing but an
//! absence. A backlog of days is folded as of when it was measured, and people hear only of what
//! still holds.

use ingest::down::Down;
use rules::unit::{Span, Time};
use simulator::frame::Frame;
use simulator::signal::{BRAKE_FLUID, COOLANT};

use crate::world::road::{petrol, trip, with};
use crate::world::{NewCar, Scene, morning};

const STEP: Span = Span::from_secs(20);
const DAY: Span = Span::from_days(1);

/// Half an hour on the road from `from` on.
fn drive(from: Time) -> impl Iterator<Item = Frame> {
    trip(from, from + Span::from_mins(30), STEP)
}

#[tokio::test]
async fn three_days_of_backlog_open_and_close_as_of_measured_time() -> anyhow::Result<()> {
    let start = morning();
    let back = start + Span::from_days(3) + Span::from_hours(5);
    let mut scene =
        Scene::open_with(&[NewCar::petrol("a", start)], |setup| setup.set("lanes.lateness_bound", "2m")).await?;
    let mut car = scene.car("a").await?;
    let last = car.drive(trip(start - Span::from_mins(8), start, STEP)).await?;
    car.committed(last).await?;

    // Three days later nothing has been heard: the silence itself is a finding, of no urgency.
    scene.restart_at(back).await?;
    let silent = scene.ledger.case_on("a", "telematics").await?;
    assert_eq!((silent.rule_key.as_str(), silent.severity), ("telematics.silent", 4));
    assert_eq!(silent.opened_at, (start - STEP + Span::from_hours(72)).to_utc());
    assert_eq!(scene.ledger.orders().await?, []);

    // Then everything comes at once: a day with an overheating that ended, a day with brake fluid
    // lost for good, and this morning.
    car.online().await?;
    let hot_from = start + DAY;
    let hot = drive(hot_from).enumerate().map(|(tick, frame)| match tick {
        20..26 => with(frame, COOLANT, 124.0 + 0.1 * tick as f64),
        _ => frame,
    });
    let low_from = start + DAY + DAY;
    let low = drive(low_from).chain(drive(back - Span::from_mins(30))).map(|frame| with(frame, BRAKE_FLUID, 44.0));
    let backlog: Vec<Frame> = hot.chain(low).collect();
    let last = car.drive(backlog).await?;
    car.committed(last).await?;

    let order = scene.ledger.order_on("a", "chassis.brake_fluid").await?;
    assert_eq!(order.components, ["chassis.brake_fluid"], "only what still holds");
    assert_eq!(scene.ledger.orders().await?.len(), 1);
    let cases = scene.ledger.cases_of("a").await?;
    let found: Vec<_> = cases.iter().map(|case| (case.component.as_str(), case.status.as_str())).collect();
    assert_eq!(found, [("chassis.brake_fluid", "open"), ("engine.cooling", "closed")], "the silence was disproved");
    let within = |case: &crate::world::CaseRow, from: Time| {
        let to = from + Span::from_mins(30);
        case.opened_at >= from.to_utc() && case.closed_at.unwrap_or(case.opened_at) <= to.to_utc()
    };
    assert!(within(&cases[0], low_from) && within(&cases[1], hot_from), "{cases:#?}");

    scene.ledger.becomes("select count(*) from outbox where state = 'queued'", 0).await?;
    let told = "select count(*) from notification join vehicle_case using (case_id) where component = 'engine.cooling'";
    assert_eq!(scene.ledger.count(told).await?, 0, "nobody hears of what is over");
    assert!(car.heard_so_far().iter().all(|down| !matches!(down, Down::Notice(notice) if notice.text.contains("124"))));
    Ok(())
}

#[tokio::test]
async fn a_gap_in_the_readings_neither_opens_nor_closes() -> anyhow::Result<()> {
    let now = morning();
    let cars = [NewCar::petrol("opens", now), NewCar::petrol("closes", now)];
    let scene = Scene::open(&cars).await?;
    let hot = |secs: i64, value: f64| with(petrol(now + Span::from_secs(secs), 0), COOLANT, value);

    // 117 degC before and after ten minutes of nothing is not ten seconds of 117 degC.
    let mut car = scene.car("opens").await?;
    let last = car.drive([hot(-540, 90.0), hot(-530, 117.0), hot(100, 117.2), hot(104, 90.0)]).await?;
    car.committed(last).await?;
    assert_eq!(scene.ledger.cases_of("opens").await?, []);

    // Hot, then eight minutes without the signal, then cool for a moment: not cool for ten minutes.
    let mut car = scene.car("closes").await?;
    car.drive((0..6).map(|tick| hot(-540 + 10 * tick, 117.0 + 0.1 * tick as f64))).await?;
    let blind = (0..40).map(|tick| {
        let mut frame = petrol(now + Span::from_secs(-480 + 12 * tick), tick as u64);
        frame.readings.retain(|(path, _)| path != COOLANT);
        frame
    });
    car.drive(blind).await?;
    let last = car.drive([hot(60, 90.0), hot(200, 91.0)]).await?;
    car.committed(last).await?;
    let cases = scene.ledger.cases_of("closes").await?;
    assert_eq!(cases.len(), 1, "{cases:?}");
    assert_eq!(cases[0].status, "open");
    Ok(())
}
