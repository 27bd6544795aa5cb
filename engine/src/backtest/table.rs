//! Tables: each row of CSV or Parquet becomes a line of the wire and goes the way of all lines.
//!
//! Without a mapping the columns are `vehicle`, `ts` (RFC 3339, or a Parquet timestamp) and paths of
//! signals. A mapping names them otherwise and converts. Rows of a vehicle are numbered as they come.
//! What is said here holds for both; CSV is read here, Parquet in a file of its own.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Read;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use rules::entry::signal::{Kind, Signals};
use rules::unit::Time;
use simulator::replay::{Column, Mapping, TimeUnit};

use super::feed::{Feed, Line, Parcel};

/// Rows of one parcel.
const ROWS: usize = 4_096;

/// What the columns of a table mean.
pub struct Columns {
    vehicle: String,
    time: String,
    unit: TimeUnit,
    delimiter: u8,
    /// Empty: every column whose name is the path of a signal.
    mapped: Vec<Column>,
    signals: Vec<(String, Kind)>,
}

impl Columns {
    /// Those of a mapping, or the plain ones.
    pub fn new(mapping: Option<&Mapping>, signals: &Signals) -> anyhow::Result<Self> {
        let known = signals.iter().filter(|(_, signal)| !signal.feature);
        let signals = known.map(|(_, signal)| (signal.path.clone(), signal.kind.clone())).collect();
        let Some(mapping) = mapping else {
            let (vehicle, time) = ("vehicle".to_owned(), "ts".to_owned());
            return Ok(Self { vehicle, time, unit: TimeUnit::Rfc3339, delimiter: b',', mapped: Vec::new(), signals });
        };
        let Some(vehicle) = mapping.vehicle.clone() else {
            bail!("the mapping needs `vehicle = \"<column>\"` to say which vehicle a row is about");
        };
        let Some(time) = mapping.time.column.clone() else {
            bail!("the mapping needs `[time] column` to say when a row was measured");
        };
        let (unit, delimiter) = (mapping.time.unit, mapping.delimiter as u8);
        Ok(Self { vehicle, time, unit, delimiter, mapped: mapping.columns.clone(), signals })
    }

    /// Where in a header everything stands.
    pub(super) fn layout(&self, header: &[String]) -> anyhow::Result<Layout<'_>> {
        let place = |name: &str| header.iter().position(|column| column == name);
        let need = |name: &str| place(name).with_context(|| format!("there is no column `{name}`"));
        let kind_of = |path: &str| self.signals.iter().find(|(own, _)| own == path).map(|(_, kind)| kind);
        let values: Vec<Mapped<'_>> = if self.mapped.is_empty() {
            let named = header.iter().enumerate();
            named
                .filter_map(|(place, name)| {
                    let (path, kind) = self.signals.iter().find(|(path, _)| path == name)?;
                    Some(Mapped { place, path, kind, column: None })
                })
                .collect()
        } else {
            let found = self.mapped.iter().filter_map(|column| Some((place(&column.name)?, column)));
            found
                .filter_map(|(place, column)| {
                    Some(Mapped { place, path: &column.signal, kind: kind_of(&column.signal)?, column: Some(column) })
                })
                .collect()
        };
        ensure!(!values.is_empty(), "none of the columns is a signal");
        Ok(Layout { vehicle: need(&self.vehicle)?, time: need(&self.time)?, unit: self.unit, values })
    }
}

pub(super) struct Layout<'a> {
    vehicle: usize,
    time: usize,
    unit: TimeUnit,
    values: Vec<Mapped<'a>>,
}

struct Mapped<'a> {
    place: usize,
    path: &'a str,
    kind: &'a Kind,
    column: Option<&'a Column>,
}

/// One field of a row.
pub(super) enum Cell {
    Nothing,
    Number(f64),
    Flag(bool),
    Text(String),
    #[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "only Parquet has a type for instants"))]
    Time(Time),
}

pub fn read_csv(source: Box<dyn Read>, columns: &Columns, feed: &mut Feed<'_>) -> anyhow::Result<()> {
    let mut reader = csv::ReaderBuilder::new().delimiter(columns.delimiter).flexible(true).from_reader(source);
    let header: Vec<String> = reader.headers()?.iter().map(|name| name.trim().to_owned()).collect();
    let layout = columns.layout(&header)?;
    let mut writer = Writer::new(feed.place.offset);
    for record in reader.records() {
        let record = record?;
        writer.row(&layout, |place| cell_of_text(record.get(place).unwrap_or_default().trim()), feed)?;
    }
    writer.hand_out(feed)
}

fn cell_of_text(text: &str) -> Cell {
    match text {
        "" => Cell::Nothing,
        "true" => Cell::Flag(true),
        "false" => Cell::Flag(false),
        _ => text.parse().map_or_else(|_| Cell::Text(text.to_owned()), Cell::Number),
    }
}

/// Rows as lines, until there are enough for a parcel.
pub(super) struct Writer {
    /// Next number of each vehicle.
    seqs: HashMap<String, u64>,
    lines: Vec<u8>,
    spans: Vec<Vec<Line>>,
    rows: u64,
    /// Rows that a snapshot has seen: numbered, and not sent again.
    seen: u64,
}

impl Writer {
    pub(super) fn new(seen: u64) -> Self {
        Self { seqs: HashMap::new(), lines: Vec::new(), spans: Vec::new(), rows: 0, seen }
    }

    pub(super) fn row(
        &mut self,
        layout: &Layout<'_>,
        cell: impl Fn(usize) -> Cell,
        feed: &mut Feed<'_>,
    ) -> anyhow::Result<()> {
        self.rows += 1;
        let vehicle = match cell(layout.vehicle) {
            Cell::Text(text) => text,
            Cell::Number(number) => format!("{number}"),
            _ => String::new(),
        };
        let measured_at = time(&cell(layout.time), layout.unit);
        let (Some(at), false) = (measured_at, vehicle.is_empty()) else {
            feed.nameless += 1;
            return Ok(());
        };
        let seq = self.seqs.entry(vehicle.clone()).or_insert(0);
        *seq += 1;
        if self.rows <= self.seen {
            return Ok(());
        }
        let mut line = format!("{{\"vehicle\":{},\"stream\":1,\"seq\":{seq},", serde_json::to_string(&vehicle)?);
        let _ = write!(line, "\"ts\":\"{at}\",\"signals\":{{");
        let mut comma = "";
        for mapped in &layout.values {
            if let Some(value) = value(mapped, &cell(mapped.place)) {
                let _ = write!(line, "{comma}\"{}\":{value}", mapped.path);
                comma = ",";
            }
        }
        line.push_str("}}\n");
        let from = self.lines.len();
        self.lines.extend_from_slice(line.as_bytes());
        self.spans.resize_with(feed.shards.len(), Vec::new);
        let (shard, line) = feed.line(&vehicle, from, self.lines.len() - 1);
        self.spans[shard].push(line);
        if self.spans.iter().map(Vec::len).sum::<usize>() >= ROWS {
            self.hand_out(feed)?;
        }
        Ok(())
    }

    pub(super) fn hand_out(&mut self, feed: &mut Feed<'_>) -> anyhow::Result<()> {
        let buffer = Arc::new(std::mem::take(&mut self.lines));
        for (shard, spans) in self.spans.drain(..).enumerate().filter(|(_, spans)| !spans.is_empty()) {
            feed.send(shard, Parcel::Lines { buffer: Arc::clone(&buffer), spans })?;
        }
        feed.progress.inc(buffer.len() as u64);
        feed.reached(self.rows)
    }
}

fn time(cell: &Cell, unit: TimeUnit) -> Option<Time> {
    match (cell, unit) {
        (Cell::Time(at), _) => Some(*at),
        (Cell::Text(text), _) => Time::parse(text).ok(),
        (Cell::Number(number), TimeUnit::Ms) => Some(Time::from_micros((number * 1e3) as i64)),
        (Cell::Number(number), TimeUnit::S) => Some(Time::from_micros((number * 1e6) as i64)),
        _ => None,
    }
}

/// The value as the wire writes it; nothing where the field is blank or no value of the signal.
fn value(mapped: &Mapped<'_>, cell: &Cell) -> Option<String> {
    match (mapped.kind, cell) {
        (Kind::Number, Cell::Number(number)) => {
            let number = mapped.column.map_or(*number, |column| column.value(*number));
            number.is_finite().then(|| number.to_string())
        }
        (Kind::Flag, Cell::Flag(flag)) => Some(flag.to_string()),
        (Kind::Flag, Cell::Number(number)) => Some((*number != 0.0).to_string()),
        (Kind::Words(_), Cell::Text(text)) => serde_json::to_string(text).ok(),
        _ => None,
    }
}
