//! A replay: logs laid one after the other as the life of one vehicle, faults laid over them.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rules::unit::Time;

use super::log::{Log, LogError};
use super::mapping::Mapping;
use super::trip::{self, Tally};
use crate::fault::planted::{Course, Ignition};
use crate::fault::{FAULTS, Planted, PlantedError};
use crate::frame::Frame;
use crate::truth::Truth;

/// What is to be replayed.
#[derive(Clone, Debug)]
pub struct Plan {
    mapping: Mapping,
    logs: Vec<Log>,
    planted: Vec<Planted>,
    start: Time,
    survey: OnceLock<Vec<Surveyed>>,
}

/// What is known of a trip without keeping it.
#[derive(Clone, Copy, Debug)]
struct Surveyed {
    begin: Time,
    end: Time,
    rows: u64,
}

/// Why a replay cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("open the logs")]
    Log(#[from] LogError),
    #[error("read a fault to plant")]
    Planted(#[from] PlantedError),
    #[error("`{0}` cannot be laid over a log; {1} can")]
    NoOverlay(&'static str, String),
    #[error("`{0}` is not trip1 to trip{1}")]
    NoTrip(String, usize),
}

impl Plan {
    /// Opens the logs; the first trip begins at `start`, unless rows have dates of their own.
    pub fn open(mapping: Mapping, paths: &[impl AsRef<Path>], start: Time) -> Result<Self, PlanError> {
        let mut logs = Vec::new();
        for path in paths {
            logs.extend(Log::open(path.as_ref())?);
        }
        Ok(Self { mapping, logs, planted: Vec::new(), start, survey: OnceLock::new() })
    }

    pub const fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    pub fn trips(&self) -> usize {
        self.logs.len()
    }

    /// Moves everything so that the first trip begins at another time.
    pub fn move_to(&mut self, start: Time) {
        self.start = start;
        self.survey = OnceLock::new();
    }

    /// Plants `FAULT@TIME`, where the time is an instant, a span from the start, or `tripN`.
    pub fn plant(&mut self, text: &str) -> Result<(), PlanError> {
        let planted = match text.split_once("@trip") {
            Some((key, number)) => {
                let trips = self.trips();
                let wrong = || PlanError::NoTrip(format!("trip{number}"), trips);
                let number: usize = number.parse().map_err(|_| wrong())?;
                let trip = number.checked_sub(1).and_then(|place| self.survey().get(place)).ok_or_else(wrong)?;
                Planted::parse(&format!("{key}@{}", trip.begin), self.start)?
            }
            None => Planted::parse(text, self.start)?,
        };
        if planted.fault.overlay.is_none() {
            let able = FAULTS.iter().filter(|fault| fault.overlay.is_some());
            let able: Vec<_> = able.map(|fault| fault.key).collect();
            return Err(PlanError::NoOverlay(planted.fault.key, able.join(", ")));
        }
        self.planted.push(planted);
        Ok(())
    }

    /// Takes every planted fault out again.
    pub fn clear(&mut self) {
        self.planted.clear();
    }

    /// Rows of all logs, to measure progress against.
    pub fn rows(&self) -> u64 {
        self.survey().iter().map(|trip| trip.rows).sum()
    }

    /// From the first to the last frame.
    pub fn extent(&self) -> (Time, Time) {
        let survey = self.survey();
        let begin = survey.first().map_or(self.start, |trip| trip.begin);
        (begin, survey.last().map_or(self.start, |trip| trip.end))
    }

    /// The frames, in order; the tally fills as they are taken.
    pub fn replay(&self) -> Replay {
        Replay {
            sums: self.sums(),
            courses: self.planted.iter().copied().map(Course::new).collect(),
            cursor: self.start,
            logs: self.logs.clone().into(),
            mapping: self.mapping.clone(),
            ready: VecDeque::new(),
            tally: Arc::new(Tally::default()),
        }
    }

    /// Reads all logs once.
    fn survey(&self) -> &[Surveyed] {
        self.survey.get_or_init(|| {
            let mut sums = self.sums();
            let mut cursor = self.start;
            let mut survey = Vec::with_capacity(self.logs.len());
            for log in &self.logs {
                let trip = trip::read(log, &self.mapping, cursor, &mut sums);
                survey.push(Surveyed { begin: trip.begin, end: trip.end, rows: trip.counts.rows });
                cursor = trip.end + self.mapping.trips.gap;
            }
            survey
        })
    }

    fn sums(&self) -> Vec<f64> {
        self.mapping.integrals.iter().map(|integral| integral.start).collect()
    }
}

/// A replay on its way; an iterator over frames in order.
pub struct Replay {
    mapping: Mapping,
    logs: VecDeque<Log>,
    cursor: Time,
    sums: Vec<f64>,
    ready: VecDeque<Frame>,
    courses: Vec<Course>,
    tally: Arc<Tally>,
}

impl Replay {
    /// What has been read so far; stays readable while the replay is consumed elsewhere.
    pub fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    /// The truth about the planted faults so far.
    pub fn truths(&self, vehicle: &str) -> Vec<Truth> {
        self.courses.iter().filter_map(|course| course.truth(vehicle)).collect()
    }

    fn next_trip(&mut self) -> bool {
        let Some(log) = self.logs.pop_front() else { return false };
        let trip = trip::read(&log, &self.mapping, self.cursor, &mut self.sums);
        self.cursor = trip.end + self.mapping.trips.gap;
        self.tally.add(&trip.counts);
        self.ready = trip.frames;
        for course in &mut self.courses {
            course.next_trip();
        }
        true
    }
}

impl Iterator for Replay {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        while self.ready.is_empty() {
            if !self.next_trip() {
                return None;
            }
        }
        let mut frame = self.ready.pop_front()?;
        for course in &mut self.courses {
            course.notice(frame.at, true);
            course.overlay(&mut frame);
            // A marker frame is no driving; no fault that can be laid over a log asks for more.
            let parked_h = if frame.readings.len() > 1 { 0.0 } else { 1.0 };
            course.judge(&frame, PLACARD_KPA, Ignition { parked_h, driven_h: 0.0 });
        }
        Some(frame)
    }
}

/// Recorded cars do not say; no fault that can be laid over a log asks for it.
const PLACARD_KPA: f64 = 230.0;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rules::catalogue::Catalogue;

    use super::*;
    use crate::signal;

    fn start() -> Time {
        Time::parse("2026-05-01T00:00:00Z").unwrap()
    }

    /// The public log, if this machine has it.
    fn carobd() -> Option<Plan> {
        let folder = std::env::var_os("PREMEND_DATA")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
        let places = [folder.clone(), PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data")];
        let archive = places.iter().map(|place| place.join("carobd/carobd.tar.gz")).find(|path| path.exists());
        let Some(archive) = archive else {
            eprintln!("SKIPPED: no carobd/carobd.tar.gz in {}; set PREMEND_DATA", folder.display());
            return None;
        };
        let mapping = Mapping::carobd(&Catalogue::builtin().unwrap().signals).unwrap();
        Some(Plan::open(mapping, &[archive], start()).unwrap())
    }

    #[test]
    fn accounts_for_every_row_of_carobd() {
        let Some(plan) = carobd() else { return };
        assert_eq!((plan.trips(), plan.rows()), (129, 304_299));
        let mut replay = plan.replay();
        let tally = replay.tally();
        let mut last = Time::NEVER;
        let mut frames = 0_u64;
        for frame in &mut replay {
            assert!(frame.at > last, "{} after {last}", frame.at);
            last = frame.at;
            frames += 1;
        }
        let counts = tally.counts();
        assert_eq!((counts.trips, counts.rows, counts.frames, counts.markers), (129, 304_299, 304_299, 258));
        assert_eq!(frames, 304_299 + 258);
        // One log of 24 columns and three rows that were cut.
        assert_eq!((counts.short_rows, counts.long_rows, counts.not_numeric), (2_290, 0, 0));
        assert_eq!((counts.without_time, counts.unreadable_rows, counts.absent_columns), (0, 0, 0));
        assert_eq!(plan.extent().1, last);
        let driven: f64 = plan.survey().iter().map(|trip| trip.end.since(trip.begin).secs_f64() / 3_600.0).sum();
        assert!((40.0..44.0).contains(&driven), "{driven} hours");
    }

    #[test]
    fn lays_faults_over_recorded_trips() {
        let Some(mut plan) = carobd() else { return };
        for text in ["coolant-loss@trip20", "low-charging@trip40", "misfire@trip60"] {
            plan.plant(text).unwrap();
        }
        let mut replay = plan.replay();
        let (mut hottest_before, mut hottest) = (0.0_f64, 0.0_f64);
        let mut codes = Vec::new();
        let began = plan.survey()[19].begin;
        for frame in &mut replay {
            let coolant = frame.get(signal::COOLANT).unwrap_or_default();
            hottest = hottest.max(coolant);
            if frame.at < began {
                hottest_before = hottest_before.max(coolant);
            }
            codes.extend(frame.codes.iter().map(|code| code.status));
        }
        assert!(hottest_before <= 96.0 && hottest > 120.0, "{hottest_before} {hottest}");
        assert_eq!((codes.first(), codes.last()), (Some(&0x27), Some(&0xAF)));
        let truths = replay.truths("car");
        assert_eq!(truths.len(), 3);
        assert!(truths.iter().all(|truth| truth.threshold.is_some()), "{truths:?}");
    }

    #[test]
    fn refuses_faults_that_cannot_be_laid_over_a_log() {
        let mapping = Mapping::carobd(&Catalogue::builtin().unwrap().signals).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.csv");
        std::fs::write(&path, "ENGINE_RUN_TINE (),ENGINE_RPM ()\n0,900\n1,900\n").unwrap();
        let mut plan = Plan::open(mapping, &[path], start()).unwrap();
        assert!(matches!(plan.plant("slow-leak@2h"), Err(PlanError::NoOverlay(..))));
        assert!(matches!(plan.plant("misfire@trip2"), Err(PlanError::NoTrip(..))));
        assert!(plan.plant("misfire@trip1").is_ok());
    }
}
