//! One simulated vehicle: an iterator over the frames of its life.
//!
//! It parks, drives and charges as its driver's agenda says, samples as a telematics unit would,
//! and carries the faults planted in it. Everything follows from seed and specification: the same
//! pair yields the same frames, bit for bit.

use std::collections::VecDeque;

use rules::time::{Span, Time};

use crate::body::Body;
use crate::climate::local_day;
use crate::driver::{Activity, Driver};
use crate::fault::Planted;
use crate::fault::planted::Course;
use crate::frame::{CodeReport, Frame};
use crate::model::Specification;
use crate::physics::Strain;
use crate::random::{Purpose, stream};
use crate::report::{Reporter, Session};
use crate::road::Drive;
use crate::truth::Truth;

/// How often a vehicle measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    pub driving: Span,
    /// For signals that change slowly, while driving.
    pub slow: Span,
    pub charging: Span,
    pub parked: Span,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            driving: Span::from_secs(10),
            slow: Span::from_secs(30),
            charging: Span::from_secs(30),
            parked: Span::from_hours(4),
        }
    }
}

/// Readings of resting cells after a charge.
const SETTLING: u8 = 4;

#[derive(Clone, Debug)]
enum Phase {
    Parked { next_report: Time },
    Driving { drive: Drive, last_slow: Time },
    Charging { fast: bool, target: f64, session: Session },
}

/// A vehicle, its driver, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Vehicle {
    pub spec: Specification,
    seed: u64,
    sampling: Sampling,
    driver: Driver,
    clock: Time,
    phase: Phase,
    /// Readings of resting cells that are still to come after a charge.
    settling: u8,
    /// Since when the ignition is off.
    off_since: Time,
    agenda: VecDeque<Activity>,
    next_day: i64,
    /// Trips outside the agenda, soonest first.
    errands: Vec<(Time, f64)>,
    trips: u64,
    body: Body,
    reporter: Reporter,
    courses: Vec<Course>,
    ready: VecDeque<Frame>,
    silent: bool,
}

impl Vehicle {
    /// A vehicle that has been parked since the evening before `start`.
    pub fn new(seed: u64, spec: Specification, start: Time, sampling: Sampling) -> Self {
        let ambient = spec.climate.temperature(seed, start);
        let noise = stream(seed, spec.number, Purpose::Noise, 0);
        Self {
            driver: Driver::new(seed, spec.number, spec.habit),
            body: Body::new(seed, &spec, ambient, start),
            spec,
            seed,
            sampling,
            clock: start,
            phase: Phase::Parked { next_report: start },
            settling: 0,
            off_since: start - Span::from_hours(10),
            agenda: VecDeque::new(),
            next_day: local_day(start),
            errands: Vec::new(),
            trips: 0,
            reporter: Reporter::new(noise),
            courses: Vec::new(),
            ready: VecDeque::new(),
            silent: false,
        }
    }

    /// Plants a fault.
    pub fn plant(&mut self, planted: Planted) {
        self.courses.push(Course::new(planted));
    }

    /// Sends the driver on a trip that is not in any agenda.
    pub fn send_on(&mut self, not_before: Time, km: f64) {
        let place = self.errands.partition_point(|(planned, _)| *planned <= not_before);
        self.errands.insert(place, (not_before, km));
    }

    /// The instant the simulation has reached.
    pub const fn clock(&self) -> Time {
        self.clock
    }

    /// The vehicle's systems, for tests and demonstrations.
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The truth about all faults that have begun.
    pub fn truths(&self) -> Vec<Truth> {
        self.courses.iter().filter_map(|course| course.truth(self.spec.id.as_str())).collect()
    }

    /// What is newly known about its faults since the last call.
    pub fn news(&mut self) -> Vec<Truth> {
        let id = self.spec.id.as_str();
        self.courses.iter_mut().filter_map(|course| course.news(id)).collect()
    }

    fn step(&mut self) {
        let driving = matches!(self.phase, Phase::Driving { .. });
        self.strain(driving);
        self.body.ambient = self.spec.climate.temperature(self.seed, self.clock);
        match std::mem::replace(&mut self.phase, Phase::Parked { next_report: self.clock }) {
            Phase::Parked { next_report } => self.park(next_report),
            Phase::Driving { drive, last_slow } => self.drive(drive, last_slow),
            Phase::Charging { fast, target, session } => self.charge(fast, target, session),
        }
    }

    fn strain(&mut self, on_the_road: bool) {
        let mut strain = Strain::default();
        for course in &mut self.courses {
            course.notice(self.clock, on_the_road);
            course.strain(self.clock, &mut strain);
        }
        self.body.strain = strain;
        if strain.silent && !self.silent {
            self.silent = true;
            for course in &mut self.courses {
                course.silenced(self.clock);
            }
        }
    }

    fn park(&mut self, next_report: Time) {
        let until = self.next_activity().not_before().max(self.clock);
        // A battery management system stays awake while a cell is hot.
        let anxious = self.body.strain.hot_cell_k > 15.0;
        let report = if anxious { next_report.min(self.clock + self.sampling.charging) } else { next_report };
        let wake = report.max(self.clock).min(until);
        self.body.rest(wake.since(self.clock).secs_f64());
        self.clock = wake;
        self.strain(false);
        self.body.ambient = self.spec.climate.temperature(self.seed, wake);
        if wake == until {
            self.agenda_begins(next_report);
        } else {
            self.report_parked();
        }
    }

    fn report_parked(&mut self) {
        let settling = self.settling > 0;
        let frame = if settling {
            self.reporter.settled(self.clock, &self.body)
        } else {
            self.reporter.parked(self.clock, &self.body)
        };
        self.settling = self.settling.saturating_sub(1);
        self.emit(frame);
        let pause = if self.settling > 0 { self.sampling.charging } else { self.sampling.parked };
        self.phase = Phase::Parked { next_report: self.clock + pause };
    }

    fn agenda_begins(&mut self, next_report: Time) {
        match self.agenda.pop_front() {
            Some(Activity::Drive { km, .. }) => self.begin_trip(km),
            Some(Activity::Charge { below, target, fast, .. }) if self.wants_charge(below) => {
                self.begin_charge(fast, target);
            }
            _ => self.phase = Phase::Parked { next_report },
        }
    }

    fn begin_trip(&mut self, km: f64) {
        // Nobody leaves with an empty battery who has a plug.
        if self.wants_charge(15.0) {
            self.agenda.push_front(Activity::Drive { not_before: self.clock, km });
            self.begin_charge(true, 70.0);
            return;
        }
        let frame = self.reporter.ignition_on(self.clock, &self.body);
        self.emit(frame);
        self.off_since = Time::NEVER;
        self.settling = 0;
        for course in &mut self.courses {
            course.next_trip();
        }
        let lowest = self.body.start();
        self.clock = self.clock + Span::from_secs(2);
        let mut start = self.reporter.start(self.clock, &self.body, lowest);
        self.tell_codes(&mut start);
        self.emit(start);
        self.clock = self.clock + Span::from_secs(2);
        let mut roads = stream(self.seed, self.spec.number, Purpose::Roads, self.trips);
        let mut drive = Drive::plan(km, &mut roads);
        self.trips += 1;
        let motion = drive.advance(1.0);
        self.body.drive(&motion);
        self.clock = self.clock + Span::from_secs(1);
        let mut frame = self.reporter.driving(self.clock, &self.body, true);
        frame.word(crate::signal::IGNITION, "ON");
        let remembered = self.body.memory.snapshot();
        self.pass_on(remembered, &mut frame);
        self.emit(frame);
        self.phase = Phase::Driving { drive, last_slow: self.clock };
    }

    fn drive(&mut self, mut drive: Drive, last_slow: Time) {
        let motion = drive.advance(self.sampling.driving.secs_f64());
        self.body.drive(&motion);
        self.clock = self.clock + Span::from_micros((motion.secs * 1e3).ceil() as i64 * 1_000);
        self.strain(true);
        if motion.arrived {
            self.body.stop();
            let mut frame = self.reporter.ignition_off(self.clock, &self.body);
            self.off_since = self.clock;
            self.tell_codes(&mut frame);
            self.emit(frame);
            self.phase = Phase::Parked { next_report: self.clock + self.sampling.parked };
            return;
        }
        if self.body.traction.as_ref().is_some_and(|traction| traction.pack.plug && traction.soc < 0.04) {
            drive.cut_short();
        }
        let slow = self.clock.since(last_slow) >= self.sampling.slow;
        let mut frame = self.reporter.driving(self.clock, &self.body, slow);
        self.tell_codes(&mut frame);
        self.emit(frame);
        self.phase = Phase::Driving { drive, last_slow: if slow { self.clock } else { last_slow } };
    }

    fn begin_charge(&mut self, fast: bool, target: f64) {
        self.body.charge(1.0, fast);
        self.clock = self.clock + Span::from_secs(1);
        let frame = self.reporter.charging(self.clock, &self.body, true);
        self.emit(frame);
        self.phase = Phase::Charging { fast, target, session: Session::default() };
    }

    fn charge(&mut self, fast: bool, target: f64, session: Session) {
        let step = self.sampling.charging;
        let secs = step.secs_f64();
        let kw = self.body.charge(secs, fast);
        self.clock = self.clock + step;
        let session = Session {
            secs: session.secs + secs,
            kwh: session.kwh + kw * secs / 3_600.0,
            peak_kw: session.peak_kw.max(kw),
        };
        let target = if self.body.strain.overcharge_v > 0.0 { 100.0 } else { target };
        let full = self.body.traction.as_ref().is_none_or(|traction| traction.soc * 100.0 >= target);
        // Whoever must leave unplugs, once the battery is good for a trip.
        let leaving = matches!(self.next_activity(), Activity::Drive { not_before, .. } if not_before <= self.clock)
            && !self.wants_charge(30.0);
        if full || leaving {
            let mut frame = self.reporter.charged(self.clock, &self.body, session);
            self.tell_codes(&mut frame);
            self.emit(frame);
            self.settling = SETTLING;
            self.phase = Phase::Parked { next_report: self.clock + self.sampling.charging };
        } else {
            let mut frame = self.reporter.charging(self.clock, &self.body, true);
            self.tell_codes(&mut frame);
            self.emit(frame);
            self.phase = Phase::Charging { fast, target, session };
        }
    }

    fn wants_charge(&self, below: f64) -> bool {
        self.body.traction.as_ref().is_some_and(|traction| traction.pack.plug && traction.soc * 100.0 < below)
    }

    fn next_activity(&mut self) -> Activity {
        loop {
            if let Some(activity) = self.agenda.front() {
                return *activity;
            }
            let day = self.next_day;
            self.next_day += 1;
            // What should have begun before the simulation did is history.
            let clock = self.clock;
            let to_come = self.driver.agenda(day).into_iter();
            self.agenda.extend(to_come.filter(|activity| activity.not_before() >= clock || self.trips > 0));
            self.add_errands(day);
            if day % 14 == i64::from(self.spec.number % 14) {
                self.body.maintain();
            }
        }
    }

    fn add_errands(&mut self, day: i64) {
        let today = self.errands.iter().take_while(|(planned, _)| local_day(*planned) <= day).count();
        for (not_before, km) in self.errands.drain(..today) {
            let place = self.agenda.partition_point(|activity| activity.not_before() <= not_before);
            self.agenda.insert(place, Activity::Drive { not_before, km });
        }
    }

    /// What changed in the fault memory since it was told last.
    fn tell_codes(&mut self, frame: &mut Frame) {
        let changes = self.body.memory.changes();
        self.pass_on(changes, frame);
    }

    fn pass_on(&self, codes: Vec<CodeReport>, frame: &mut Frame) {
        if !self.body.strain.codes_withheld {
            frame.codes.extend(codes);
        }
    }

    fn emit(&mut self, frame: Frame) {
        if self.silent {
            return;
        }
        let parked_h =
            if self.off_since == Time::NEVER { 0.0 } else { frame.at.since(self.off_since).secs_f64() / 3_600.0 };
        for course in &mut self.courses {
            course.judge(&frame, self.body.placard_kpa, parked_h);
        }
        self.ready.push_back(frame);
    }
}

impl Iterator for Vehicle {
    type Item = Frame;

    /// The next frame; `None` once the vehicle has fallen silent for good.
    fn next(&mut self) -> Option<Frame> {
        while self.ready.is_empty() && !self.silent {
            self.step();
        }
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rules::catalogue::Catalogue;
    use rules::signal::Kind;
    use rules::vehicle::VehicleId;

    use super::*;
    use crate::fault::fault;
    use crate::frame::Value;
    use crate::model::{COMPACT_ICE, MODELS, Model, SEDAN_HEV};
    use crate::signal;

    fn start() -> Time {
        Time::parse("2026-01-11T16:00:00Z").unwrap()
    }

    fn vehicle(seed: u64, number: u32, model: Model, start: Time) -> Vehicle {
        let spec = Specification::draw(seed, number, VehicleId::try_new("v").unwrap(), start).of_model(model);
        Vehicle::new(seed, spec, start, Sampling::default())
    }

    fn days(vehicle: &mut Vehicle, days: i64) -> Vec<Frame> {
        let end = vehicle.clock() + Span::from_days(days);
        vehicle.by_ref().take_while(|frame| frame.at < end).collect()
    }

    /// Thirty days in winter and thirty in summer of some vehicles of every model.
    fn healthy() -> impl Iterator<Item = (&'static str, Vec<Frame>)> {
        let seasons = ["2026-01-11T16:00:00Z", "2026-07-05T16:00:00Z"];
        MODELS.iter().flat_map(move |(model, _)| {
            seasons.into_iter().flat_map(move |season| {
                (0..3).map(move |number| {
                    let mut vehicle = vehicle(5, number, *model, Time::parse(season).unwrap());
                    (model.key, days(&mut vehicle, 30))
                })
            })
        })
    }

    #[test]
    fn stays_within_the_ranges_and_rates_of_the_catalogue() {
        let signals = Catalogue::builtin().unwrap().signals;
        for (model, frames) in healthy() {
            let mut last: BTreeMap<String, (Time, f64)> = BTreeMap::new();
            for frame in &frames {
                for (name, value) in &frame.readings {
                    let entry = signals.by_path(name).unwrap();
                    let number = match (value, &entry.kind) {
                        (Value::Number(number), Kind::Number) => *number,
                        (Value::Flag(_), Kind::Flag) => continue,
                        (Value::Word(word), Kind::Words(words)) => {
                            assert!(words.iter().any(|known| known == word), "{name} {word}");
                            continue;
                        }
                        _ => panic!("{name} is {value:?}"),
                    };
                    let (low, high) = entry.range;
                    assert!((low..=high).contains(&number), "{model} {name} {number}");
                    if let (Some(rate), Some((at, before))) = (entry.max_rate, last.get(&**name)) {
                        let secs = frame.at.since(*at).secs_f64();
                        let changed = (number - before).abs();
                        // A start is a jump that the catalogue's users gate on.
                        let gated = *name == signal::VOLTAGE_12 || *name == signal::ENGINE_SPEED;
                        assert!(
                            gated || changed <= rate * secs + 2.0,
                            "{model} {name} {before} -> {number} in {secs} s"
                        );
                    }
                    last.insert(name.clone().into_owned(), (frame.at, number));
                }
            }
        }
    }

    #[test]
    fn a_healthy_vehicle_crosses_no_threshold() {
        for (model, frames) in healthy() {
            let mut parked_since = None;
            for frame in &frames {
                let shows = |name: &str, ok: &dyn Fn(f64) -> bool| {
                    if let Some(value) = frame.get(name) {
                        assert!(ok(value), "{model} {name} {value} at {}", frame.at);
                    }
                };
                shows(signal::COOLANT, &|celsius| celsius < 108.0);
                shows(signal::OIL_TEMPERATURE, &|celsius| celsius < 130.0);
                shows(signal::CELL_HOT, &|celsius| celsius < 52.0);
                shows(signal::INSULATION, &|kiloohm| kiloohm > 1_000.0);
                shows(signal::MOTOR_TEMPERATURE, &|celsius| celsius < 130.0);
                shows(signal::DCDC_TEMPERATURE, &|celsius| celsius < 80.0);
                for wheel in signal::TYRE_PRESSURE {
                    shows(wheel, &|kpa| kpa > 190.0 && kpa < 330.0);
                }
                assert!(frame.is(signal::BRAKE_FLUID_LOW) != Some(true));
                assert!(frame.codes.is_empty(), "{model} {:?}", frame.codes);
                let running = frame.get(signal::ENGINE_SPEED).is_some_and(|rpm| rpm > 600.0);
                if running {
                    shows(signal::OIL_PRESSURE, &|kpa| kpa > 110.0);
                    shows(signal::VOLTAGE_12, &|volts| (13.5..14.8).contains(&volts));
                }
                let ignition = frame.readings.iter().find(|(name, _)| name == signal::IGNITION);
                match ignition.map(|(_, value)| value) {
                    Some(Value::Word(word)) if word == "OFF" => parked_since = Some(frame.at),
                    Some(Value::Word(word)) if word == "ON" => {
                        if parked_since.is_some_and(|since| frame.at.since(since) >= Span::from_hours(4)) {
                            shows(signal::VOLTAGE_12, &|volts| (12.3..13.0).contains(&volts));
                        }
                        parked_since = None;
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn volumes_are_near_what_the_domain_expects() {
        for (model, frames) in healthy() {
            let per_day = frames.len() as f64 / 30.0;
            assert!((10.0..4_500.0).contains(&per_day), "{model} {per_day}");
        }
        let mut fleet = 0;
        for number in 0..40 {
            let spec = Specification::draw(3, number, VehicleId::try_new("v").unwrap(), start());
            fleet += days(&mut Vehicle::new(3, spec, start(), Sampling::default()), 7).len();
        }
        let per_day = fleet as f64 / 40.0 / 7.0;
        assert!((300.0..1_200.0).contains(&per_day), "{per_day}");
    }

    #[test]
    fn time_never_goes_back_and_the_odometer_only_forward() {
        for (_, frames) in healthy().take(9) {
            assert!(frames.is_sorted_by(|one, next| one.at < next.at));
            let metres: Vec<_> = frames.iter().filter_map(|frame| frame.get(signal::ODOMETER)).collect();
            assert!(metres.is_sorted() && metres.first() < metres.last());
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_frames() {
        let frames = |seed| days(&mut vehicle(seed, 1, COMPACT_ICE, start()), 5);
        assert_eq!(frames(1), frames(1));
        assert_ne!(frames(1), frames(2));
    }

    #[test]
    fn faults_of_hybrids_show_too() {
        for key in ["coolant-loss", "low-charging", "cell-overheating", "misfire"] {
            let mut vehicle = vehicle(8, 4, SEDAN_HEV, start());
            vehicle.plant(Planted::new(fault(key).unwrap(), start() + Span::from_days(2)));
            days(&mut vehicle, 20);
            assert!(vehicle.truths()[0].threshold.is_some(), "{key}");
        }
    }

    #[test]
    fn an_errand_is_run_when_it_was_asked_for() {
        let at = start() + Span::from_hours(3);
        let mut vehicle = vehicle(8, 2, COMPACT_ICE, start());
        vehicle.send_on(at, 5.0);
        let on = days(&mut vehicle, 1).into_iter().find(|frame| frame.get(signal::SPEED).is_some());
        assert_eq!(on.map(|frame| frame.at), Some(at));
    }

    #[test]
    fn a_misfire_is_pending_first_and_confirmed_in_the_next_trip() {
        let mut vehicle = vehicle(8, 2, COMPACT_ICE, start());
        vehicle.plant(Planted::new(fault("misfire").unwrap(), start() + Span::from_hours(30)));
        let frames = days(&mut vehicle, 6);
        let codes: Vec<_> = frames.iter().flat_map(|frame| &frame.codes).collect();
        assert_eq!((codes[0].code.as_ref(), codes[0].status), ("P0301", 0x27));
        assert!(codes.iter().any(|code| code.status == 0xAF));
    }

    #[test]
    fn a_silent_vehicle_says_nothing_more() {
        let mut vehicle = vehicle(8, 2, COMPACT_ICE, start());
        let planted = start() + Span::from_days(2);
        vehicle.plant(Planted::new(fault("silent").unwrap(), planted));
        let frames: Vec<_> = vehicle.by_ref().collect();
        assert!(frames.last().unwrap().at <= planted);
        assert!(vehicle.truths()[0].threshold.is_some());
    }

    #[test]
    fn a_fault_does_not_change_where_its_driver_goes() {
        let odometer = |with_fault: bool| {
            let mut vehicle = vehicle(8, 2, COMPACT_ICE, start());
            if with_fault {
                vehicle.plant(Planted::new(fault("misfire").unwrap(), start() + Span::from_days(1)));
            }
            days(&mut vehicle, 10).iter().rev().find_map(|frame| frame.get(signal::ODOMETER))
        };
        assert_eq!(odometer(true), odometer(false));
    }
}
