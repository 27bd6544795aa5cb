//! One log read as one trip: rows to frames, with every row and value accounted for.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use rules::unit::{Span, Time};
use serde::Serialize;

use super::log::Log;
use super::mapping::{Mapping, Marker, TimeUnit};
use super::times::{self, Told};
use crate::frame::{Frame, Name, Value, round};

/// How much of the logs has been read, and what was wrong with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub trips: u64,
    pub rows: u64,
    /// Rows that became a frame; the others had no value at all.
    pub frames: u64,
    /// Frames of our own at the beginning and end of trips.
    pub markers: u64,
    pub readings: u64,
    /// Rows with fewer fields than the header.
    pub short_rows: u64,
    /// Rows with more fields than the header, a trailing comma apart.
    pub long_rows: u64,
    /// Mapped fields that are absent or blank.
    pub missing: u64,
    pub not_numeric: u64,
    /// Rows whose time had to be assumed.
    pub without_time: u64,
    /// Mapped columns that a log's header lacks, summed over logs.
    pub absent_columns: u64,
    /// Rows that are no text.
    pub unreadable_rows: u64,
}

/// Counts that can be watched while a replay runs.
#[derive(Debug, Default)]
pub struct Tally([AtomicU64; 12]);

impl Tally {
    pub fn counts(&self) -> Counts {
        let at = |place: usize| self.0.get(place).map_or(0, |count| count.load(Ordering::Relaxed));
        Counts {
            trips: at(0),
            rows: at(1),
            frames: at(2),
            markers: at(3),
            readings: at(4),
            short_rows: at(5),
            long_rows: at(6),
            missing: at(7),
            not_numeric: at(8),
            without_time: at(9),
            absent_columns: at(10),
            unreadable_rows: at(11),
        }
    }

    pub(super) fn add(&self, counts: &Counts) {
        let parts = [
            counts.trips,
            counts.rows,
            counts.frames,
            counts.markers,
            counts.readings,
            counts.short_rows,
            counts.long_rows,
            counts.missing,
            counts.not_numeric,
            counts.without_time,
            counts.absent_columns,
            counts.unreadable_rows,
        ];
        for (count, part) in self.0.iter().zip(parts) {
            count.fetch_add(part, Ordering::Relaxed);
        }
    }
}

/// The rows of one trip, and where they stand in the vehicle's life.
pub struct Trip {
    pub frames: VecDeque<Frame>,
    pub begin: Time,
    pub end: Time,
    pub counts: Counts,
}

/// What a row said.
struct Row {
    told: Told,
    readings: Vec<(Name, Value)>,
}

/// Reads a log as the trip that begins at `begin`, unless its rows have dates of their own.
pub fn read(log: &Log, mapping: &Mapping, begin: Time, sums: &mut [f64]) -> Trip {
    let mut counts = Counts { trips: 1, ..Counts::default() };
    let rows = rows(log, mapping, &mut counts);
    let told: Vec<Told> = rows.iter().map(|row| row.told).collect();
    let first = told.iter().flatten().next().copied();
    let begin = match (mapping.time.unit, first) {
        (TimeUnit::Rfc3339, Some(micros)) => Time::from_micros(micros),
        _ => begin + MARGIN,
    };
    let mut frames = VecDeque::with_capacity(rows.len() + 2);
    frames.extend(marker(&mapping.trips.begin, begin - MARGIN));
    let mut sums = Sums::new(mapping, sums, begin);
    let mut at = begin;
    for (row, since) in rows.into_iter().zip(times::since_first(&told, mapping.time.period)) {
        at = begin + since;
        if row.readings.is_empty() {
            continue;
        }
        let mut frame = Frame { at, readings: row.readings, codes: Vec::new() };
        sums.add_to(&mut frame);
        counts.frames += 1;
        counts.readings += frame.readings.len() as u64;
        frames.push_back(frame);
    }
    let end = at + MARGIN;
    frames.extend(marker(&mapping.trips.end, end));
    counts.markers = frames.len() as u64 - counts.frames;
    Trip { frames, begin: begin - MARGIN, end, counts }
}

/// Between the rows of a trip and the markers around it.
const MARGIN: Span = Span::from_secs(1);

fn rows(log: &Log, mapping: &Mapping, counts: &mut Counts) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(u8::try_from(mapping.delimiter).unwrap_or(b','))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(log.text.as_slice());
    let Ok(header) = reader.headers().cloned() else {
        counts.unreadable_rows += 1;
        return Vec::new();
    };
    let place_of = |name: &str| header.iter().position(|own| own == name);
    let columns: Vec<_> = mapping.columns.iter().map(|column| (place_of(&column.name), column)).collect();
    counts.absent_columns += columns.iter().filter(|(place, _)| place.is_none()).count() as u64;
    let time_place = mapping.time.column.as_deref().and_then(place_of);
    let width = header.len();
    let mut rows = Vec::new();
    for record in reader.records() {
        counts.rows += 1;
        let Ok(record) = record else {
            counts.unreadable_rows += 1;
            continue;
        };
        count_width(&record, width, counts);
        let told =
            time_place.and_then(|place| record.get(place)).and_then(|field| times::read(field, mapping.time.unit));
        counts.without_time += u64::from(told.is_none() && mapping.time.column.is_some());
        let mut readings = Vec::with_capacity(columns.len() + mapping.integrals.len());
        for (place, column) in &columns {
            let field = place.and_then(|place| record.get(place)).unwrap_or_default();
            if field.is_empty() {
                counts.missing += 1;
            } else if let Some(logged) = field.parse::<f64>().ok().filter(|logged| logged.is_finite()) {
                // Six digits are more than any sensor has; the rest is binary dust.
                let value = round(column.value(logged), 1e6);
                readings.push((Cow::Owned(column.signal.clone()), Value::Number(value)));
            } else {
                counts.not_numeric += 1;
            }
        }
        rows.push(Row { told, readings });
    }
    rows
}

fn count_width(record: &csv::StringRecord, width: usize, counts: &mut Counts) {
    let trailing = record.len() == width + 1 && record.get(width).is_some_and(str::is_empty);
    counts.short_rows += u64::from(record.len() < width);
    counts.long_rows += u64::from(record.len() > width && !trailing);
}

fn marker(markers: &[Marker], at: Time) -> Option<Frame> {
    if markers.is_empty() {
        return None;
    }
    let reading = |marker: &Marker| (Cow::Owned(marker.signal.clone()), Value::Word(marker.word.clone()));
    Some(Frame { at, readings: markers.iter().map(reading).collect(), codes: Vec::new() })
}

/// Signals that are summed up from others, over all trips.
struct Sums<'a> {
    mapping: &'a Mapping,
    values: &'a mut [f64],
    last: Time,
    told: Vec<Time>,
}

impl<'a> Sums<'a> {
    fn new(mapping: &'a Mapping, values: &'a mut [f64], begin: Time) -> Self {
        Self { mapping, told: vec![Time::NEVER; values.len()], values, last: begin }
    }

    fn add_to(&mut self, frame: &mut Frame) {
        let secs = frame.at.since(self.last).secs_f64().min(60.0);
        self.last = frame.at;
        for ((integral, sum), told) in self.mapping.integrals.iter().zip(&mut *self.values).zip(&mut self.told) {
            *sum += frame.get(&integral.of).unwrap_or_default() * integral.scale * secs;
            if frame.at.since(*told) >= integral.every {
                *told = frame.at;
                frame.readings.push((Cow::Owned(integral.signal.clone()), Value::Number(sum.round())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rules::catalogue::Catalogue;

    use super::*;

    const MAPPING: &str = r#"
        model = "compact-ice"
        [time]
        column = "t"
        period = "1s"
        [trips]
        begin = [{ signal = "Vehicle.LowVoltageSystemState", word = "ON" }]
        [[column]]
        name = "v"
        signal = "Vehicle.Speed"
        [[column]]
        name = "u"
        signal = "Vehicle.LowVoltageBattery.CurrentVoltage"
        scale = 0.001
        [[integral]]
        signal = "Vehicle.TraveledDistance"
        of = "Vehicle.Speed"
        scale = 0.2777777777777778
        start = 1000.0
        every = "1s"
    "#;

    fn trip(text: &str) -> Trip {
        let mapping = Mapping::parse(MAPPING, &Catalogue::builtin().unwrap().signals).unwrap();
        let log = Log { name: "one".into(), text: text.as_bytes().to_vec() };
        read(&log, &mapping, Time::from_secs(1_790_000_000), &mut [1_000.0])
    }

    #[test]
    fn accounts_for_short_long_blank_and_odd_rows() {
        let trip = trip("t,v,u\n0,36,12500,\n1,36\n2,x,12400\n3, ,12300\n,36,12200\n4,36,12100,9\n");
        let counts = trip.counts;
        assert_eq!((counts.rows, counts.frames, counts.markers), (6, 6, 1));
        assert_eq!((counts.short_rows, counts.long_rows), (1, 1));
        assert_eq!((counts.missing, counts.not_numeric, counts.without_time), (2, 1, 1));
        assert_eq!(trip.frames[1].get("Vehicle.LowVoltageBattery.CurrentVoltage"), Some(12.5));
        assert_eq!(trip.frames[1].at, trip.begin + Span::from_secs(1));
    }

    #[test]
    fn sums_up_what_the_log_lacks() {
        let trip = trip("t,v,u\n0,36,12\n1,36,12\n2,36,12\n");
        let metres: Vec<_> = trip.frames.iter().filter_map(|frame| frame.get("Vehicle.TraveledDistance")).collect();
        assert_eq!(metres, [1_000.0, 1_010.0, 1_020.0]);
    }

    #[test]
    fn a_header_that_lacks_a_column_is_counted() {
        let counts = trip("t,v\n0,36\n").counts;
        assert_eq!((counts.absent_columns, counts.missing, counts.short_rows), (1, 1, 0));
    }
}
