//! A small fleet that stores and forwards, breaks again and again by a script, and keeps its outboxes
//! on disk, so that a test can ask what each car was told is committed.
//!
//! Measured time is the fleet's virtual clock; two fleets of the same script send the same messages,
//! whatever happens to the engine in between. That is what lets a killed run be compared.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Context;
use rules::unit::{Span, Time};
use rules::vehicle::VehicleId;
use simulator::frame::Frame;
use simulator::publisher::{Link, Source, Unit, UnitReport, VirtualClock};
use simulator::signal;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::NewCar;
use super::road::{electric, petrol, with, with_code};

/// A fault comes back this often, stays that long.
const PERIOD: Span = Span::from_mins(24);
const BROKEN: Span = Span::from_mins(4);
const SOUND_FIRST: Span = Span::from_mins(3);

/// What all cars of a fleet follow.
#[derive(Clone, Debug)]
pub struct Script {
    pub cars: u32,
    pub origin: Time,
    pub every: Span,
    /// Nothing is measured from here on; may be moved while the fleet drives.
    pub end: Arc<AtomicI64>,
}

/// The nine things that happen to cars, by number; one of them is nothing.
const KINDS: u32 = 9;

impl Script {
    pub fn new(cars: u32, origin: Time, every: Span) -> Self {
        Self { cars, origin, every, end: Arc::new(AtomicI64::new(i64::MAX)) }
    }

    pub fn end_at(&self, end: Time) {
        self.end.store(end.micros(), Ordering::SeqCst);
    }

    pub fn id(number: u32) -> String {
        format!("car-{number:03}")
    }

    /// The cars as they are to be enrolled.
    pub fn garage(&self) -> Vec<NewCar> {
        let car = |number: u32| {
            let id = Self::id(number);
            if number % KINDS == 6 { NewCar::electric(&id, self.origin) } else { NewCar::petrol(&id, self.origin) }
        };
        (0..self.cars).map(car).collect()
    }

    /// When the frame behind a message was measured, with one frame per message.
    pub fn measured_at(&self, seq: u64) -> Time {
        self.origin + Span::from_micros(self.every.micros() * (seq as i64 - 1))
    }

    fn frames(&self, number: u32) -> impl Iterator<Item = Frame> + Send + use<> {
        let script = self.clone();
        (0_u64..).map_while(move |tick| {
            let at = script.measured_at(tick + 1);
            (at.micros() < script.end.load(Ordering::SeqCst)).then(|| script.frame(number, tick, at))
        })
    }

    fn frame(&self, number: u32, tick: u64, at: Time) -> Frame {
        // Not all at once: each car has its own phase.
        let since = at.since(self.origin).micros() - SOUND_FIRST.micros() - i64::from(number) * 11_000_000;
        let broken = since >= 0 && since % PERIOD.micros() < BROKEN.micros();
        let sound = if number % KINDS == 6 { electric(at, tick) } else { petrol(at, tick) };
        let sway = (tick % 5) as f64;
        match (number % KINDS, broken) {
            (0, true) => with(sound, signal::COOLANT, 123.0 + 0.2 * sway),
            (1, true) => with(sound, signal::VOLTAGE_12, 12.0 + 0.02 * sway),
            (2, _) => with(sound, signal::TYRE_PRESSURE[0], if broken { 128.0 + sway } else { 241.0 + sway }),
            (3, _) => with_code(sound, "P0301", if broken { 0x2f } else { 0x50 }),
            (4, _) => with(sound, signal::BRAKE_FLUID, if broken { 44.0 + sway } else { 81.0 + sway }),
            (5, _) => with_code(sound, "P0420", if broken { 0x2f } else { 0x50 }),
            (6, true) => with(sound, signal::CELL_HOT, 68.0 + 0.2 * sway),
            (7, true) => with_code(with(sound, signal::COOLANT, 117.0 + 0.2 * sway), "P0301", 0x2f),
            (7, false) => with_code(sound, "P0301", 0x50),
            _ => sound,
        }
    }
}

/// A fleet on the air.
pub struct Fleet {
    pub link: Arc<Link>,
    folder: TempDir,
    units: JoinSet<anyhow::Result<UnitReport>>,
}

impl Fleet {
    /// Sends all cars of the script onto the road.
    pub fn start(script: &Script, broker: SocketAddr, clock: VirtualClock) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut link = Link::new(&broker.ip().to_string(), broker.port(), clock);
        link.folder = Some(folder.path().to_owned());
        link.resend_after = std::time::Duration::from_secs(5);
        let link = Arc::new(link);
        let mut units = JoinSet::new();
        for number in 0..script.cars {
            let id = VehicleId::try_new(&Script::id(number))?;
            let unit = Unit::open(Arc::clone(&link), id, number, Source::Frames(Box::new(script.frames(number))))?;
            units.spawn(async move { unit.run(CancellationToken::new()).await.context("a car's outbox") });
        }
        Ok(Self { link, folder, units })
    }

    /// Waits until everything that will ever be measured is committed.
    pub async fn arrive(&mut self) -> anyhow::Result<Vec<UnitReport>> {
        let mut reports = Vec::new();
        while let Some(report) = self.units.join_next().await {
            reports.push(report??);
        }
        Ok(reports)
    }

    /// The highest number that each car was told is committed.
    pub fn told(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut told = BTreeMap::new();
        for entry in std::fs::read_dir(self.folder.path())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "outbox") {
                let id = path.file_stem().and_then(|stem| stem.to_str()).context("an outbox has a name")?;
                told.insert(id.to_owned(), committed_in(&path)?);
            }
        }
        Ok(told)
    }
}

/// The highest number that an outbox file notes as committed.
fn committed_in(outbox: &Path) -> anyhow::Result<u64> {
    let mut highest = 0;
    for line in std::fs::read_to_string(outbox)?.lines() {
        let line: serde_json::Value = serde_json::from_str(line)?;
        highest = highest.max(line["committed"]["seq"].as_u64().unwrap_or(0));
    }
    Ok(highest)
}
