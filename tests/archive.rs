//! The past: what was known at any time can be explained, and rules tried on it, as long as it is kept;
//! what is erased is gone from every place, and stays gone.

use std::collections::BTreeSet;

use anyhow::Context as _;
use reqwest::StatusCode;
use rules::unit::{Span, Time};
use serde_json::Value;
use simulator::signal::COOLANT;

use crate::world::road::{trip, with};
use crate::world::{Advisor, Car, CaseRow, NewCar, SOON, Scene, morning, run};

const STEP: Span = Span::from_secs(10);
const DAY: Span = Span::from_days(1);
const RULE: &str = "engine.overheat_stop";

/// An engine that archives at once, and keeps what it archived for two days.
async fn scene() -> anyhow::Result<Scene> {
    let cars = [NewCar::petrol("a", morning()), NewCar::petrol("b", morning())];
    Scene::open_with(&cars, |setup| setup.set("store.archive_after", "0s").set("retention.archive", "2d")).await
}

/// A quarter of an hour on the road up to `until`, with the coolant at `celsius` in the last two.
async fn drive(car: &mut Car, until: Time, celsius: Option<f64>) -> anyhow::Result<()> {
    let hot_from = until - Span::from_mins(2);
    let frames = trip(until - Span::from_mins(15), until, STEP).enumerate().map(|(tick, frame)| match celsius {
        Some(celsius) if frame.at >= hot_from => with(frame, COOLANT, celsius + 0.1 * (tick % 5) as f64),
        _ => frame,
    });
    let last = car.drive(frames).await?;
    car.committed(last).await?;
    Ok(())
}

/// The engine comes again a day later; whatever was received until then is archived.
async fn next_day(scene: &mut Scene, cars: &mut [Car], day: i64) -> anyhow::Result<()> {
    scene.restart_at(morning() + Span::from_days(day)).await?;
    for car in cars {
        car.online().await?;
    }
    let waiting = "select count(*) from journal j left join archive_progress p using (incarnation, lane)
                   where j.n > coalesce(p.n, 0) and j.day < $DAY";
    let today = (morning() + Span::from_days(day)).to_utc().date_naive();
    scene.ledger.becomes(&waiting.replace("$DAY", &format!("'{today}'")), 0).await
}

async fn explained(scene: &Scene, at: Option<Time>) -> anyhow::Result<Result<Value, String>> {
    let mut arguments = vec!["explain".to_owned(), "a".to_owned(), RULE.to_owned(), "--json".to_owned()];
    arguments.extend(at.into_iter().flat_map(|at| ["--at".to_owned(), at.to_string()]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (status, output) = run(&scene.premend.setup().clone().command(&arguments), SOON).await?;
    if !status.success() {
        return Ok(Err(output));
    }
    let from = output.find("{\n").context("no JSON")?;
    Ok(Ok(serde_json::from_str::<Value>(&output[from..])?["instances"][0].clone()))
}

async fn holds(scene: &Scene, at: Time) -> anyhow::Result<bool> {
    let found = explained(scene, Some(at)).await?.map_err(anyhow::Error::msg)?;
    Ok(found["open_since"].is_string())
}

#[tokio::test]
async fn a_rule_can_be_explained_as_it_was_and_tried_on_what_is_kept() -> anyhow::Result<()> {
    let mut scene = scene().await?;
    let (first, second, third) = (morning(), morning() + DAY, morning() + DAY + DAY);
    let mut cars = [scene.car("a").await?, scene.car("b").await?];
    drive(&mut cars[0], first, None).await?;
    next_day(&mut scene, &mut cars, 1).await?;
    drive(&mut cars[0], second, Some(124.0)).await?;
    drive(&mut cars[1], second, None).await?;
    scene.ledger.case_on("a", "engine.cooling").await?;
    next_day(&mut scene, &mut cars, 2).await?;

    // Everything so far is archived: the same rules find the same cases in it.
    let live: BTreeSet<_> = scene.ledger.settled().await?.into_iter().map(settled).collect();
    assert!(live.iter().any(|case| case.2 == RULE), "{live:#?}");
    let (status, output) =
        run(&scene.premend.setup().clone().command(&["backtest", "--store", "--json", "-"]), SOON).await?;
    assert!(status.success(), "{output}");
    let report: Value = serde_json::from_str(&output[output.find("{\n").context("no JSON")?..])?;
    assert_eq!(tried(&report), live);
    assert_eq!(report["read"]["vehicles"], 2);
    // From the second day on: the vehicles begin as they were, and nothing that is over is found again.
    let from = (second - Span::from_hours(1)).to_string();
    let command = ["backtest", "--store", "--from", &from, "--json", "-"];
    let (_, output) = run(&scene.premend.setup().clone().command(&command), SOON).await?;
    let later: Value = serde_json::from_str(&output[output.find("{\n").context("no JSON")?..])?;
    assert!(later["read"]["messages"].as_u64() < report["read"]["messages"].as_u64(), "{}", later["read"]);
    assert!(tried(&later).iter().any(|case| case.2 == RULE) && tried(&later).is_subset(&live));

    // Today it cooled down; that is in the journal only.
    drive(&mut cars[0], third, None).await?;
    scene
        .ledger
        .becomes("select count(*) from vehicle_case where component = 'engine.cooling' and status = 'open'", 0)
        .await?;
    let (calm, hot, over) = (first + Span::from_mins(20), second + Span::from_mins(20), third + Span::from_mins(5));
    assert!(!holds(&scene, calm).await?, "the first day was calm");
    assert!(holds(&scene, hot).await?, "it was open in the night");
    assert!(!holds(&scene, over).await?, "and is over");
    let li = Advisor::log_in(&scene.premend, "li").await?;
    let (status, text) = li.page(&format!("/api/vehicles/a/explain/{RULE}?at={hot}")).await?;
    let there: Value = serde_json::from_str(&text)?;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(there["instances"][0]["open_since"].is_string(), "{text}");
    let (_, page) = li.page(&format!("/vehicles/a/explain?rule={RULE}&at=2026-03-03T12:00")).await?;
    assert!(page.contains("2026-03-03T12:00") && page.contains(RULE), "{page}");

    // Beyond what is kept it refuses, and says from when on it could answer.
    let before = first - Span::from_hours(2);
    let refused = explained(&scene, Some(before)).await?.expect_err("nothing was known yet");
    assert!(refused.contains("kept from 2026-03-02T"), "{refused}");
    next_day(&mut scene, &mut cars, 4).await?;
    scene.ledger.becomes("select count(*) from vehicle_day where day < '2026-03-04'", 0).await?;
    let refused = explained(&scene, Some(hot)).await?.expect_err("it is not kept any more");
    assert!(refused.contains("kept from 2026-03-04T"), "{refused}");
    let (status, text) = li.page(&format!("/api/vehicles/a/explain/{RULE}?at={hot}")).await?;
    assert_eq!((status, text.contains("kept from")), (StatusCode::GONE, true), "{text}");
    assert!(!holds(&scene, over).await?, "what is kept can still be explained");
    Ok(())
}

type Settled = (String, String, String, String, Option<String>);

fn settled(case: CaseRow) -> Settled {
    let shown = |at: chrono::DateTime<chrono::Utc>| Time::from_micros(at.timestamp_micros()).to_string();
    (case.vehicle_id, case.component, case.rule_key, shown(case.opened_at), case.closed_at.map(shown))
}

fn tried(report: &Value) -> BTreeSet<Settled> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let word = |value: &Value| text(value).unwrap_or_default();
    let rows = report["sets"][0]["cases"].as_array().into_iter().flatten();
    rows.filter(|case| case["withdrawn"] != true)
        .map(|case| {
            let closed_at = text(&case["closed_at"]);
            (word(&case["vehicle"]), word(&case["component"]), word(&case["rule"]), word(&case["opened_at"]), closed_at)
        })
        .collect()
}

const LEFT: &str = "select (select count(*) from vehicle_snapshot where vehicle_id = 'a')
    + (select count(*) from vehicle_day where vehicle_id = 'a')
    + (select count(*) from archive_head where vehicle_id = 'a')
    + (select count(*) from sample where vehicle_id = 'a')
    + (select count(*) from rejection where vehicle_id = 'a')
    + (select count(*) from finding join vehicle_case using (case_id)
       where vehicle_id = 'a' and jsonb_array_length(evidence -> 'readings') > 0)
    + (select count(*) from vehicle_case where vehicle_id = 'a' and status = 'open')";

#[tokio::test]
async fn what_a_vehicle_said_is_erased_everywhere_and_stays_erased() -> anyhow::Result<()> {
    let mut scene = scene().await?;
    let mut cars = [scene.car("a").await?, scene.car("b").await?];
    for car in &mut cars {
        drive(car, morning(), Some(124.0)).await?;
    }
    scene.ledger.case_on("a", "engine.cooling").await?;
    next_day(&mut scene, &mut cars, 1).await?;
    drive(&mut cars[0], morning() + DAY, Some(124.0)).await?;
    assert!(scene.ledger.count(LEFT).await? > 0);

    let erase = |arguments: &[&str]| scene.premend.setup().clone().command(arguments);
    let (unsure, _) = run(&erase(&["erase", "a"]), SOON).await?;
    assert!(!unsure.success() && scene.ledger.count(LEFT).await? > 0, "it wants to be sure");
    let (status, output) = run(&erase(&["erase", "a", "--yes"]), SOON).await?;
    assert!(status.success(), "{output}");
    assert_eq!(scene.ledger.count(LEFT).await?, 0);
    let told = "select count(*) from notification where vehicle_id = 'a' and stage = 'resolved'";
    assert_eq!(scene.ledger.count(told).await?, 0, "that the fault is gone would not be true");
    scene.ledger.case_on("b", "engine.cooling").await?;

    // A stranger now; the journal's copy comes back neither at a start nor in the archive.
    cars[0].say(br#"{"stream":9,"seq":1,"ts":"2026-03-03T02:00:00Z","signals":{"Vehicle.Speed":5}}"#.to_vec()).await?;
    scene
        .ledger
        .becomes("select count(*) from rejection where vehicle_id = 'a' and reason = 'unknown_vehicle'", 1)
        .await?;
    next_day(&mut scene, &mut cars, 2).await?;
    let differences = scene.premend.metric("premend_engine_replay_differences_total").await?;
    assert!(differences.abs() < f64::EPSILON, "{differences}");
    let stored = "select (select count(*) from vehicle_snapshot where vehicle_id = 'a')
        + (select count(*) from vehicle_day where vehicle_id = 'a')";
    assert_eq!(scene.ledger.count(stored).await?, 0);
    let gone = explained(&scene, None).await?.expect_err("nobody knows it");
    assert!(gone.contains("does not know vehicle a"), "{gone}");

    // It may come back, as a new one.
    scene.garage.register_again(&NewCar::petrol("a", morning())).await?;
    scene.ledger.commands_applied().await?;
    let mut anew = scene.car("a").await?;
    drive(&mut anew, morning() + DAY + DAY, None).await?;
    assert!(scene.ledger.count("select count(*) from sample where vehicle_id = 'a'").await? > 0);
    Ok(())
}
