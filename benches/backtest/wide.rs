//! A fleet that says much: how fast a month of it is tried with the whole library, and whether the
//! engine would have decided the same.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::child::backtest;
use crate::figures::Figures;
use crate::live;
use crate::record::{Recorded, record};

/// A case as settled cases are compared: vehicle, component, rule, when it opened and closed.
pub type Row = (String, String, String, String, Option<String>);

pub fn measure(directory: &Path, scale: f64, figures: &mut Figures) -> anyhow::Result<()> {
    let since = Instant::now();
    let fleet = record(directory, scale).context("simulating the fleet")?;
    println!(
        "{} messages of {} vehicles, {} bytes each, simulated in {:.0?}",
        fleet.messages,
        fleet.plan.vehicles,
        fleet.bytes / fleet.messages.max(1),
        since.elapsed()
    );
    let run = backtest(&fleet.files, &["--vehicles", &fleet.vehicles.display().to_string()])?;
    let count = run.messages()?;
    ensure!(count == fleet.messages, "{count} of {} messages were read", fleet.messages);
    let readings = run.report["read"]["readings"].as_u64().unwrap_or_default();
    let how = format!(
        "{count} messages of {} vehicles in 30 simulated days with {:.1} signals each, at least 20, {} bytes, packed with zstd, the whole library, {} threads; the process from its start to its end, {:.2} s of processor per million",
        fleet.plan.vehicles,
        readings as f64 / count as f64,
        fleet.bytes / count,
        run.report["cost"]["threads"],
        run.cpu_seconds * 1e6 / count as f64,
    );
    figures.add("backtest_wide_msgs_per_s", count as f64 / run.seconds, "msg/s", how);
    prove(&fleet, &run.report, figures)
}

/// The first file over the air, in which every fault is planted that fits.
fn prove(fleet: &Recorded, report: &Value, figures: &mut Figures) -> anyhow::Result<()> {
    let since = Instant::now();
    let told = live::settle(fleet, &fleet.files[0], |vehicles| expected(report, vehicles))?;
    println!("{} cases identical", told.cases);
    let how = format!(
        "settled cases of {} vehicles with {} kinds of faults: {} messages over the embedded broker through the engine and its store in {:.0?}, compared by vehicle, component, rule, opening and end with those of the back-test of all files",
        told.vehicles,
        fleet.kinds,
        told.messages,
        since.elapsed()
    );
    figures.add("backtest_cases_identical", told.cases as f64, "cases", how);
    Ok(())
}

/// Settled cases of some vehicles.
fn expected(report: &Value, vehicles: &BTreeSet<String>) -> BTreeSet<Row> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let rows = report["sets"][0]["cases"].as_array().into_iter().flatten();
    rows.filter(|case| case["withdrawn"] != Value::Bool(true))
        .filter_map(|case| {
            let field = |name: &str| text(&case[name]);
            let ends = field("closed_at");
            Some((field("vehicle")?, field("component")?, field("rule")?, field("opened_at")?, ends))
        })
        .filter(|case| vehicles.contains(&case.0))
        .collect()
}
