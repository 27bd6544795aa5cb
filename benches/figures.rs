//! What was measured: figures with a name, a unit and the way they came about, kept in one file.
//!
//! Several benchmarks write into the same file; a figure replaces the one of its name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// One measured value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: String,
    /// What was done, on what, and what may have disturbed it.
    pub how: String,
}

/// All figures of a run, printed as they come.
#[derive(Debug, Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    pub fn add(&mut self, name: &str, value: f64, unit: &str, how: impl Into<String>) {
        println!("{name:<38} {value:>14.3} {unit}");
        self.0.push(Figure { name: name.to_owned(), value, unit: unit.to_owned(), how: how.into() });
    }

    /// Writes them into the file named by `PREMEND_BENCH_OUT`, beside those of other benchmarks.
    pub fn keep(self) -> anyhow::Result<()> {
        let path = env::var_os("PREMEND_BENCH_OUT").map_or_else(|| PathBuf::from("target/bench.json"), PathBuf::from);
        let before: Vec<Figure> = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))?,
            Err(_) => Vec::new(),
        };
        let all: BTreeMap<String, Figure> =
            before.into_iter().chain(self.0).map(|figure| (figure.name.clone(), figure)).collect();
        let all: Vec<Figure> = all.into_values().collect();
        fs::write(&path, serde_json::to_vec_pretty(&all)?).with_context(|| format!("writing {}", path.display()))
    }
}
