//! How well the fade of batteries is forecast, on capacities measured cycle by cycle, beside the straight line that
//! anyone would draw.
//!
//! Health here is the trailing median of 11 capacities, as a part of the highest such median of the first ten cycles.
//! The forecast is held against this median too, not against raw capacities, and so is the floor. Causal: the
//! reference is known after ten cycles, nothing is scored before, and a forecast sees only the cycles up to its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use flate2::read::MultiGzDecoder;
use rules::estimate::knee::{Interval, Knee, Pace};
use serde::{Deserialize, Serialize};

use super::figures::{median, share};

/// Cycles of the trailing median, and those that say what full health is.
const MEDIAN: usize = 11;
const REFERENCE: usize = 10;
/// Forecasts are scored so many cycles ahead, from so many cycles on, in cells that have one cycle more than both.
const AHEAD: usize = 50;
const FIRST: usize = 50;
/// When the time is forecast, and until when.
const FROM: f64 = 0.95;
const LIMIT: f64 = 0.90;
/// Cycles of the straight line that is to be beaten: 50 back.
const FLOOR: usize = 51;
/// Points of a fan, cycles ahead.
const FAN: [usize; 9] = [0, 10, 20, 30, 40, 50, 60, 80, 100];

/// The capacities of one cell in the order of its cycles, Ah.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub dataset: String,
    pub name: String,
    pub capacities: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BatteryScore {
    pub datasets: BTreeMap<String, DatasetScore>,
    pub fans: Vec<Fan>,
}

/// Figures of one dataset; `None` where nothing could be scored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetScore {
    pub cells: usize,
    /// Forecasts 50 cycles ahead, and cells whose time from 0.95 to 0.90 is known.
    pub forecasts: usize,
    pub times: usize,
    /// Mean absolute error of the health 50 cycles ahead, over all forecasts of all cells.
    pub soh_mae_50: Option<f64>,
    /// Median of the relative error of the cycles until 0.90, at the first health of 0.95 or less.
    pub cycles_to_090_median_error: Option<f64>,
    /// Shares of what came that lay in the 80 % intervals of both.
    pub coverage80: Option<f64>,
    pub time_coverage80: Option<f64>,
    /// The first two for the straight line over the last 51 medians.
    pub floor_mae_50: Option<f64>,
    pub floor_cycles_to_090_median_error: Option<f64>,
}

/// What was said at a health of 0.95, for drawing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fan {
    pub dataset: String,
    pub cell: String,
    pub points: Vec<FanPoint>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FanPoint {
    /// Counted from 1.
    pub cycle: usize,
    pub health: f64,
    pub low: f64,
    pub high: f64,
    /// What came, as far as the cell was cycled.
    pub measured: Option<f64>,
}

#[derive(Deserialize)]
struct Row {
    dataset: Option<String>,
    cell: String,
    cycle: u32,
    capacity_ah: f64,
}

/// Reads `dataset,cell,cycle,capacity_ah` (further columns are passed over), gzipped if the name ends in `.gz`.
/// Without a `dataset` column the dataset is the file's name up to its first `_` or `.`, in capitals.
pub fn read(path: &Path) -> Result<Vec<Cell>> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let zipped = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let source: Box<dyn Read> = if zipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let name = path.file_name().map(|name| name.to_string_lossy().to_uppercase()).unwrap_or_default();
    let dataset = name.split(['_', '.']).next().unwrap_or_default();
    parse(source, dataset).with_context(|| format!("read {}", path.display()))
}

fn parse(source: impl Read, dataset: &str) -> Result<Vec<Cell>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(source);
    let headers = reader.headers()?.clone();
    let mut cells: BTreeMap<(String, String), BTreeMap<u32, f64>> = BTreeMap::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let row: Row = record.deserialize(Some(&headers)).with_context(|| format!("line {line}"))?;
        if !(row.capacity_ah.is_finite() && row.capacity_ah > 0.0) {
            bail!("line {line}: a capacity of {} Ah", row.capacity_ah);
        }
        let key = (row.dataset.unwrap_or_else(|| dataset.to_owned()), row.cell);
        let twice = cells.entry(key).or_default().insert(row.cycle, row.capacity_ah).is_some();
        ensure!(!twice, "line {line}: cycle {} of its cell a second time", row.cycle);
    }
    let cell = |((dataset, name), cycles): ((String, String), BTreeMap<u32, f64>)| Cell {
        dataset,
        name,
        capacities: cycles.into_values().collect(),
    };
    Ok(cells.into_iter().map(cell).collect())
}

/// Scores the forecaster and the straight line on the same cells, cycle by cycle.
pub fn score(cells: &[Cell]) -> BatteryScore {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut fans = Vec::new();
    for cell in cells {
        let tally = tallies.entry(cell.dataset.clone()).or_default();
        tally.cells += 1;
        fans.extend(Life::of(cell).and_then(|life| life.run(cell, tally)));
    }
    let datasets = tallies.into_iter().map(|(dataset, tally)| (dataset, tally.score())).collect();
    BatteryScore { datasets, fans }
}

/// What a dataset's cells add up to.
#[derive(Default)]
struct Tally {
    cells: usize,
    errors: Vec<f64>,
    floor_errors: Vec<f64>,
    held: usize,
    times: Vec<f64>,
    floor_times: Vec<f64>,
    times_held: usize,
}

impl Tally {
    fn score(self) -> DatasetScore {
        let mean = |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        DatasetScore {
            cells: self.cells,
            forecasts: self.errors.len(),
            times: self.times.len(),
            soh_mae_50: mean(&self.errors),
            cycles_to_090_median_error: median(&self.times),
            coverage80: share(self.held, self.errors.len()),
            time_coverage80: share(self.times_held, self.times.len()),
            floor_mae_50: mean(&self.floor_errors),
            floor_cycles_to_090_median_error: median(&self.floor_times),
        }
    }
}

/// A cell as parts of its reference: raw, and as medians.
struct Life {
    raw: Vec<f64>,
    health: Vec<f64>,
}

impl Life {
    /// `None` of a cell too short to have a reference.
    fn of(cell: &Cell) -> Option<Self> {
        let medians: Vec<f64> = (1..=cell.capacities.len())
            .filter_map(|end| median(cell.capacities.get(end.saturating_sub(MEDIAN)..end)?))
            .collect();
        let reference = medians.get(..REFERENCE)?.iter().copied().fold(0.0, f64::max);
        let parts = |values: &[f64]| values.iter().map(|value| value / reference).collect();
        Some(Self { raw: parts(&cell.capacities), health: parts(&medians) })
    }

    /// The first cycle at or below a health, counted from 0.
    fn first(&self, limit: f64) -> Option<usize> {
        self.health.iter().position(|health| *health <= limit)
    }

    fn run(&self, cell: &Cell, tally: &mut Tally) -> Option<Fan> {
        let scored = self.health.len() > FIRST + AHEAD;
        let start = self.first(FROM).filter(|start| *start >= REFERENCE);
        let mut knee = Knee::new();
        let mut fan = None;
        for (now, raw) in self.raw.iter().enumerate() {
            knee.take(*raw, Pace::CYCLES);
            if let Some(came) = self.health.get(now + AHEAD).filter(|_| scored && now + 1 >= FIRST) {
                let said = knee.health_at(AHEAD as f64);
                tally.errors.push((said.central - came).abs());
                tally.held += usize::from(holds(said, *came));
                tally.floor_errors.push((self.floor(now).at(AHEAD as f64) - came).abs());
            }
            if start == Some(now) {
                self.time(now, &knee, tally);
                fan = Some(self.fan(now, &knee, cell));
            }
        }
        fan
    }

    /// Scores the cycles until the limit, if the cell came to it later.
    fn time(&self, now: usize, knee: &Knee, tally: &mut Tally) {
        let Some(left) = self.first(LIMIT).filter(|end| *end > now).map(|end| (end - now) as f64) else { return };
        let said = knee.time_to(LIMIT);
        tally.times.push((said.central - left).abs() / left);
        tally.times_held += usize::from(holds(said, left));
        tally.floor_times.push((self.floor(now).until(LIMIT) - left).abs() / left);
    }

    fn fan(&self, now: usize, knee: &Knee, cell: &Cell) -> Fan {
        let point = |ahead: usize| {
            let Interval { low, central, high } = knee.health_at(ahead as f64);
            let measured = self.health.get(now + ahead).copied();
            FanPoint { cycle: now + ahead + 1, health: central, low, high, measured }
        };
        Fan { dataset: cell.dataset.clone(), cell: cell.name.clone(), points: FAN.map(point).to_vec() }
    }

    /// The straight line through the medians up to now.
    fn floor(&self, now: usize) -> Straight {
        let window = self.health.get((now + 1).saturating_sub(FLOOR)..=now).unwrap_or_default();
        let count = window.len() as f64;
        let middle = (count - 1.0) / 2.0;
        let mean = window.iter().sum::<f64>() / count;
        let (mut product, mut square) = (0.0, 0.0);
        for (place, health) in window.iter().enumerate() {
            let off = place as f64 - middle;
            product += off * health;
            square += off * off;
        }
        let rise = product / square;
        Straight { level: mean + rise * middle, rise }
    }
}

fn holds(said: Interval, came: f64) -> bool {
    said.low <= came && came <= said.high
}

/// A line at the newest cycle, and its rise a cycle.
struct Straight {
    level: f64,
    rise: f64,
}

impl Straight {
    fn at(&self, ahead: f64) -> f64 {
        self.level + self.rise * ahead
    }

    fn until(&self, limit: f64) -> f64 {
        if self.rise < 0.0 { (limit - self.level) / self.rise } else { f64::INFINITY }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::PathBuf;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// Two cells that lose a ten-thousandth a cycle, of which one stops at 60 cycles.
    fn straight() -> String {
        let row =
            |cell: &str, cycle: u32| format!("made,{cell},{cycle},{},x\n", 2.0 * (1.0 - 1e-4 * f64::from(cycle - 1)));
        let long = (1..=1500).map(|cycle| row("long", cycle));
        let rows: String = long.chain((1..=60).map(|cycle| row("short", cycle))).collect();
        format!("dataset,cell,cycle,capacity_ah,note\n{rows}")
    }

    /// Public cells, where this machine has them.
    fn public(name: &str) -> Option<PathBuf> {
        let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let folders = std::env::var_os("PREMEND_DATA").map_or_else(
            || vec![beside.join("../../shared/data"), beside.join("../../../shared/data")],
            |folder| vec![PathBuf::from(folder)],
        );
        let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.exists());
        if found.is_none() {
            eprintln!("SKIPPED: no {name} in {folders:?}; set PREMEND_DATA");
        }
        found
    }

    #[test]
    fn reads_plain_and_zipped_files_alike() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, zipped) = (folder.path().join("made.csv"), folder.path().join("made.csv.gz"));
        fs::write(&plain, straight()).unwrap();
        let mut encoder = GzEncoder::new(File::create(&zipped).unwrap(), Compression::fast());
        encoder.write_all(straight().as_bytes()).unwrap();
        encoder.finish().unwrap();
        let cells = read(&plain).unwrap();
        assert_eq!(read(&zipped).unwrap(), cells);
        let sizes: Vec<_> = cells.iter().map(|cell| (cell.name.as_str(), cell.capacities.len())).collect();
        assert_eq!(sizes, [("long", 1500), ("short", 60)]);
    }

    #[test]
    fn names_the_line_of_a_bad_row() {
        let head = "dataset,cell,cycle,capacity_ah\na,b,1,1.0\n";
        for bad in ["a,b,2,many\n", "a,b,2,-1\n", "a,b,2,NaN\n", "a,b,1,1.0\n", "a,b,2\n"] {
            let error = parse(format!("{head}{bad}").as_bytes(), "X").unwrap_err();
            assert!(format!("{error:#}").contains("line 3") || format!("{error:#}").contains("line: 3"), "{error:#}");
        }
        assert!(parse("cell,cycle\nb,1\n".as_bytes(), "X").is_err());
        assert_eq!(parse("cell,cycle,capacity_ah\nb,1,1.0\n".as_bytes(), "X").unwrap()[0].dataset, "X");
    }

    #[test]
    fn forecasts_a_straight_fade_straight() {
        let score = score(&parse(straight().as_bytes(), "X").unwrap());
        let made = &score.datasets["made"];
        assert_eq!((made.cells, made.forecasts, made.times), (2, 1401, 1));
        // Both are bent by the first medians, of fewer than eleven cycles.
        assert!(made.soh_mae_50.unwrap() < 5e-5 && made.floor_mae_50.unwrap() < 5e-6, "{made:?}");
        assert!(made.cycles_to_090_median_error.unwrap() < 0.1, "{made:?}");
        assert!(made.floor_cycles_to_090_median_error.unwrap() < 0.01, "{made:?}");
        let [fan] = score.fans.as_slice() else { panic!("{:?}", score.fans) };
        assert_eq!((fan.cell.as_str(), fan.points.len()), ("long", FAN.len()));
        assert!((fan.points[5].health - fan.points[5].measured.unwrap()).abs() < 1e-4, "{fan:?}");
    }

    #[test]
    fn uses_nothing_of_the_future() {
        let cells = parse(straight().as_bytes(), "X").unwrap();
        let start = score(&cells).fans[0].points[0].cycle;
        let mut other = cells.clone();
        other[0].capacities.truncate(start);
        let lows = |cells: &[Cell]| score(cells).fans[0].points.iter().map(|point| point.low).collect::<Vec<_>>();
        assert_eq!(lows(&cells), lows(&other));
    }

    #[test]
    fn beats_the_straight_line_on_public_cells() {
        let mut cells = Vec::new();
        for name in ["battery/mit_capacity.csv.gz", "battery/nasa_capacity.csv"] {
            let Some(path) = public(name) else { return };
            cells.extend(read(&path).unwrap());
        }
        let score = score(&cells);
        for (dataset, own) in &score.datasets {
            println!("{dataset}: {own:#?}");
        }
        let mit = &score.datasets["MIT"];
        assert_eq!((mit.cells, mit.times, score.datasets["NASA"].cells), (125, 114, 4));
        assert!(mit.soh_mae_50.unwrap() < 0.65 * mit.floor_mae_50.unwrap(), "{mit:?}");
        assert!(mit.cycles_to_090_median_error.unwrap() < 0.12, "{mit:?}");
        assert!(mit.floor_cycles_to_090_median_error.unwrap() > 1.0, "{mit:?}");
        for coverage in [mit.coverage80, mit.time_coverage80] {
            assert!((0.75..0.87).contains(&coverage.unwrap()), "{mit:?}");
        }
    }
}
