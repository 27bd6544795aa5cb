//! The score card keeps its floors: a short one with a fixed seed, on every run.

use std::process::Command;

use anyhow::Context as _;

use crate::world::program;

#[test]
fn a_short_score_is_not_below_its_floors() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (json, html) = (folder.path().join("score.json"), folder.path().join("score.html"));
    let floors = concat!(env!("CARGO_MANIFEST_DIR"), "/simulator/catalogue/score_floors.toml");
    let run = Command::new(program()?)
        .args(["score", "--short", "--seed", "1000", "--floors", floors, "--json"])
        .arg(&json)
        .arg("--html")
        .arg(&html)
        .output()?;
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    anyhow::ensure!(run.status.success(), "{said}");
    let score: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).context("the figures")?)?;
    assert_eq!(score["bad_data_cases"], 0, "{said}");
    assert!(score["faults"]["slow-leak"]["recall"].is_number(), "{said}");
    let page = std::fs::read_to_string(&html)?;
    assert!(page.contains("Reliability") && page.matches("<svg").count() >= 3, "the page has plots");
    Ok(())
}
