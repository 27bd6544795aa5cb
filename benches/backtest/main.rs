//! `make bench`, fifth part: recorded messages through the built binary.
//!
//! `narrow`: many vehicles that say little, six rules, what a message costs. `wide`: a simulated fleet
//! that says much for a month, the whole library, how fast it goes; and then a part of the very same
//! messages over the air, to prove that the engine settles the same cases.
//!
//! Arguments pick parts by name; `PREMEND_BENCH_SCALE` makes everything smaller to try it out.

use std::{env, fs};

use anyhow::Context as _;

#[path = "../built.rs"]
mod built;
mod child;
#[path = "../database.rs"]
mod database;
#[path = "../engine_process.rs"]
mod engine_process;
#[path = "../figures.rs"]
mod figures;
mod line;
mod live;
mod narrow;
mod record;
mod wide;

use figures::Figures;

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let is_meant = |part: &str| words.is_empty() || words.iter().any(|word| part.contains(word.as_str()));
    let scale: f64 = match env::var("PREMEND_BENCH_SCALE") {
        Ok(text) => text.parse().context("PREMEND_BENCH_SCALE is a number")?,
        Err(_) => 1.0,
    };
    let directory = scratch()?;
    let mut figures = Figures::default();
    if is_meant("narrow") {
        narrow::measure(directory.path(), scale, &mut figures).context("measuring `narrow`")?;
    }
    if is_meant("wide") {
        wide::measure(directory.path(), scale, &mut figures).context("measuring `wide`")?;
    }
    figures.keep()
}

/// A folder beside the build, removed at the end: the system's own may lie in memory.
fn scratch() -> anyhow::Result<tempfile::TempDir> {
    let built = built::binary()?;
    let folder = built.parent().context("the binary is in no folder")?.join("backtest");
    fs::create_dir_all(&folder)?;
    tempfile::tempdir_in(&folder).context("making a folder")
}
