//! A part of a vehicle-day: its encoding.

use anyhow::{Context as _, ensure};
use rules::vehicle::Input;
use serde::{Deserialize, Serialize};

use crate::history::journal::{self, INPUT_LAYOUT};
use crate::store::archive::PartRow;

/// Inputs in a row that ran under the same rule set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub rule_set_hash: Vec<u8>,
    pub inputs: u32,
}

pub fn encode_runs(runs: &[Run]) -> anyhow::Result<Vec<u8>> {
    postcard::to_stdvec(runs).context("writing down which rules ran")
}

/// The inputs of a part, each with the place of its rule set among the runs.
pub fn read(row: &PartRow) -> anyhow::Result<Vec<(Run, Vec<Input>)>> {
    let place = || format!("part {} of {} of vehicle {}", row.part, row.day, row.vehicle_id);
    ensure!(row.layout == INPUT_LAYOUT, "{}: its layout is {}, this version reads {INPUT_LAYOUT}", place(), row.layout);
    let runs: Vec<Run> = postcard::from_bytes(&row.runs).with_context(place)?;
    let mut inputs = journal::read_inputs(&row.inputs, row.checksum).with_context(place)?.into_iter();
    let read: Vec<(Run, Vec<Input>)> =
        runs.into_iter().map(|run| (run.clone(), inputs.by_ref().take(run.inputs as usize).collect())).collect();
    let told: u32 = read.iter().map(|(run, _)| run.inputs).sum();
    ensure!(inputs.next().is_none() && told == row.input_count as u32, "{}: its runs do not cover it", place());
    Ok(read)
}
