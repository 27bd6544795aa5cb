//! `make bench`, second part: what a vehicle costs in memory.

use std::collections::HashMap;
use std::env;

use peak_alloc::PeakAlloc;
use rules::catalogue::Catalogue;
use rules::estimate::ESTIMATORS;
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
    let parts = parts(&vehicles);
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
    println!("{parts}");
    figures.keep()
}

/// Where the bytes are, per vehicle: what stands in the vehicle itself, and what it points to.
fn parts(vehicles: &HashMap<VehicleId, Box<Vehicle>>) -> String {
    let all: Vec<&Vehicle> = vehicles.values().map(Box::as_ref).collect();
    let mut lines = vec![
        line("vehicle", &all, |_| [0_u8; size_of::<Vehicle>()]),
        line("id", &all, |vehicle| vehicle.id.clone()),
        line("profile", &all, |vehicle| vehicle.profile.clone()),
        line("order", &all, |vehicle| vehicle.order.clone()),
        line("last readings", &all, |vehicle| vehicle.last.clone()),
        line("unchanged", &all, |vehicle| vehicle.unchanged.clone()),
        line("segment", &all, |vehicle| vehicle.segment.clone()),
        line("odometer", &all, |vehicle| vehicle.odometer.clone()),
        line("faults", &all, |vehicle| (vehicle.faults.clone(), vehicle.healed.clone(), vehicle.storm.clone())),
        line("estimators", &all, |vehicle| vehicle.estimates.clone()),
        line("  usage", &all, |vehicle| vehicle.estimates.usage.clone()),
        line("  severity", &all, |vehicle| vehicle.estimates.severity.clone()),
        line("rule memory", &all, |vehicle| vehicle.watches.clone()),
        line("windows", &all, |vehicle| vehicle.windows.clone()),
        line("cases", &all, |vehicle| vehicle.cases.clone()),
        line("past cases", &all, |vehicle| vehicle.past.clone()),
        line("visits", &all, |vehicle| vehicle.visits.clone()),
        line("others", &all, |vehicle| {
            (
                vehicle.suspects.clone(),
                vehicle.former.clone(),
                vehicle.warned.clone(),
                vehicle.resets.clone(),
                vehicle.snoozed.clone(),
            )
        }),
    ];
    for entry in ESTIMATORS {
        let what = format!("  {}", entry.key);
        lines.push(line(&what, &all, |vehicle| vehicle.estimates.state(entry.key).cloned()));
    }
    lines.concat()
}

fn line<T>(what: &str, vehicles: &[&Vehicle], part: impl Fn(&Vehicle) -> T) -> String {
    let without = COUNTED.current_usage();
    let mut copies: Vec<T> = Vec::with_capacity(vehicles.len());
    let room = COUNTED.current_usage() - without;
    copies.extend(vehicles.iter().map(|vehicle| part(vehicle)));
    let pointed = (COUNTED.current_usage() - without - room) as f64 / vehicles.len() as f64;
    format!("  {what:<16} {:>6} inline {pointed:>8.1} behind it\n", size_of::<T>())
}
