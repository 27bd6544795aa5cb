//! A simulated fleet's month, written down: every message has at least twenty signals.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, anyhow};
use rules::unit::{Span, Time};
use simulator::delivery::Message;
use simulator::fault::{FAULTS, Planted};
use simulator::fleet::{Fleet, FleetPlan, PlantedIn};
use simulator::frame::Frame;
use simulator::vehicle::Vehicle;

use crate::line;

/// Where measuring ends, 2026-03-02T02:00:00Z: a Monday morning in Shanghai, nobody's quiet hours.
pub const END: Time = Time::from_secs(1_772_416_800);
const DAYS: i64 = 30;
const VEHICLES: u32 = 1_248;
/// Vehicles of a file.
const PART: usize = 48;
const SIGNALS: usize = 20;

/// A recorded fleet.
pub struct Recorded {
    pub plan: FleetPlan,
    /// Each with the vehicles of [`PART`] numbers, in order of time.
    pub files: Vec<PathBuf>,
    /// As `--vehicles` wants them.
    pub vehicles: PathBuf,
    pub messages: u64,
    pub bytes: u64,
    /// Kinds of faults planted in the first file.
    pub kinds: usize,
}

/// Lets the fleet live and writes down what it says; two files at a time.
pub fn record(directory: &Path, scale: f64) -> anyhow::Result<Recorded> {
    let plan = plan(scale)?;
    let mut waiting: Vec<(PathBuf, Vec<Vehicle>)> = Vec::new();
    let mut table = b"vehicle,model,delivered_at\n".to_vec();
    for vehicle in plan.build()? {
        let spec = &vehicle.spec;
        writeln!(table, "{},{},{}", spec.id, spec.model.key, spec.delivered_at)?;
        match waiting.last_mut().filter(|(_, part)| part.len() < PART) {
            Some((_, part)) => part.push(vehicle),
            None => waiting.push((directory.join(format!("wide-{:02}.ndjson.zst", waiting.len())), vec![vehicle])),
        }
    }
    let vehicles = directory.join("vehicles.csv");
    fs::write(&vehicles, table)?;
    let files: Vec<PathBuf> = waiting.iter().map(|(path, _)| path.clone()).collect();
    let queue = std::sync::Mutex::new(waiting.into_iter());
    let work = || -> anyhow::Result<(u64, u64)> {
        let (mut messages, mut bytes) = (0, 0);
        loop {
            let next = queue.lock().map_err(|_| anyhow!("a writer broke down"))?.next();
            let Some((path, part)) = next else { return Ok((messages, bytes)) };
            let written = write(&path, part).with_context(|| format!("writing {}", path.display()))?;
            messages += written.0;
            bytes += written.1;
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let written: Vec<_> = thread::scope(|scope| {
        let writers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap_or_else(|_| Err(anyhow!("a writer broke down"))))
            .collect()
    });
    let (mut messages, mut bytes) = (0, 0);
    for part in written {
        let part = part?;
        messages += part.0;
        bytes += part.1;
    }
    let kinds = plan.faults.iter().filter(|fault| fault.vehicle.is_some_and(|number| number < PART as u32)).count();
    Ok(Recorded { plan, files, vehicles, messages, bytes, kinds })
}

/// A mixed fleet; in the first file every fault is planted where it fits, in the others few are.
fn plan(scale: f64) -> anyhow::Result<FleetPlan> {
    let start = END - Span::from_days(DAYS);
    let vehicles = (f64::from(VEHICLES) * scale).ceil().max(PART as f64) as u32;
    let mut plan = FleetPlan::new(2026, vehicles, start);
    plan.end = Some(END - Span::from_mins(1));
    let sound = plan.build()?;
    let mut free: Vec<&Vehicle> = sound.iter().take(PART).collect();
    for (number, fault) in FAULTS.iter().enumerate() {
        let Some(place) = free.iter().position(|vehicle| fault.fits(&vehicle.spec.model)) else { continue };
        let vehicle = free.remove(place).spec.number;
        let planted = Planted::new(fault, start + Span::from_days(2) + Span::from_hours(number as i64 * 5));
        plan.faults.push(PlantedIn { planted, vehicle: Some(vehicle) });
        for file in 1..vehicles / PART as u32 {
            let like = vehicle + file * PART as u32;
            let able = sound.get(like as usize).is_some_and(|vehicle| fault.fits(&vehicle.spec.model));
            if able && like.is_multiple_of(7) {
                plan.faults.push(PlantedIn { planted, vehicle: Some(like) });
            }
        }
    }
    Ok(plan)
}

/// Frames that have come together for the next message of one vehicle.
#[derive(Default)]
struct Pending {
    seq: u64,
    signals: usize,
    frames: Vec<Frame>,
}

/// Returns how many messages and how many bytes, unpacked.
fn write(path: &Path, vehicles: Vec<Vehicle>) -> anyhow::Result<(u64, u64)> {
    let ids: Vec<String> = vehicles.iter().map(|vehicle| vehicle.spec.id.to_string()).collect();
    let mut pending: Vec<Pending> = ids.iter().map(|_| Pending::default()).collect();
    let mut out = zstd::Encoder::new(File::create(path)?, 1)?;
    let (mut messages, mut bytes, mut text) = (0, 0, Vec::new());
    for (number, frame) in Fleet::new(vehicles, Some(END - Span::from_mins(1))) {
        let own = &mut pending[number as usize];
        own.signals += frame.readings.len();
        own.frames.push(frame);
        if own.signals < SIGNALS {
            continue;
        }
        own.seq += 1;
        let frames = std::mem::take(&mut own.frames);
        let message = Message { stream: 1, seq: own.seq, oldest: 1, frames, seen: Vec::new() };
        own.signals = 0;
        text.clear();
        line::write(&mut text, &ids[number as usize], &message)?;
        out.write_all(&text)?;
        messages += 1;
        bytes += text.len() as u64;
    }
    out.finish()?;
    Ok((messages, bytes))
}
