//! `make bench`, first part: from a vehicle's PUBLISH to the commit, against the bare broker.
//!
//! Arguments: a number sets the seconds of each measurement (60), a word picks measurements whose
//! name contains it.

use std::env;

use anyhow::Context as _;

mod built;
mod database;
mod engine_process;
mod figures;
mod journey;
mod settled;

use figures::Figures;
use journey::{Effort, Part};

/// As in the `premend` binary: the bare broker runs in this process and must be on equal terms.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let seconds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(60);
    let parts = Part::ALL.into_iter().filter(|part| {
        let mut named = words.iter().filter(|word| word.parse::<u64>().is_err()).peekable();
        named.peek().is_none() || named.any(|word| part.name().contains(word.as_str()))
    });
    let database = env::var("PREMEND_BENCH_DATABASE_URL")
        .context("set PREMEND_BENCH_DATABASE_URL to a PostgreSQL with fsync on, or run `make bench`")?;
    let mut figures = Figures::default();
    journey::measure(&parts.collect::<Vec<_>>(), &Effort::full(seconds), &database, &mut figures)?;
    figures.keep()
}
