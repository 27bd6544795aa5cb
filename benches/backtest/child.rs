//! One run of `premend backtest`: its report, how long it took, and what it took of the processors.

use std::path::Path;
use std::process::Command;
use std::time::Instant;
use std::{fs, str};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::built;

/// What a run said and took.
pub struct Run {
    pub report: Value,
    pub seconds: f64,
    /// User and system time of the process, s.
    pub cpu_seconds: f64,
}

/// Runs it over some files.
pub fn backtest(files: &[impl AsRef<Path>], arguments: &[&str]) -> anyhow::Result<Run> {
    let (cpu_before, since) = (children_cpu()?, Instant::now());
    let output = Command::new(built::binary()?)
        .arg("backtest")
        .args(files.iter().map(AsRef::as_ref))
        .args(["--json", "-"])
        .args(arguments)
        .output()
        .context("running the back-test")?;
    let (seconds, cpu_after) = (since.elapsed().as_secs_f64(), children_cpu()?);
    ensure!(output.status.success(), "the back-test failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = str::from_utf8(&output.stdout)?;
    let report = serde_json::from_str(text.get(text.find('{').unwrap_or(0)..).unwrap_or_default())?;
    Ok(Run { report, seconds, cpu_seconds: cpu_after - cpu_before })
}

impl Run {
    /// Messages that were read and admitted; void if any was refused.
    pub fn messages(&self) -> anyhow::Result<u64> {
        let read = &self.report["read"];
        ensure!(read["refused"].as_object().is_some_and(serde_json::Map::is_empty), "refused: {}", read["refused"]);
        read["messages"].as_u64().context("the report counts no messages")
    }
}

/// What processes cost that we started and waited for: user and system time, s.
fn children_cpu() -> anyhow::Result<f64> {
    /// Ticks a second in `/proc`, on every Linux.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").context("reading our own times")?;
    let (_, behind_name) = stat.rsplit_once(')').context("no name in /proc/self/stat")?;
    // Fields 16 and 17 of all, 14 and 15 behind the name.
    let times = behind_name.split_whitespace().skip(13).take(2);
    let ticks: f64 = times.map(|ticks| ticks.parse::<f64>().unwrap_or_default()).sum();
    Ok(ticks / TICKS)
}
