//! How long a start takes with many vehicles, and what they occupy then.

use std::time::Instant;

use anyhow::Context as _;
use engine::history::journal::{Position, snapshot_row};
use engine::store::session::{As, begin_as};
use engine::store::snapshot;
use rules::catalogue::Catalogue;
use rules::vehicle::VehicleId;

use super::Bench;
use crate::database::{DEALER, Database};
use crate::engine_process::Engine;
use crate::figures::Figures;
use crate::settled::Settled;

/// Different states; the others are their likes under other names.
const SIMULATED: u32 = 50;
const DAYS: i64 = 3;
const AT_ONCE: usize = 1_000;

pub fn measure(bench: &Bench<'_>, figures: &mut Figures) -> anyhow::Result<()> {
    let count = bench.effort.snapshots;
    let (settled, _) = Settled::simulate(Catalogue::builtin()?, SIMULATED, DAYS, 0, DEALER)?;
    let (seconds, resident) = bench.runtime.block_on(async {
        let database = Database::fresh(bench.server, "ready").await?;
        write(&database, &settled, count).await?;
        let since = Instant::now();
        let engine = Engine::start(&database, &[]).await?;
        let seconds = since.elapsed().as_secs_f64();
        let resident = resident(engine.child.id())?;
        engine.stop()?;
        database.remove().await?;
        anyhow::Ok((seconds, resident))
    })?;
    let how = format!(
        "from starting the process to /readyz answering 200, {count} vehicles with snapshots of {DAYS} simulated days, empty journal; resident memory then {resident:.0} bytes per vehicle, all of the process included"
    );
    figures.add("ready_s_100k_vehicles", seconds, "s", how);
    Ok(())
}

async fn write(database: &Database, settled: &Settled, count: usize) -> anyhow::Result<()> {
    for first in (0..count).step_by(AT_ONCE) {
        let mut rows = Vec::with_capacity(AT_ONCE);
        for number in first..count.min(first + AT_ONCE) {
            let like = &settled.vehicles[number % settled.vehicles.len()];
            let mut vehicle = like.clone();
            vehicle.id = VehicleId::try_new(&format!("ready-{number:06}"))?;
            let position = Position { incarnation: 0, n: 0, index: 0 };
            rows.push(snapshot_row(&vehicle, position, 0, &settled.set)?);
        }
        let mut tx = begin_as(&database.pool, As::Engine).await?;
        snapshot::write(&mut tx, &rows).await.context("writing snapshots")?;
        tx.commit().await?;
    }
    engine::history::journal::keep_rule_set(&database.pool, &settled.set).await
}

/// Resident bytes of a process by vehicle.
fn resident(process: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel does not say VmRSS")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1_024.0)
}
