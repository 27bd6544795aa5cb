//! What operations lean on: alert rules that Prometheus accepts, a runbook heading per alert, metrics
//! that exist, and a doctor that tells health from illness.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::world::{Database, NewCar, PrivateCluster, SOON, Scene, Setup, free_port, morning, run};

fn deploy(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(deploy("prometheus"))
        .output()
        .expect("promtool comes with the Debian package prometheus");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "promtool {arguments:?}: {}", String::from_utf8_lossy(&said));
}

#[test]
fn prometheus_accepts_its_configuration_and_the_alerts_fire_when_they_should() {
    promtool(&["check", "rules", "alerts.yml"]);
    promtool(&["check", "config", "--syntax-only", "prometheus.yml"]);
    promtool(&["test", "rules", "alerts.test.yml"]);
}

fn after<'a>(text: &'a str, mark: &str) -> BTreeSet<&'a str> {
    text.lines().filter_map(|line| line.trim().strip_prefix(mark)).map(str::trim).collect()
}

#[test]
fn every_alert_has_a_heading_in_the_runbook() {
    let alerts = fs::read_to_string(deploy("prometheus/alerts.yml")).unwrap();
    let runbook = fs::read_to_string(deploy("RUNBOOK.md")).unwrap();
    let names = after(&alerts, "- alert:");
    assert!(names.len() > 20, "{names:?}");
    assert_eq!(names, after(&runbook, "## "), "alerts and headings of the runbook");
}

/// Words that begin with `premend_`, without what histograms add.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let bare = words.filter(|word| word.starts_with("premend_")).map(|word| {
        let suffix = ["_bucket", "_sum", "_count"].into_iter().find_map(|suffix| word.strip_suffix(suffix));
        suffix.unwrap_or(word).to_owned()
    });
    bare.collect()
}

#[tokio::test]
async fn every_metric_that_alerts_and_dashboard_name_is_exposed() -> anyhow::Result<()> {
    let scene = Scene::open(&[NewCar::petrol("a", morning())]).await?;
    let exposed = metrics_in(&scene.premend.metrics().await?);
    let mut named = metrics_in(&fs::read_to_string(deploy("prometheus/alerts.yml"))?);
    for entry in fs::read_dir(deploy("grafana/dashboards"))? {
        named.extend(metrics_in(&fs::read_to_string(entry?.path())?));
    }
    assert!(named.len() > 40, "{named:?}");
    let missing: Vec<_> = named.difference(&exposed).collect();
    assert!(missing.is_empty(), "named and not exposed: {missing:?}");
    Ok(())
}

#[tokio::test]
async fn the_doctor_finds_nothing_wrong_with_a_set_up_that_works() -> anyhow::Result<()> {
    let cluster = PrivateCluster::start_new()?;
    let setup = Setup::serve(&cluster.url()).set("mqtt.listen", &format!("127.0.0.1:{}", free_port()?));
    let (status, output) = run(&setup.clone().command(&["migrate"]), SOON).await?;
    assert!(status.success(), "{output}");
    let (status, output) = run(&setup.command(&["doctor"]), SOON).await?;
    assert!(status.success() && !output.contains("WRONG"), "{output}");
    Ok(())
}

#[tokio::test]
async fn the_doctor_says_what_is_wrong_and_what_to_do() -> anyhow::Result<()> {
    // The cluster of the tests is made to be thrown away.
    let careless = Database::create().await?;
    let setup = Setup::serve(careless.url()).set("mqtt.listen", &format!("127.0.0.1:{}", free_port()?));
    let (status, output) = run(&setup.command(&["doctor"]), SOON).await?;
    assert!(!status.success() && output.contains("fsync"), "{output}");
    let away = format!("postgres://premend:wrong@127.0.0.1:{}/premend", free_port()?);
    let setup = Setup::serve(&away).set("database.connect_timeout", "1s").command(&["doctor"]);
    let (status, output) = run(&setup, SOON).await?;
    assert!(!status.success(), "{output}");
    assert!(output.contains("database") && output.contains("->"), "{output}");
    Ok(())
}
