//! Many vehicles that say little: what a message costs, with six rules of six kinds.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use rules::unit::{Span, Time};
use simulator::delivery::Message;
use simulator::frame::Frame;
use simulator::random::hash01;
use simulator::signal;

use crate::child::backtest;
use crate::figures::Figures;
use crate::line;

const VEHICLES: u32 = 10_000;
const MESSAGES: u64 = 200;
const EVERY: Span = Span::from_secs(10);
/// 2026-03-02T00:00:00Z.
const START: Time = Time::from_secs(1_772_409_600);
const RULES: &str = include_str!("six.toml");

pub fn measure(directory: &Path, scale: f64, figures: &mut Figures) -> anyhow::Result<()> {
    let vehicles = (f64::from(VEHICLES) * scale).ceil() as u32;
    let (messages, rules, snapshots) =
        (directory.join("narrow.ndjson"), directory.join("six"), directory.join("snapshots"));
    fs::create_dir_all(&rules)?;
    fs::write(rules.join("six.toml"), RULES)?;
    let bytes = write(&messages, vehicles).context("writing messages")?;
    let text = |path: &Path| path.display().to_string();
    let run = backtest(&[&messages], &["--rules", &text(&rules), "--snapshots", &text(&snapshots)])?;
    fs::remove_file(&messages)?;
    let count = run.messages()?;
    let how = format!(
        "{count} messages of {} bytes of {vehicles} vehicles, six rules, snapshots every 10 s, {} threads; the process from its start to its end",
        bytes / count.max(1),
        run.report["cost"]["threads"]
    );
    figures.add(
        "backtest_cpu_s_per_million",
        run.cpu_seconds * 1e6 / count as f64,
        "s",
        format!("{how}; user and system time"),
    );
    figures.add("backtest_msgs_per_s", count as f64 / run.seconds, "msg/s", how);
    Ok(())
}

/// In order of time; returns how many bytes.
fn write(path: &Path, vehicles: u32) -> anyhow::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for seq in 1..=MESSAGES {
        let at = START + Span::from_micros(EVERY.micros() * seq as i64);
        for vehicle in 0..vehicles {
            let message =
                Message { stream: 1, seq, oldest: 1, frames: vec![frame(vehicle, seq, at)], seen: Vec::new() };
            line::write(&mut out, &format!("narrow-{vehicle:05}"), &message)?;
        }
    }
    out.flush()?;
    Ok(fs::metadata(path)?.len())
}

/// A drive at a steady pace, each vehicle and instant a little different.
fn frame(vehicle: u32, seq: u64, at: Time) -> Frame {
    let sway = hash01(u64::from(vehicle), seq);
    let mut frame = Frame::new(at);
    frame.number(signal::SPEED, 60.0 + 20.0 * sway, 10.0);
    frame.number(signal::ODOMETER, 2e7 + f64::from(vehicle) * 700.0 + seq as f64 * 190.0, 0.01);
    frame.number(signal::VOLTAGE_12, 13.9 + 0.4 * sway, 100.0);
    frame.number(signal::COOLANT, 88.0 + 5.0 * sway, 2.0);
    frame
}
