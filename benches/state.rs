//! `make bench`, second part: what a vehicle costs in memory.

use std::collections::HashMap;
use std::env;

use peak_alloc::PeakAlloc;
use rules::catalogue::Catalogue;
use rules::state::Vehicle;
use rules::vehicle::VehicleId;
use uuid::Uuid;

mod figures;
mod settled;

use figures::Figures;
use settled::Settled;

/// Counts the bytes asked for; what an allocator rounds up comes on top.
#[global_allocator]
static COUNTED: PeakAlloc = PeakAlloc;

const DAYS: i64 = 30;

fn main() -> anyhow::Result<()> {
    let count = env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(200);
    let (settled, _) = Settled::simulate(Catalogue::builtin()?, count, DAYS, 0, Uuid::nil())?;
    let (messages, rules) = (settled.messages, settled.set.rules.len());
    let vehicles: HashMap<VehicleId, Box<Vehicle>> =
        settled.vehicles.into_iter().map(|vehicle| (vehicle.id.clone(), Box::new(vehicle))).collect();
    let without = COUNTED.current_usage();
    let estimates: Vec<_> = vehicles.values().map(|vehicle| vehicle.estimates.clone()).collect();
    let of_estimates = COUNTED.current_usage() - without;
    drop(estimates);
    let with = COUNTED.current_usage();
    drop(vehicles);
    let bytes = with - COUNTED.current_usage();
    let mut figures = Figures::default();
    let how = format!(
        "{count} vehicles of a mixed fleet and {rules} rules after {DAYS} simulated days and {messages} messages, in the lane's map; bytes that dropping them gives back to a counting allocator"
    );
    figures.add("bytes_per_vehicle", bytes as f64 / f64::from(count), "bytes", how);
    let how = "of these, the estimators' states with what they point to, the service plan's among them";
    figures.add("estimators_bytes_per_vehicle", of_estimates as f64 / f64::from(count), "bytes", how);
    figures.keep()
}
