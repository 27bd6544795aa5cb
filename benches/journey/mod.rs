//! The journey of a message, measured in the real binary with a real database: how many a second
//! the bare broker takes, how many are committed, and how long each waits for its commit.
//!
//! Everything runs on this machine, load included. So only ratios taken close together mean much:
//! the bare broker is measured before and after the engine.

use std::time::Duration;

mod bare;
mod external;
mod parts;
mod ready;

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};

use crate::figures::Figures;

/// What can be measured on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Bare broker, commits, and latency at half rate: they need each other.
    Commit,
    Batched,
    External,
    Ready,
}

impl Part {
    pub const ALL: [Self; 4] = [Self::Commit, Self::Batched, Self::External, Self::Ready];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Batched => "batched",
            Self::External => "external",
            Self::Ready => "ready",
        }
    }
}

/// How much is put in.
#[derive(Clone, Debug)]
pub struct Effort {
    /// Of each measurement.
    pub duration: Duration,
    pub connections: u32,
    /// Vehicles with snapshots when the engine starts.
    pub snapshots: usize,
}

impl Effort {
    pub fn full(seconds: u64) -> Self {
        Self { duration: Duration::from_secs(seconds), connections: 100, snapshots: 100_000 }
    }
}

/// Where and with what everything is measured.
pub struct Bench<'a> {
    runtime: Runtime,
    /// A database of a server on which databases may be made.
    server: &'a str,
    effort: &'a Effort,
}

/// Measures the parts, one after the other.
pub fn measure(parts: &[Part], effort: &Effort, server: &str, figures: &mut Figures) -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build().context("starting a runtime")?;
    let bench = Bench { runtime, server, effort };
    for part in parts {
        let measured = match part {
            Part::Commit => parts::commit(&bench, figures),
            Part::Batched => parts::batched(&bench, figures),
            Part::External => external::measure(&bench, figures),
            Part::Ready => ready::measure(&bench, figures),
        };
        measured.with_context(|| format!("measuring `{}`", part.name()))?;
    }
    Ok(())
}
