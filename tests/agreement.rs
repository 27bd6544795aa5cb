//! There is one set of rules, and nobody disarms it: not one dealer for every other, not the operator by a file, and
//! not two people of the manufacturer together.

use std::fs;
use std::path::Path;

use engine::seed::demo::demo_dealer;
use engine::store::account::{self, Account};
use engine::store::session::{As, LOG_IN, Scope, begin_as};
use reqwest::StatusCode;
use rules::catalogue::{Catalogue, Entry, EntryKind, entries};
use rules::unit::{Severity, Span};
use serde_json::{Value, json};
use simulator::signal::COOLANT;
use tempfile::TempDir;
use uuid::Uuid;

use crate::console::{in_language, log_in, see};
use crate::reload::agree;
use crate::world::road::{trip, with};
use crate::world::{Advisor, Browser, Database, NewCar, SOON, Scene, Screen, Setup, eventually, morning, run};

const STEP: Span = Span::from_secs(10);

/// A shipped entry with some of its fields changed, as the file of an overlay.
fn changed(kind: EntryKind, key: &str, toml: &str) -> (String, String) {
    let builtin = Catalogue::builtin().unwrap();
    let all = entries(builtin.files());
    let entry = &all[&(kind, key.to_owned())];
    let mut written = entry.written.clone();
    written.extend(toml::from_str::<toml::Table>(toml).unwrap());
    (entry.file.clone(), Entry::as_file(kind, &written).unwrap())
}

/// Each takes S1 of a boiling engine away, by another kind of entry.
fn disarming() -> Vec<(&'static str, (String, String))> {
    let signal = |toml| changed(EntryKind::Signal, COOLANT, toml);
    vec![
        ("purpose", signal("purpose = \"marketing\"")),
        ("powertrains", signal("powertrains = [\"bev\"]")),
        ("sentinels", signal("sentinels = [126.0]")),
        ("range", signal("range = [-40.0, 131.0]")),
        ("unit", signal("unit = \"K\"")),
        ("max_gap", signal("max_gap = \"1s\"")),
        ("max_rate", signal("max_rate = 0.0001")),
        ("stuck_after", signal("stuck_after = \"1s\"")),
        ("mode", changed(EntryKind::Rule, "engine.overheat_stop", "version = 99\nmode = \"shadow\"")),
        ("severity", changed(EntryKind::Rule, "engine.overheat_stop", "version = 99\nseverity = \"S4\"")),
        ("P0217", changed(EntryKind::FaultCode, "[\"P0217\"]", "severity = \"S4\"")),
        (
            "compact-ice",
            changed(
                EntryKind::Model,
                "compact-ice",
                "powertrain = \"bev\"\nplan = \"bev\"\nnominal = { tyre_placard_kpa = 230, low_voltage_v = 12, pack_v = 350, pack_ah = 100, cells = 96 }",
            ),
        ),
    ]
}

fn rule(key: &str, severity: &str, more: &str) -> String {
    format!(
        r#"[[rule]]
key = "{key}"
version = 1
component = "engine.oil"
title = {{ zh-CN = "水温", en = "Warm" }}
reason = {{ zh-CN = "水温{{value}}°C", en = "Coolant at {{value}} °C" }}
when = "{COOLANT} > 95"
severity = "{severity}"
purpose = "diagnostics"
source = "test"
{more}
"#
    )
}

async fn api(person: &Advisor) -> anyhow::Result<Value> {
    let (status, text) = person.page("/api/rules").await?;
    anyhow::ensure!(status == StatusCode::OK, "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

fn knows(answer: &Value, key: &str) -> bool {
    answer["rules"].as_array().is_some_and(|rules| rules.iter().any(|rule| rule["key"] == key))
}

async fn propose(person: &Advisor, file: &str, text: &str) -> anyhow::Result<(StatusCode, Value)> {
    person.send_json("/api/rules", &json!({ "reason": "a try", "files": { file: text } })).await
}

async fn scene(overlay: &TempDir) -> anyhow::Result<Scene> {
    let cars = [NewCar::petrol("a", morning()), NewCar { dealer: 1, ..NewCar::petrol("b", morning()) }];
    let path = overlay.path().to_string_lossy().into_owned();
    Scene::open_with(&cars, |setup| setup.set("catalogue.overlay", &path)).await
}

async fn in_force(scene: &Scene) -> anyhow::Result<Vec<u8>> {
    let query = sqlx::query_scalar("select rule_set_hash from activation where state = 'active'");
    Ok(query.fetch_one(scene.ledger.pool()).await?)
}

/// Two minutes at a temperature.
async fn drives(scene: &Scene, id: &str, celsius: f64) -> anyhow::Result<crate::world::Car> {
    let mut car = scene.car(id).await?;
    let now = morning();
    let frames = trip(now - Span::from_mins(2), now, STEP).map(|frame| with(frame, COOLANT, celsius));
    let last = car.drive(frames).await?;
    car.committed(last).await?;
    Ok(car)
}

fn lay(overlay: &Path, (file, text): &(String, String)) -> anyhow::Result<()> {
    let path = overlay.join(file);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, text)?)
}

#[tokio::test]
async fn nobody_disarms_a_stop_now_rule_by_any_entry_or_door() -> anyhow::Result<()> {
    let overlay = tempfile::tempdir()?;
    let mut scene = scene(&overlay).await?;
    let (chen, olivia) =
        (Advisor::log_in(&scene.premend, "chen").await?, Advisor::log_in(&scene.premend, "oem").await?);
    let before = in_force(&scene).await?;

    for (what, (file, text)) in disarming() {
        // A dealer's manager: it is not theirs, whatever it says.
        let (status, answer) = propose(&chen, &file, &text).await?;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{what}: {answer}");
        // The manufacturer: it would lose safety, and nobody can agree to it.
        let (status, answer) = propose(&olivia, &file, &text).await?;
        let error = answer["error"].as_str().unwrap_or_default();
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{what}: {answer}");
        // Another unit does not even load: the rule's texts have the old one.
        let named = ["S1 engine.overheat_stop", "S1 fault_code.stop_now", "rule `engine.overheat_stop`"];
        assert!(named.iter().any(|rule| error.contains(rule)), "{what}: {error}");
        assert!(error.contains(what) || error.contains("is in `K`"), "{what}: {error}");
    }
    let refused = "select count(*) from activation where state = 'rejected' and proof->'losses'->0->>'severity' = 'S1'";
    // All but the one that did not load.
    scene.ledger.becomes(refused, disarming().len() as i64 - 1).await?;
    assert_eq!(scene.ledger.count("select count(*) from activation where state = 'waiting'").await?, 0);

    // The operator: by a file, and by a signal.
    let (_, file) = disarming().swap_remove(0);
    lay(overlay.path(), &file)?;
    scene.premend.process().signal(rustix::process::Signal::HUP)?;
    eventually("the page says why", SOON, || async {
        let said =
            api(&olivia).await?["problem"].as_str().is_some_and(|problem| problem.contains("S1 engine.overheat_stop"));
        Ok(said.then_some(()))
    })
    .await?;
    let (_, page) = olivia.page("/rules").await?;
    assert!(page.contains("Refused, because safety would be lost"), "{page}");

    // Somebody who writes to the table is stopped by the table.
    let cheat = "update activation set state = 'approved' where state = 'rejected'";
    assert!(sqlx::query(cheat).execute(scene.ledger.pool()).await.is_err());

    assert_eq!(in_force(&scene).await?, before);
    let mut car = drives(&scene, "a", 126.0).await?;
    let severity = |down: &ingest::down::Down| match down {
        ingest::down::Down::Notice(notice) => Some(notice.severity),
        _ => None,
    };
    assert_eq!(car.hears("stop now", severity).await?, Severity::S1);
    Ok(())
}

#[tokio::test]
async fn a_restart_with_a_disarming_directory_runs_what_was_in_force_and_a_first_start_does_not_begin()
-> anyhow::Result<()> {
    let overlay = tempfile::tempdir()?;
    let mut scene = scene(&overlay).await?;
    let before = in_force(&scene).await?;
    let (_, file) = disarming().swap_remove(3);
    lay(overlay.path(), &file)?;
    scene.restart_at(morning() + Span::from_mins(5)).await?;
    assert_eq!(in_force(&scene).await?, before);

    let checked = scene.premend.setup().clone().command(&["rules", "check"]);
    let (status, output) = run(&checked, SOON).await?;
    assert!(!status.success() && output.contains("S1 engine.overheat_stop") && output.contains("range"), "{output}");
    let fresh = tempfile::tempdir()?;
    lay(fresh.path(), &file)?;
    let path = fresh.path().to_string_lossy().into_owned();
    let database = Database::create().await?;
    let setup = Setup::serve(database.url()).set("catalogue.overlay", &path);
    let (status, output) = run(&setup, SOON).await?;
    assert!(!status.success() && output.contains("S1 engine.overheat_stop"), "{output}");
    Ok(())
}

#[tokio::test]
async fn a_dealer_proposes_mild_rules_for_its_own_vehicles_and_the_manufacturer_agrees() -> anyhow::Result<()> {
    let overlay = tempfile::tempdir()?;
    let scene = scene(&overlay).await?;
    let (chen, maya) = (Advisor::log_in(&scene.premend, "chen").await?, Advisor::log_in(&scene.premend, "maya").await?);
    let olivia = Advisor::log_in(&scene.premend, "oem").await?;
    let theirs = demo_dealer(1);

    for (text, said) in [
        (rule("own.warm", "S2", ""), "own.warm"),
        (rule("own.warm", "S1", ""), "own.warm"),
        (rule("engine.overheat_stop", "S3", ""), "engine.overheat_stop"),
        (rule("engine.overheat", "S3", "mode = \"shadow\""), "engine.overheat"),
        (rule("own.warm", "S3", &format!("scope = {{ dealer = [\"{theirs}\"] }}")), "another dealer"),
        (rule("own.warm", "S3", "template = \"stop_now\""), "stop_now"),
    ] {
        let (status, answer) = propose(&chen, "rules/own.toml", &text).await?;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
        assert!(answer["error"].as_str().is_some_and(|error| error.contains(said)), "{said}: {answer}");
    }
    let own = json!({ "reason": "x", "dealer": theirs, "files": { "rules/own.toml": rule("own.warm", "S3", "") } });
    assert_eq!(chen.send_json("/api/rules", &own).await?.0, StatusCode::UNPROCESSABLE_ENTITY);

    let (status, answer) = propose(&chen, "rules/own.toml", &rule("own.warm", "S3", "")).await?;
    assert_eq!((status, &answer["needs_approval"]), (StatusCode::ACCEPTED, &json!(true)), "{answer}");
    let id = answer["activation"].as_i64().unwrap();
    let form = [("answer", "approve")];
    for person in [&chen, &maya] {
        assert_eq!(person.post(&format!("/rules/{id}/answer"), &form).await?, StatusCode::FORBIDDEN);
    }
    let sees = |answer: &Value| answer["activations"].as_array().unwrap().iter().any(|one| one["id"] == id);
    assert!(sees(&api(&chen).await?) && sees(&api(&olivia).await?) && !sees(&api(&maya).await?));
    assert_eq!(agree(&olivia).await?, id);
    eventually("the dealer's rule is in force", SOON, || async {
        Ok(knows(&api(&chen).await?, "own.warm").then_some(()))
    })
    .await?;
    assert!(!knows(&api(&maya).await?, "own.warm"), "another dealer's rule is nobody's business");

    // It runs on the dealer's own vehicles only.
    drives(&scene, "a", 97.0).await?;
    drives(&scene, "b", 97.0).await?;
    let cases =
        |id: &str| format!("select count(*) from vehicle_case where vehicle_id = '{id}' and rule_key = 'own.warm'");
    scene.ledger.becomes(&cases("a"), 1).await?;
    assert_eq!(scene.ledger.count(&cases("b")).await?, 0);
    assert_eq!(chen.page("/api/vehicles/a/explain/own.warm").await?.0, StatusCode::OK);
    assert_eq!(maya.page("/api/vehicles/b/explain/own.warm").await?.0, StatusCode::NOT_FOUND);

    // What the manufacturer proposes keeps it, and another dealer cannot take its key.
    let (status, answer) = propose(&maya, "rules/own.toml", &rule("own.warm", "S4", "")).await?;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let (status, _) = propose(&olivia, "rules/oem.toml", &rule("oem.warm", "S3", "")).await?;
    assert_eq!(status, StatusCode::ACCEPTED);
    agree(&Advisor::log_in(&scene.premend, "oem2").await?).await?;
    eventually("both are in force", SOON, || async {
        let answer = api(&olivia).await?;
        Ok((knows(&answer, "own.warm") && knows(&answer, "oem.warm")).then_some(()))
    })
    .await?;
    // The manufacturer takes it away again.
    let own = demo_dealer(0);
    let body = json!({ "reason": "too many", "dealer": own, "files": {} });
    assert_eq!(olivia.send_json("/api/rules", &body).await?.0, StatusCode::ACCEPTED);
    agree(&Advisor::log_in(&scene.premend, "oem2").await?).await?;
    eventually("it is gone", SOON, || async { Ok((!knows(&api(&chen).await?, "own.warm")).then_some(())) }).await?;
    assert!(knows(&api(&olivia).await?, "oem.warm"));
    Ok(())
}

#[tokio::test]
async fn what_was_read_is_what_is_agreed_to_and_by_somebody_else() -> anyhow::Result<()> {
    let overlay = tempfile::tempdir()?;
    let scene = scene(&overlay).await?;
    let (olivia, oscar) =
        (Advisor::log_in(&scene.premend, "oem").await?, Advisor::log_in(&scene.premend, "oem2").await?);
    let mut ids = Vec::new();
    for key in ["own.one", "own.other"] {
        let (status, answer) = propose(&olivia, "rules/own.toml", &rule(key, "S3", "")).await?;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        ids.push(answer["activation"].as_i64().unwrap());
    }
    // The same person by another account is the same person.
    let mut tx =
        begin_as(scene.ledger.pool(), As::Person { dealer: Scope::Nobody, account: None, purpose: LOG_IN }).await?;
    let (own, hash) = account::by_login(&mut tx, "oem").await?.unwrap();
    let display_name = " oem  Quality desk".to_owned();
    let twin = Account { account_id: Uuid::from_u128(7), login: "olivia".to_owned(), display_name, ..own };
    account::add(&mut tx, &twin, &hash).await?;
    tx.commit().await?;
    let twin = Advisor::log_in(&scene.premend, "olivia").await?;
    let form = [("answer", "approve")];
    for person in [&olivia, &twin] {
        person.post(&format!("/rules/{}/answer", ids[0]), &form).await?;
    }
    assert_eq!(scene.ledger.count("select count(*) from activation where state = 'waiting'").await?, 2);

    oscar.post(&format!("/rules/{}/answer", ids[0]), &form).await?;
    eventually("the first is in force", SOON, || async { Ok(knows(&api(&olivia).await?, "own.one").then_some(())) })
        .await?;
    // The other would now take the first one away, which nobody has read.
    oscar.post(&format!("/rules/{}/answer", ids[1]), &form).await?;
    let stale = format!(
        "select count(*) from activation where activation_id = {} and state = 'rejected' and reason like '%changed since%'",
        ids[1]
    );
    scene.ledger.becomes(&stale, 1).await?;
    let answer = api(&olivia).await?;
    assert!(knows(&answer, "own.one") && !knows(&answer, "own.other"));

    // What was in force before anybody had to agree comes back by two people only.
    sqlx::query("update activation set proof = null where state = 'replaced'").execute(scene.ledger.pool()).await?;
    let first = "select min(activation_id) from activation";
    let first = scene.ledger.count(first).await?;
    olivia.post(&format!("/rules/{first}/return"), &[]).await?;
    assert!(knows(&api(&olivia).await?, "own.one"));
    agree(&oscar).await?;
    eventually("the first set is back", SOON, || async { Ok((!knows(&api(&olivia).await?, "own.one")).then_some(())) })
        .await
}

#[tokio::test]
async fn the_page_shows_who_proposed_what_every_field_of_it_and_what_was_proved() -> anyhow::Result<()> {
    let overlay = tempfile::tempdir()?;
    let scene = scene(&overlay).await?;
    let (chen, olivia) =
        (Advisor::log_in(&scene.premend, "chen").await?, Advisor::log_in(&scene.premend, "oem").await?);
    let (signal, signal_text) = changed(EntryKind::Signal, COOLANT, "range = [-40.0, 160.0]");
    let (words, words_text) =
        changed(EntryKind::Template, "overheating (en)", "in_car = \"Overheating! Stop the car, switch off\"");
    let body = json!({ "reason": "sensors of 2027", "files": { signal: signal_text, words: words_text } });
    assert_eq!(olivia.send_json("/api/rules", &body).await?.0, StatusCode::ACCEPTED);
    let (file, text) = disarming().swap_remove(0).1;
    assert_eq!(propose(&olivia, &file, &text).await?.0, StatusCode::UNPROCESSABLE_ENTITY);
    let body = json!({ "reason": "请水温偏高的车先进店", "files": { "rules/own.toml": rule("own.warm", "S3", "") } });
    assert_eq!(chen.send_json("/api/rules", &body).await?.0, StatusCode::ACCEPTED);

    let (_, page) = Advisor::log_in(&scene.premend, "oem2").await?.page("/rules").await?;
    for said in [
        "sensors of 2027",
        COOLANT,
        "[-40, 140]",
        "[-40, 160]",
        "overheating (en)",
        "Overheating! Stop the car, switch off",
        "own.warm",
        "scope.dealer",
        "for the vehicles of 申江汽车服务中心 only",
        "drives of the S1 drill hold",
        "purpose of signal",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let (_, page) = chen.page("/rules").await?;
    assert!(page.contains("由主机厂决定") && !page.contains("value=\"approve\""), "{page}");
    for (screen, language) in [(Screen::Desk, "en"), (Screen::Phone, "zh-CN")] {
        let browser = Browser::open(screen).await?;
        log_in(&browser, &scene.premend, "oem2").await?;
        in_language(&browser, language).await?;
        browser.goto(&scene.premend.url("/rules")).await?;
        see(&browser, "rules-proposed", screen, language).await?;
        browser.close().await?;
    }
    Ok(())
}
