//! Rules learn from technicians: what is seldom right runs as a shadow, what keeps people safe stays live and
//! its author hears of it, and neither a reload nor a kill forgets that.

use std::fs;
use std::path::Path;

use reqwest::StatusCode;
use rules::unit::Span;
use serde_json::Value;
use simulator::signal::{COOLANT, ODOMETER};
use tempfile::TempDir;
use uuid::Uuid;

use crate::reload::agree;
use crate::world::road::{petrol, trip, with};
use crate::world::{Advisor, Filled, NewCar, SOON, Scene, eventually, morning, run};

const STEP: Span = Span::from_secs(10);
const CARS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn rule(key: &str, version: u32, severity: &str, component: &str) -> String {
    format!(
        r#"[[rule]]
key = "{key}"
version = {version}
component = "{component}"
title = {{ zh-CN = "水温", en = "Warm" }}
reason = {{ zh-CN = "水温{{value}}°C", en = "Coolant at {{value}} °C" }}
scope = {{ powertrain = ["ice"] }}
when = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature > 95"
severity = "{severity}"
operations = ["diagnose_cooling"]
template = "fault_soon"
purpose = "diagnostics"
source = "test"
"#
    )
}

fn write(overlay: &Path, mild_version: u32, more: &str) -> anyhow::Result<()> {
    fs::create_dir_all(overlay.join("rules"))?;
    let (mild, grave) =
        (rule("own.mild", mild_version, "S3", "engine.oil"), rule("own.grave", 1, "S2", "engine.cooling"));
    Ok(fs::write(overlay.join("rules/own.toml"), format!("{mild}{grave}{more}"))?)
}

async fn scene(overlay: &TempDir) -> anyhow::Result<Scene> {
    write(overlay.path(), 3, "")?;
    let cars: Vec<NewCar> = CARS.iter().chain(&["late"]).map(|id| NewCar::petrol(id, morning())).collect();
    let path = overlay.path().to_string_lossy().into_owned();
    Scene::open_with(&cars, |setup| setup.set("catalogue.overlay", &path).set("catalogue.learn_every", "1s")).await
}

async fn api(person: &Advisor) -> anyhow::Result<Value> {
    let (status, text) = person.page("/api/rules").await?;
    anyhow::ensure!(status == StatusCode::OK, "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

fn line<'a>(answer: &'a Value, key: &str) -> &'a Value {
    answer["rules"].as_array().and_then(|rules| rules.iter().find(|rule| rule["key"] == key)).unwrap_or(&Value::Null)
}

/// Two minutes with warm coolant.
async fn warm(scene: &Scene, id: &str) -> anyhow::Result<()> {
    let mut car = scene.car(id).await?;
    let now = morning();
    let last = car.drive(trip(now - Span::from_mins(2), now, STEP).map(|frame| with(frame, COOLANT, 97.0))).await?;
    car.committed(last).await?;
    Ok(())
}

/// Brings the car's order into the workshop and judges both of its lines, all of it at the console.
async fn finds_nothing(scene: &Scene, li: &Advisor, id: &str) -> anyhow::Result<()> {
    let order = scene.ledger.order_on(id, "engine.oil").await?.order_id;
    for to in ["triaged", "contacted", "booked", "parts_ready", "checked_in"] {
        let filled = Filled { because: "", odometer_km: "48000", appointment_at: "2026-03-03T09:00" };
        let status = li.move_order(order, version(scene, order).await?, to, filled).await?;
        anyhow::ensure!(status == StatusCode::SEE_OTHER, "{to}: {status}");
    }
    let cases: Vec<Uuid> = sqlx::query_scalar("select case_id from work_order_line where order_id = $1")
        .bind(order)
        .fetch_all(scene.ledger.pool())
        .await?;
    assert_eq!(cases.len(), 2, "one visit for both");
    for case in cases {
        let (version, case) = (version(scene, order).await?.to_string(), case.to_string());
        let form = [("version", &*version), ("case_id", &*case), ("verdict", "no_fault_found"), ("work", "done")];
        li.post(&format!("/orders/{order}/verdict"), &form).await?;
    }
    Ok(())
}

async fn version(scene: &Scene, order: Uuid) -> anyhow::Result<i32> {
    let query = sqlx::query_scalar("select version from work_order where order_id = $1").bind(order);
    Ok(query.fetch_one(scene.ledger.pool()).await?)
}

#[tokio::test]
async fn a_rule_that_is_seldom_right_demotes_itself_and_a_grave_one_gives_its_author_a_task() -> anyhow::Result<()> {
    let overlay = tempfile::tempdir()?;
    let mut scene = scene(&overlay).await?;
    let (chen, li) = (Advisor::log_in(&scene.premend, "chen").await?, Advisor::log_in(&scene.premend, "li").await?);
    for id in CARS {
        warm(&scene, id).await?;
        finds_nothing(&scene, &li, id).await?;
    }
    let given = "select count(*) from work_order_line where verdict = 'no_fault_found' and verdict_at is not null";
    assert_eq!(scene.ledger.count(given).await?, 12);

    let answer = eventually("the mild rule is demoted", SOON, || async {
        let answer = api(&chen).await?;
        Ok((!line(&answer, "own.mild")["demoted"].is_null()).then_some(answer))
    })
    .await?;
    assert!(line(&answer, "own.grave")["demoted"].is_null(), "{answer}");
    assert_eq!(line(&answer, "own.grave")["verdicts"]["refuted"], 6);
    assert!((line(&answer, "own.grave")["precision"].as_f64().unwrap() - 7.0 / 16.0).abs() < 0.01);
    let entries: Vec<&Value> =
        answer["activations"].as_array().unwrap().iter().filter(|entry| entry["origin"] == "job").collect();
    let said: Vec<&str> = entries
        .iter()
        .flat_map(|entry| entry["changes"].as_array().unwrap())
        .filter_map(|change| change["learned"].as_str())
        .collect();
    assert!(said.iter().any(|what| what.ends_with("demoted to shadow")), "{said:?}");
    assert!(entries.iter().all(|entry| entry["author"] == "premend" && entry["needs_approval"] == false));

    // Both authors hear of it; whoever looks after the rules closes the task.
    let answer = eventually("both tasks", SOON, || async {
        let answer = api(&chen).await?;
        Ok((answer["tasks"].as_array().is_some_and(|tasks| tasks.len() == 2)).then_some(answer))
    })
    .await?;
    let task = |what: &str| answer["tasks"].as_array().unwrap().iter().find(|task| task["what"] == what).unwrap();
    assert_eq!(task("demoted")["rule"], "own.mild");
    assert_eq!(task("performs_badly")["rule"], "own.grave");
    let (_, page) = chen.page("/rules").await?;
    assert!(page.contains("已降级为影子") && page.contains("待规则作者处理"), "{page}");
    li.post(&format!("/rules/tasks/{}/close", task("demoted")["id"]), &[]).await?;
    chen.post(&format!("/rules/tasks/{}/close", task("demoted")["id"]), &[]).await?;
    scene.ledger.becomes("select count(*) from rule_task where closed_by = 'chen'", 1).await?;
    scene.ledger.becomes("select count(*) from rule_task where closed_at is null", 1).await?;
    assert!(scene.premend.metric("premend_rules_demoted").await? > 0.5);

    let listed = scene.premend.setup().clone().command(&["rules", "list", "--in-force"]);
    let (status, output) = run(&listed, SOON).await?;
    let demoted = output.lines().find(|line| line.contains("own.mild")).unwrap_or_default();
    assert!(status.success() && demoted.contains("demoted") && demoted.contains("6.0"), "{output}");
    // From here on its cases are shadows and nobody hears of them; the grave one is live.
    warm(&scene, "late").await?;
    let mode = |rule: &str, mode: &str| {
        format!(
            "select count(*) from vehicle_case where vehicle_id = 'late' and rule_key = '{rule}' and mode = '{mode}'"
        )
    };
    scene.ledger.becomes(&mode("own.mild", "shadow"), 1).await?;
    scene.ledger.becomes(&mode("own.grave", "live"), 1).await?;
    let told = "select (select count(*) from notification join vehicle_case using (case_id)
                        where vehicle_case.vehicle_id = 'late' and rule_key = 'own.mild')
                     + (select count(*) from review join vehicle_case using (case_id)
                        where vehicle_case.vehicle_id = 'late' and rule_key = 'own.mild')";
    assert_eq!(scene.ledger.count(told).await?, 0);
    // A case that was open is withdrawn with its reason at the car's next word.
    let mut car = scene.car("a").await?;
    car.next_seq = 13;
    let last = car.drive([with(petrol(morning() + STEP, 0), COOLANT, 97.0)]).await?;
    car.committed(last).await?;
    let withdrawn = "select count(*) from finding join vehicle_case using (case_id) where vehicle_id = 'a'
                     and finding.rule_key = 'own.mild' and closed_because like '%its rule is demoted to shadow%'";
    scene.ledger.becomes(withdrawn, 1).await?;
    let (_, why) = chen.page("/api/vehicles/late/explain/own.mild").await?;
    assert!(why.contains("demoted to shadow on 2026-03-02") && why.contains("= probability 1.00 x precision"), "{why}");

    // Neither other rules nor a kill forget it; a new version begins anew.
    write(overlay.path(), 3, &rule("own.news", 1, "S4", "engine.oil"))?;
    let olivia = Advisor::log_in(&scene.premend, "oem").await?;
    agree(&olivia).await?;
    eventually("the other rule", SOON, || async {
        Ok((!line(&api(&chen).await?, "own.news").is_null()).then_some(()))
    })
    .await?;
    assert!(!line(&api(&chen).await?, "own.mild")["demoted"].is_null());
    let active = "select count(*) from activation where state = 'active' and rule_set_hash = (
                      select rule_set_hash from activation order by activation_id desc limit 1)";
    scene.ledger.becomes(active, 1).await?;
    let in_force = async |scene: &Scene| -> anyhow::Result<Vec<u8>> {
        let query = sqlx::query_scalar("select rule_set_hash from activation where state = 'active'");
        Ok(query.fetch_one(scene.ledger.pool()).await?)
    };
    let before = in_force(&scene).await?;
    scene.restart_at(morning() + Span::from_mins(5)).await?;
    assert_eq!(in_force(&scene).await?, before);
    let chen = Advisor::log_in(&scene.premend, "chen").await?;
    assert!(!line(&api(&chen).await?, "own.mild")["demoted"].is_null());
    write(overlay.path(), 4, "")?;
    agree(&Advisor::log_in(&scene.premend, "oem").await?).await?;
    eventually("the new version is live", SOON, || async {
        let answer = api(&chen).await?;
        let line = line(&answer, "own.mild");
        Ok((line["version"] == 4 && line["demoted"].is_null()).then_some(()))
    })
    .await
}

/// Ten degrees above what is usual for a car of its model and mileage, and no figure of anybody.
const HOTTER: &str = r#"[[rule]]
key = "own.hotter"
version = 1
component = "engine.cooling"
title = { zh-CN = "水温偏高", en = "Hotter than its like" }
reason = { zh-CN = "水温{value}°C", en = "Coolant at {value} °C" }
when = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature > cohort(Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature, 0.9) + 10"
severity = "S4"
purpose = "diagnostics"
source = "test"
"#;

#[tokio::test]
async fn what_is_usual_is_learned_from_the_fleet_and_a_car_is_compared_with_its_like() -> anyhow::Result<()> {
    let overlay = tempfile::tempdir()?;
    fs::create_dir_all(overlay.path().join("rules"))?;
    fs::write(overlay.path().join("rules/own.toml"), HOTTER)?;
    let path = overlay.path().to_string_lossy().into_owned();
    let usual: Vec<String> = (0..32).map(|number| format!("usual-{number}")).collect();
    let ids = usual.iter().map(String::as_str).chain(["early", "late"]);
    let cars: Vec<NewCar> = ids.map(|id| NewCar::petrol(id, morning())).collect();
    let setup = |setup: crate::world::Setup| setup.set("catalogue.overlay", &path).set("catalogue.learn_every", "1s");
    let mut scene = Scene::open_with(&cars, setup).await?;
    let drives = async |scene: &Scene, id: &str, celsius: f64, end: rules::unit::Time| -> anyhow::Result<()> {
        let mut car = scene.car(id).await?;
        let frame = |frame| with(with(frame, COOLANT, celsius), ODOMETER, 31_000_000.0);
        let last = car.drive(trip(end - Span::from_mins(1), end, STEP).map(frame)).await?;
        car.committed(last).await?;
        Ok(())
    };
    for (number, id) in usual.iter().enumerate() {
        drives(&scene, id, 78.0 + number as f64 / 4.0, morning()).await?;
    }
    // Nobody knows yet what is usual.
    drives(&scene, "early", 99.0, morning()).await?;
    let hotter = |id: &str| {
        format!(
            "select count(*) from vehicle_case where vehicle_id = '{id}' and rule_key = 'own.hotter' and status = 'open'"
        )
    };
    assert_eq!(scene.ledger.count(&hotter("early")).await?, 0);

    // The job looks at snapshots once a day, and at every start; the first start after the drives writes them.
    scene.restart_at(morning() + Span::from_mins(3)).await?;
    scene.ledger.becomes("select count(*) from vehicle_snapshot where vehicle_id <> 'late'", 33).await?;
    let later = morning() + Span::from_mins(5);
    scene.restart_at(later).await?;
    let chen = Advisor::log_in(&scene.premend, "chen").await?;
    let learned = eventually("the cohort is learned", SOON, || async {
        let answer = api(&chen).await?;
        let entries = answer["activations"].as_array().into_iter().flatten();
        let mut changes =
            entries.filter(|entry| entry["state"] == "active").filter_map(|entry| entry["changes"].as_array().cloned());
        Ok(changes.find_map(|all| all.iter().find_map(|change| change["learned"].as_str().map(str::to_owned))))
    })
    .await?;
    assert!(learned.contains("unknown -> 8") && learned.contains("(33 vehicles)"), "{learned}");
    drives(&scene, "usual-0", 84.0, later).await?;
    drives(&scene, "late", 99.0, later).await?;
    scene.ledger.becomes(&hotter("late"), 1).await?;
    assert_eq!(scene.ledger.count(&hotter("usual-0")).await?, 0);
    let (_, why) = chen.page("/api/vehicles/late/explain/own.hotter").await?;
    assert!(why.contains("33 vehicles"), "{why}");
    Ok(())
}
