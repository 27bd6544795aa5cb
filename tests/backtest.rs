//! A back-test decides what the engine decides: the same messages, once over the air and once from
//! files, give the same settled cases; and it says so where it cannot know.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ingest::topic;
use rules::unit::Span;
use serde_json::Value;
use simulator::fault::{Planted, fault};
use simulator::fleet::{FleetPlan, PlantedIn};

use crate::world::{Car, NewCar, Scene, Setup, eventually, morning, run};

const WITHIN: Duration = Duration::from_secs(120);

fn plan() -> anyhow::Result<FleetPlan> {
    let start = morning() - Span::from_days(2);
    let mut plan = FleetPlan::new(11, 6, start);
    plan.end = Some(morning() - Span::from_mins(1));
    let sound = plan.build()?;
    for (key, hour) in [("coolant-loss", 7), ("low-charging", 8), ("fast-leak", 9)] {
        let fault = fault(key).expect("it is a fault");
        let taken: BTreeSet<u32> = plan.faults.iter().filter_map(|planted| planted.vehicle).collect();
        let able =
            sound.iter().map(|car| &car.spec).find(|spec| fault.fits(&spec.model) && !taken.contains(&spec.number));
        let mut planted = Planted::new(fault, start + Span::from_hours(hour));
        planted.onset = Some(Span::from_hours(1));
        plan.faults.push(PlantedIn { planted, vehicle: able.map(|spec| spec.number) });
    }
    Ok(plan)
}

/// The fleet's messages as lines, and its vehicles as `--vehicles` wants them.
fn write_files(plan: &FleetPlan, directory: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let mut lines = String::new();
    for delivery in plan.deliveries()? {
        let payload = String::from_utf8(delivery.encode())?;
        let id = format!("{}{:05}", plan.prefix, delivery.number);
        writeln!(lines, "{{\"vehicle\":\"{id}\",{}", payload.strip_prefix('{').unwrap())?;
    }
    let mut vehicles = "vehicle,model,delivered_at\n".to_owned();
    for vehicle in plan.build()? {
        let spec = &vehicle.spec;
        writeln!(vehicles, "{},{},{}", spec.id, spec.model.key, spec.delivered_at)?;
    }
    let (messages, table) = (directory.join("fleet.ndjson"), directory.join("vehicles.csv"));
    fs::write(&messages, lines)?;
    fs::write(&table, vehicles)?;
    Ok((messages, table))
}

async fn backtest(arguments: &[&str]) -> anyhow::Result<Value> {
    let mut all = vec!["backtest", "--json", "-"];
    all.extend(arguments);
    let (status, output) = run(&Setup::serve("postgres://nowhere/none").command(&all), WITHIN).await?;
    anyhow::ensure!(status.success(), "{output}");
    Ok(serde_json::from_str(&output[output.find('{').unwrap()..])?)
}

type Row = (String, String, String, String, Option<String>);

fn cases(report: &Value) -> BTreeSet<Row> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let rows = report["sets"][0]["cases"].as_array().unwrap().iter();
    rows.map(|case| {
        (
            text(&case["vehicle"]).unwrap(),
            text(&case["component"]).unwrap(),
            text(&case["rule"]).unwrap(),
            text(&case["opened_at"]).unwrap(),
            text(&case["closed_at"]),
        )
    })
    .collect()
}

async fn live_cases(scene: &Scene) -> anyhow::Result<BTreeSet<Row>> {
    let shown = |at: chrono::DateTime<chrono::Utc>| rules::unit::Time::from_micros(at.timestamp_micros()).to_string();
    let settled = scene.ledger.settled().await?.into_iter().filter(|case| case.status != "withdrawn");
    Ok(settled
        .map(|case| (case.vehicle_id, case.component, case.rule_key, shown(case.opened_at), case.closed_at.map(shown)))
        .collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_test_decides_what_the_engine_decides() -> anyhow::Result<()> {
    let plan = plan()?;
    let directory = tempfile::tempdir()?;
    let (messages, vehicles) = write_files(&plan, directory.path())?;
    let (messages, vehicles) = (messages.to_str().unwrap(), vehicles.to_str().unwrap());
    let tried = backtest(&[messages, "--vehicles", vehicles]).await?;
    let again = backtest(&[messages, "--vehicles", vehicles, "--threads", "1", "--against", "builtin"]).await?;
    assert_eq!(cases(&tried), cases(&again), "the number of threads must not matter");
    assert_eq!(again["difference"]["only_in_first"], Value::Array(Vec::new()));
    assert_eq!(tried["read"]["refused"], serde_json::json!({}));

    let cars = plan.build()?.into_iter().map(|vehicle| {
        let usual = NewCar::petrol(vehicle.spec.id.as_str(), morning());
        NewCar { model: vehicle.spec.model.key, delivered_at: vehicle.spec.delivered_at, ..usual }
    });
    let scene = Scene::open(&cars.collect::<Vec<_>>()).await?;
    let mut on_air = Vec::new();
    for number in 0..plan.vehicles {
        on_air.push(Car::connect(&format!("{}{number:05}", plan.prefix), scene.premend.mqtt()?).await?);
    }
    assert_eq!(topic::vehicle_of(&topic::telemetry(&on_air[0].id)), Some(on_air[0].id.as_str()));
    for delivery in plan.deliveries()? {
        on_air[delivery.number as usize].say(delivery.encode()).await?;
    }
    for car in &on_air {
        car.delivered().await?;
    }
    let expected = cases(&tried);
    assert!(expected.iter().filter(|case| !case.1.starts_with("service")).count() >= 3, "{expected:#?}");
    eventually("the same cases over the air", Duration::from_secs(60), || async {
        Ok((live_cases(&scene).await? == expected).then_some(()))
    })
    .await
    .ok();
    let live = live_cases(&scene).await?;
    let (missing, more): (Vec<_>, Vec<_>) =
        (expected.difference(&live).collect(), live.difference(&expected).collect());
    assert!(missing.is_empty() && more.is_empty(), "only tried {missing:#?}, only live {more:#?}");
    Ok(())
}

#[tokio::test]
async fn nothing_is_said_about_what_was_hardly_there() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let table = directory.path().join("log.csv");
    let mut text = "vehicle,ts,Vehicle.Speed\n".to_owned();
    for second in 0..600 {
        writeln!(text, "car-1,{},{}", morning() + Span::from_secs(second), 50 + second % 20)?;
    }
    text.push_str(",2026-03-02T03:00:00Z,5\ncar-1,yesterday,5\n");
    fs::write(&table, text)?;
    let page = directory.path().join("report.html");
    let report = backtest(&[table.to_str().unwrap(), "--html", page.to_str().unwrap()]).await?;
    assert_eq!((report["read"]["messages"].as_u64(), report["read"]["nameless"].as_u64()), (Some(600), Some(2)));
    let rules = report["sets"][0]["rules"].as_array().unwrap();
    let overheat = rules.iter().find(|rule| rule["rule"] == "engine.overheat").unwrap();
    assert_eq!(overheat["verdict"], Value::Null, "a log without coolant says nothing of overheating");
    assert!(fs::read_to_string(page)?.contains("no verdict"));
    Ok(())
}
