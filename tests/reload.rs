//! Rules change while vehicles drive: whole or not at all, with author and reason, and what can change a decision or a
//! text only after a second person agreed. Nothing that runs loses its state.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use rules::unit::Span;
use serde_json::{Value, json};
use simulator::signal::COOLANT;
use tempfile::TempDir;

use crate::world::road::{petrol, trip, with};
use crate::world::{Advisor, NewCar, SOON, Scene, eventually, morning};

const STEP: Span = Span::from_secs(10);

/// A rule about coolant of a severity, version and limit.
fn rule(version: u32, severity: &str, limit: u32) -> String {
    format!(
        r#"[[rule]]
key = "own.warm"
version = {version}
component = "engine.cooling"
title = {{ zh-CN = "水温", en = "Warm" }}
reason = {{ zh-CN = "水温{{value}}°C", en = "Coolant at {{value}} °C" }}
scope = {{ powertrain = ["ice"] }}
when = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature > {limit}"
severity = "{severity}"
operations = ["diagnose_cooling"]
purpose = "diagnostics"
source = "test"
"#
    )
}

fn write(overlay: &Path, text: &str) -> anyhow::Result<()> {
    fs::create_dir_all(overlay.join("rules"))?;
    Ok(fs::write(overlay.join("rules/own.toml"), text)?)
}

async fn scene(overlay: &TempDir) -> anyhow::Result<Scene> {
    let cars = [NewCar::petrol("a", morning()), NewCar::petrol("b", morning())];
    let path = overlay.path().to_string_lossy().into_owned();
    Scene::open_with(&cars, |setup| setup.set("catalogue.overlay", &path)).await
}

/// What the API says of rules and history.
async fn rules(person: &Advisor) -> anyhow::Result<Value> {
    let (status, text) = person.page("/api/rules").await?;
    anyhow::ensure!(status == StatusCode::OK, "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

fn version(answer: &Value) -> Option<u64> {
    answer["rules"].as_array()?.iter().find(|rule| rule["key"] == "own.warm")?["version"].as_u64()
}

async fn becomes(person: &Advisor, wanted: Option<u64>) -> anyhow::Result<()> {
    eventually(format!("version {wanted:?} of the rule"), SOON, || async {
        Ok((version(&rules(person).await?) == wanted).then_some(()))
    })
    .await
}

/// Agrees to the proposal that waits, as soon as there is one.
pub async fn agree(person: &Advisor) -> anyhow::Result<i64> {
    let waiting = eventually("a proposal waits", SOON, || async {
        let answer = rules(person).await?;
        let entry = answer["activations"].as_array().and_then(|all| all.iter().find(|one| one["state"] == "waiting"));
        Ok(entry.and_then(|entry| entry["id"].as_i64()))
    })
    .await?;
    person.post(&format!("/rules/{waiting}/answer"), &[("answer", "approve")]).await?;
    Ok(waiting)
}

#[tokio::test]
async fn a_changed_file_takes_effect_and_a_broken_one_changes_nothing() -> anyhow::Result<()> {
    let overlay = tempfile::tempdir()?;
    let scene = scene(&overlay).await?;
    let (chen, olivia) =
        (Advisor::log_in(&scene.premend, "chen").await?, Advisor::log_in(&scene.premend, "oem").await?);
    becomes(&chen, None).await?;

    // The operator who writes to the directory is one person; another one agrees.
    write(overlay.path(), &rule(1, "S4", 95))?;
    let proposed = agree(&olivia).await?;
    becomes(&chen, Some(1)).await?;
    let entry = rules(&chen).await?["activations"][0].clone();
    assert_eq!((entry["id"].as_i64(), entry["author"].as_str()), (Some(proposed), Some("operator")));
    assert!(entry["proof"]["courses"].as_u64().is_some_and(|courses| courses > 100), "{entry}");
    let now = morning();
    let mut car = scene.car("a").await?;
    let warm = trip(now - Span::from_mins(2), now, STEP).map(|frame| with(frame, COOLANT, 97.0));
    let last = car.drive(warm).await?;
    car.committed(last).await?;
    let version_of_case = "select count(*) from vehicle_case where vehicle_id = 'a' and rule_key = 'own.warm' and rule_version = 1 and status = 'open'";
    scene.ledger.becomes(version_of_case, 1).await?;

    // The next version keeps the open finding; only its own end closes it.
    write(overlay.path(), &rule(2, "S4", 90))?;
    agree(&olivia).await?;
    becomes(&chen, Some(2)).await?;
    let last = car.drive([with(petrol(now + Span::from_secs(10), 0), COOLANT, 97.0)]).await?;
    car.committed(last).await?;
    scene
        .ledger
        .becomes("select count(*) from vehicle_case where vehicle_id = 'a' and rule_key = 'own.warm'", 1)
        .await?;

    write(overlay.path(), "[[rule]]\nkey = \"own.warm\"\nversion = 3\nwhen = \"Vehicle.Sped > 3\"\n")?;
    let problem = eventually("the problem is said", SOON, || async {
        Ok(rules(&chen).await?["problem"].as_str().map(str::to_owned))
    })
    .await?;
    assert!(problem.contains("rules/own.toml"), "{problem}");
    assert_eq!(version(&rules(&chen).await?), Some(2), "what was in force goes on");

    // The same version with another meaning would make two rules of one name.
    write(overlay.path(), &rule(2, "S4", 80))?;
    eventually("the version is asked for", SOON, || async {
        let said = rules(&chen).await?["problem"].as_str().is_some_and(|problem| problem.contains("version has not"));
        Ok(said.then_some(()))
    })
    .await?;

    // A removed rule withdraws what it had open, at the vehicle's next word.
    fs::remove_file(overlay.path().join("rules/own.toml"))?;
    agree(&olivia).await?;
    becomes(&chen, None).await?;
    let last = car.drive([with(petrol(now + Span::from_secs(20), 0), COOLANT, 97.0)]).await?;
    car.committed(last).await?;
    let withdrawn =
        "select count(*) from vehicle_case where vehicle_id = 'a' and rule_key = 'own.warm' and status = 'withdrawn'";
    scene.ledger.becomes(withdrawn, 1).await
}

#[tokio::test]
async fn what_changes_decisions_waits_for_a_second_person() -> anyhow::Result<()> {
    let overlay = tempfile::tempdir()?;
    let mut scene = scene(&overlay).await?;
    let (chen, olivia) =
        (Advisor::log_in(&scene.premend, "chen").await?, Advisor::log_in(&scene.premend, "oem").await?);
    let oscar = Advisor::log_in(&scene.premend, "oem2").await?;
    let body = json!({ "reason": "coolant runs warm in summer", "files": { "rules/own.toml": rule(1, "S2", 95) } });
    let (status, answer) = olivia.send_json("/api/rules", &body).await?;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    assert_eq!(answer["needs_approval"], true);
    let activation = answer["activation"].as_i64().unwrap();
    let (_, page) = oscar.page("/rules").await?;
    assert!(page.contains("coolant runs warm in summer") && page.contains("own.warm"), "{page}");
    assert!(page.contains("drives of the S1 drill hold"), "{page}");

    // Its author cannot agree to it, nor can a dealer's manager.
    let answer = format!("/rules/{activation}/answer");
    olivia.post(&answer, &[("answer", "approve")]).await?;
    assert_eq!(chen.post(&answer, &[("answer", "approve")]).await?, StatusCode::FORBIDDEN);
    assert_eq!(version(&rules(&chen).await?), None);
    oscar.post(&answer, &[("answer", "approve")]).await?;
    becomes(&chen, Some(1)).await?;
    let history = rules(&chen).await?;
    let entry = &history["activations"][0];
    assert_eq!((entry["author"].as_str(), entry["decided_by"].as_str()), (Some("oem"), Some("oem2")));

    // A restart runs what was agreed to, not what lies on the disk.
    scene.restart_at(morning() + Span::from_mins(5)).await?;
    let chen = Advisor::log_in(&scene.premend, "chen").await?;
    becomes(&chen, Some(1)).await?;

    let first = history["activations"].as_array().unwrap().last().unwrap()["id"].as_i64().unwrap();
    assert_eq!(chen.post(&format!("/rules/{first}/return"), &[]).await?, StatusCode::FORBIDDEN);
    let olivia = Advisor::log_in(&scene.premend, "oem").await?;
    olivia.post(&format!("/rules/{first}/return"), &[]).await?;
    becomes(&chen, None).await?;

    let (status, refused) = chen.send_json("/api/rules", &json!({ "reason": " ", "files": {} })).await?;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
    let li = Advisor::log_in(&scene.premend, "li").await?;
    assert_eq!(li.page("/rules").await?.0, StatusCode::FORBIDDEN);
    let (status, reference) = chen.page("/rules/reference").await?;
    assert!(status == StatusCode::OK && reference.contains("not_followed_by"));
    Ok(())
}

#[tokio::test]
async fn a_signal_reads_the_directory_at_once() -> anyhow::Result<()> {
    let overlay = tempfile::tempdir()?;
    let mut scene = scene(&overlay).await?;
    let chen = Advisor::log_in(&scene.premend, "chen").await?;
    write(overlay.path(), &rule(1, "S4", 95))?;
    scene.premend.process().signal(rustix::process::Signal::HUP)?;
    agree(&Advisor::log_in(&scene.premend, "oem").await?).await?;
    becomes(&chen, Some(1)).await?;
    let entry = &rules(&chen).await?["activations"][0];
    assert_eq!(entry["origin"], "file");
    assert!(scene.premend.process().ended(Duration::from_millis(1)).await.is_err(), "it runs on");
    Ok(())
}
