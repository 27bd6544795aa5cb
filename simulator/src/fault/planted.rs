//! A fault in one vehicle: when it was planted, when it began, how far it has come.

use rand_chacha::ChaCha8Rng;
use rules::unit::{Span, Time, TimeError};

use super::magnitude::{self, Effect, Magnitude};
use super::{Begins, Circumstances, Fault, Stage, fault};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::truth::Truth;

/// A fault as it is asked for: what, when, and on which of several like parts.
#[derive(Clone, Copy, Debug)]
pub struct Planted {
    pub fault: &'static Fault,
    pub at: Time,
    /// `None`: as quickly as a demonstration needs it, and always the same.
    pub magnitude: Option<Magnitude>,
    /// Instead of the catalogue's onset.
    pub onset: Option<Span>,
    pub place: usize,
}

/// Why a text does not name a fault.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlantedError {
    #[error("`{0}` is not FAULT@TIME")]
    Form(String),
    #[error("there is no fault `{0}`; there are {1}")]
    Unknown(String, String),
    #[error("there is no magnitude `{0}`; there are small, typical, severe")]
    Magnitude(String),
    #[error("when the fault begins")]
    Time(#[source] TimeError),
}

impl Planted {
    pub const fn new(fault: &'static Fault, at: Time) -> Self {
        Self { fault, at, magnitude: None, onset: None, place: 0 }
    }

    /// The same as workshops meet it.
    #[must_use]
    pub const fn of(self, magnitude: Magnitude) -> Self {
        Self { magnitude: Some(magnitude), ..self }
    }

    /// The same on another of several like parts, such as a wheel.
    #[must_use]
    pub const fn on(self, place: usize) -> Self {
        Self { place, ..self }
    }

    fn effect(&self) -> Effect {
        let effect = magnitude::effect(self.fault.key, self.magnitude);
        Effect { onset: self.onset.unwrap_or(effect.onset), ..effect }
    }

    /// Reads `coolant-loss@2026-11-22T08:00:00Z` or, counted from `start`, `coolant-loss@2h`; behind either, a
    /// magnitude: `slow-leak@2d/severe`.
    pub fn parse(text: &str, start: Time) -> Result<Self, PlantedError> {
        let (key, when) = text.split_once('@').ok_or_else(|| PlantedError::Form(text.to_owned()))?;
        let fault = fault(key).ok_or_else(|| PlantedError::Unknown(key.to_owned(), known()))?;
        let (when, magnitude) = match when.split_once('/') {
            Some((when, name)) => {
                let wrong = || PlantedError::Magnitude(name.to_owned());
                (when, Some(Magnitude::parse(name).ok_or_else(wrong)?))
            }
            None => (when, None),
        };
        let at = match Span::parse(when) {
            Ok(after) => start + after,
            Err(_) => Time::parse(when).map_err(PlantedError::Time)?,
        };
        Ok(Self { magnitude, ..Self::new(fault, at) })
    }
}

fn known() -> String {
    super::FAULTS.iter().map(|fault| fault.key).collect::<Vec<_>>().join(", ")
}

/// How long the ignition has been as it is, in hours; one of them is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ignition {
    pub parked_h: f64,
    pub driven_h: f64,
}

/// A planted fault at work in a vehicle or over a log.
#[derive(Clone, Debug)]
pub struct Course {
    planted: Planted,
    effect: Effect,
    started: Option<Time>,
    trips: u32,
    threshold: Option<Time>,
    failure: Option<Time>,
    told: Option<Truth>,
}

impl Course {
    pub fn new(planted: Planted) -> Self {
        Self { effect: planted.effect(), planted, started: None, trips: 0, threshold: None, failure: None, told: None }
    }

    /// The same fault in one of many vehicles: its magnitude is drawn. The quick one is always the same.
    pub fn drawn(planted: Planted, rng: &mut ChaCha8Rng) -> Self {
        let exact = Self::new(planted);
        let spread = magnitude::entry(planted.fault.key).map_or(0.0, |entry| entry.spread);
        if planted.magnitude.is_none() {
            return exact;
        }
        let drawn = exact.effect.drawn(spread, rng);
        Self { effect: Effect { onset: planted.onset.unwrap_or(drawn.onset), ..drawn }, ..exact }
    }

    /// Lets the fault begin if its time has come.
    pub fn notice(&mut self, now: Time, on_the_road: bool) {
        let ready = self.planted.fault.begins == Begins::AtOnce || on_the_road;
        if self.started.is_none() && now >= self.planted.at && ready {
            self.started = Some(now);
        }
    }

    /// A trip begins.
    pub const fn next_trip(&mut self) {
        if self.started.is_some() {
            self.trips += 1;
        }
    }

    /// How far it has come; `None` before it began.
    pub fn stage(&self, now: Time) -> Option<Stage> {
        let secs = now.since(self.started?).secs_f64();
        let Effect { strength, rate, onset } = self.effect;
        Some(Stage {
            strength,
            rate,
            progress: (secs / onset.secs_f64().max(1e-3)).clamp(0.0, 1.0),
            days: secs / 86_400.0,
            secs,
            place: self.planted.place,
            trips: self.trips,
        })
    }

    /// Adds it to the sum of all faults.
    pub fn strain(&self, now: Time, strain: &mut Strain) {
        if let Some(stage) = self.stage(now) {
            (self.planted.fault.strain)(&stage, strain);
        }
    }

    /// Lays it over a recorded frame.
    pub fn overlay(&self, frame: &mut Frame) {
        if let (Some(stage), Some(overlay)) = (self.stage(frame.at), self.planted.fault.overlay) {
            overlay(&stage, frame);
        }
    }

    /// Judges whether a frame shows the threshold crossed, or the part failed.
    pub fn judge(&mut self, frame: &Frame, placard_kpa: f64, Ignition { parked_h, driven_h }: Ignition) {
        let Some(started) = self.started else { return };
        let fault = self.planted.fault;
        let around = Circumstances { placard_kpa, parked_h, driven_h, started, place: self.planted.place };
        if self.threshold.is_none() && (fault.crossed)(frame, &around) {
            self.threshold = Some(frame.at);
        }
        if self.failure.is_none() && (fault.failed)(frame, &around) {
            self.failure = Some(frame.at);
        }
    }

    /// The vehicle fell silent: that is all anybody will ever see of it.
    pub const fn silenced(&mut self, now: Time) {
        if self.threshold.is_none() && self.started.is_some() {
            self.threshold = Some(now);
        }
    }

    /// The truth about it so far; `None` before it began.
    pub fn truth(&self, vehicle: &str) -> Option<Truth> {
        Some(Truth {
            vehicle: vehicle.to_owned(),
            fault: self.planted.fault.key.to_owned(),
            component: self.planted.fault.component(self.planted.place).to_owned(),
            severity: self.planted.fault.severity,
            magnitude: self.planted.magnitude,
            start: self.started?,
            threshold: self.threshold,
            failure: self.failure,
        })
    }

    /// The truth, if it changed since it was told last.
    pub fn news(&mut self, vehicle: &str) -> Option<Truth> {
        let truth = self.truth(vehicle);
        if truth == self.told {
            return None;
        }
        self.told.clone_from(&truth);
        truth
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::coolant_loss;
    use crate::random::{Purpose, stream};

    #[test]
    fn reads_instants_and_spans_and_names_the_known_faults() {
        let start = Time::from_secs(1_790_000_000);
        assert_eq!(Planted::parse("misfire@2h", start).unwrap().at, start + Span::from_hours(2));
        let at = Planted::parse("misfire@2026-11-22T08:00:00Z", start).unwrap().at;
        assert_eq!(at.to_string(), "2026-11-22T08:00:00Z");
        let severe = Planted::parse("misfire@2h/severe", start).unwrap();
        assert_eq!((severe.magnitude, severe.at), (Some(Magnitude::Severe), start + Span::from_hours(2)));
        assert!(matches!(Planted::parse("misfire@2h/huge", start), Err(PlantedError::Magnitude(_))));
        assert!(matches!(Planted::parse("misfire", start), Err(PlantedError::Form(_))));
        assert!(Planted::parse("gremlin@2h", start).unwrap_err().to_string().contains("coolant-loss"));
    }

    #[test]
    fn vehicles_differ_in_what_is_drawn_and_not_in_what_is_quick() {
        let planted = Planted::new(&coolant_loss::FAULT, Time::from_secs(1_000));
        let drawn = |planted, seed| Course::drawn(planted, &mut stream(seed, 1, Purpose::Planting, 1)).effect;
        let typical = planted.of(Magnitude::Typical);
        assert_eq!(drawn(typical, 1), drawn(typical, 1));
        assert_ne!(drawn(typical, 1), drawn(typical, 2));
        assert_eq!(drawn(planted, 1), drawn(planted, 2));
    }

    #[test]
    fn begins_on_the_road_when_it_must() {
        let at = Time::from_secs(1_000);
        let mut course = Course::new(Planted::new(&coolant_loss::FAULT, at));
        course.notice(at, false);
        assert!(course.stage(at).is_none());
        let later = at + Span::from_mins(4);
        course.notice(later, true);
        assert_eq!(course.stage(later + Span::from_mins(4)).unwrap().progress, 0.5);
    }
}
