//! From files to shards: who reads what, in parcels.
//!
//! One thread reads and finds out which vehicle a line is about; decoding, admission and rules are
//! the shards' work. The order within a vehicle is the order of the files.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use rules::vehicle::VehicleId;
use xxhash_rust::xxh3::xxh3_64;

#[cfg(feature = "parquet")]
use super::columnar;
use super::lines;
use super::table::{self, Columns};
use crate::history::archive::past::Recorded;

/// How often the shards write their state down, where that is asked for.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(10);

/// Something for one shard.
pub enum Parcel {
    Lines {
        buffer: Arc<Vec<u8>>,
        spans: Vec<Line>,
    },
    /// A vehicle with what the archive has of it.
    Recorded(Box<(VehicleId, Recorded)>),
    /// Write the state down under this number: everything up to here is in it.
    Snapshot(u64),
}

/// A line of a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// A hash of the vehicle's id: lines of one vehicle are taken one after the other.
    pub vehicle: u32,
    pub from: u32,
    pub to: u32,
}

/// How far reading has got; what a snapshot begins from again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    pub file: usize,
    /// Bytes of a file of lines, rows of a table.
    pub offset: u64,
}

/// The way to the shards.
pub struct Feed<'a> {
    pub shards: Vec<SyncSender<Parcel>>,
    pub progress: &'a ProgressBar,
    pub place: Place,
    /// Called between parcels when a snapshot is due, with its number and the place.
    pub on_snapshot: Option<&'a mut dyn FnMut(u64, Place) -> anyhow::Result<()>>,
    pub next_snapshot: Instant,
    pub snapshots: u64,
    /// Lines that name no vehicle.
    pub nameless: u64,
}

impl<'a> Feed<'a> {
    pub fn new(shards: Vec<SyncSender<Parcel>>, progress: &'a ProgressBar) -> Self {
        Self {
            shards,
            progress,
            place: Place::default(),
            on_snapshot: None,
            next_snapshot: Instant::now() + SNAPSHOT_EVERY,
            snapshots: 0,
            nameless: 0,
        }
    }

    /// Reads all files from the feed's place on; none, if one of them is of no kind that can be read.
    pub fn read(&mut self, files: &[PathBuf], columns: &Columns) -> anyhow::Result<()> {
        files.iter().try_for_each(|path| Kind::of(path).map(drop))?;
        for (number, path) in files.iter().enumerate().skip(self.place.file) {
            if number > self.place.file {
                self.place = Place { file: number, offset: 0 };
            }
            let reading = || format!("reading {}", path.display());
            match Kind::of(path)? {
                Kind::Lines => lines::read(open(path)?, self).with_context(reading)?,
                Kind::Csv => table::read_csv(open(path)?, columns, self).with_context(reading)?,
                #[cfg(feature = "parquet")]
                Kind::Parquet => columnar::read(path, columns, self).with_context(reading)?,
            }
        }
        Ok(())
    }

    /// The shard of a vehicle, and the line as it is told.
    pub fn line(&self, vehicle: &str, from: usize, to: usize) -> (usize, Line) {
        let hash = xxh3_64(vehicle.as_bytes());
        let shard = (hash % self.shards.len().max(1) as u64) as usize;
        (shard, Line { vehicle: (hash >> 32) as u32, from: from as u32, to: to as u32 })
    }

    /// Passes a parcel on; waits while the shard has enough to do.
    pub fn send(&self, shard: usize, parcel: Parcel) -> anyhow::Result<()> {
        self.shards[shard].send(parcel).ok().context("a shard has stopped")
    }

    /// To be called between parcels, with everything before `place` sent.
    pub fn reached(&mut self, offset: u64) -> anyhow::Result<()> {
        self.place.offset = offset;
        if self.on_snapshot.is_none() || Instant::now() < self.next_snapshot {
            return Ok(());
        }
        self.snapshots += 1;
        for shard in 0..self.shards.len() {
            self.send(shard, Parcel::Snapshot(self.snapshots))?;
        }
        if let Some(written) = &mut self.on_snapshot {
            written(self.snapshots, self.place)?;
        }
        self.next_snapshot = Instant::now() + SNAPSHOT_EVERY;
        Ok(())
    }
}

/// What a file holds, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Lines,
    Csv,
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Kind {
    fn of(path: &Path) -> anyhow::Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
        match plain.rsplit_once('.').map(|(_, extension)| extension) {
            Some("ndjson" | "jsonl" | "json") => Ok(Self::Lines),
            Some("csv") => Ok(Self::Csv),
            #[cfg(feature = "parquet")]
            Some("parquet") => Ok(Self::Parquet),
            #[cfg(not(feature = "parquet"))]
            Some("parquet") => bail!(
                "{} is Parquet, which this premend was built without, as `make demo` does; `cargo build --release` \
                 builds one that reads it",
                path.display()
            ),
            _ => bail!("{} is neither .ndjson, .csv nor .parquet (the first two may be .gz or .zst)", path.display()),
        }
    }
}

/// Opens a file, unpacked.
fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    Ok(match extension.as_deref() {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(file))),
        Some("zst") => Box::new(zstd::Decoder::new(file)?),
        _ => Box::new(file),
    })
}
