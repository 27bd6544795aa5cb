//! A vehicle's life, step by step: parked, driving or charging, and what it says meanwhile.

use std::collections::VecDeque;

use rules::unit::{Span, Time};

use super::Sampling;
use super::diary::Diary;
use crate::body::Body;
use crate::driver::{Activity, Driver};
use crate::fault::Planted;
use crate::fault::planted::{Course, Ignition};
use crate::frame::{CodeReport, Frame};
use crate::model::Specification;
use crate::physics::Strain;
use crate::random::{Purpose, hash01, stream};
use crate::report::{Reporter, Session};
use crate::road::Drive;
use crate::truth::Truth;

/// Metres of altitude a kilometre of road.
const STEEPEST: f64 = 60.0;
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
    diary: Diary,
    clock: Time,
    phase: Phase,
    /// Readings of resting cells that are still to come after a charge.
    settling: u8,
    /// Since when the ignition is off, and when it went on last.
    off_since: Time,
    on_since: Time,
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
            diary: Diary::new(Driver::new(seed, spec.number, spec.habit), start),
            body: Body::new(seed, &spec, ambient, start),
            spec,
            seed,
            sampling,
            clock: start,
            phase: Phase::Parked { next_report: start },
            settling: 0,
            off_since: start - Span::from_hours(10),
            on_since: Time::NEVER,
            trips: 0,
            reporter: Reporter::new(noise),
            courses: Vec::new(),
            ready: VecDeque::new(),
            silent: false,
        }
    }

    /// Plants a fault.
    pub fn plant(&mut self, planted: Planted) {
        let ordinal = 1 + self.courses.len() as u64;
        let mut rng = stream(self.seed, self.spec.number, Purpose::Planting, ordinal);
        self.courses.push(Course::drawn(planted, &mut rng));
    }

    /// Sends the driver on a trip that is not in any agenda.
    pub fn send_on(&mut self, not_before: Time, km: f64) {
        self.diary.add_errand(not_before, km);
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
        match self.diary.take() {
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
            self.diary.put_first(Activity::Drive { not_before: self.clock, km });
            self.begin_charge(true, 70.0);
            return;
        }
        let frame = self.reporter.ignition_on(self.clock, &self.body);
        self.emit(frame);
        self.off_since = Time::NEVER;
        self.on_since = self.clock;
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
        let destination = self.destination(km);
        self.body.altitude.set_out(destination, km);
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

    /// Altitude of where a trip goes, m: into the hills now and then, if it is long enough, and home again.
    fn destination(&self, km: f64) -> f64 {
        let (home, here) = (self.spec.altitude_m, self.body.altitude.metres());
        let key = (u64::from(self.spec.number) << 32) ^ self.trips;
        let chance = hash01(self.seed ^ 0x6869_6C6C, key);
        let away = (here - home).abs() > 20.0;
        if !away && km > 20.0 && chance < 0.15 {
            return home + (200.0 + 6_000.0 * chance).min(25.0 * km);
        }
        here + (home - here).clamp(-STEEPEST * km, STEEPEST * km)
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
        self.body.plug_in();
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
        let (body, number) = (&mut self.body, i64::from(self.spec.number % 14));
        self.diary.next(|day| {
            body.age(day);
            if day % 14 == number {
                body.maintain();
            }
        })
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
        let hours = |since: Time| frame.at.since(since).secs_f64() / 3_600.0;
        let ignition = if self.off_since == Time::NEVER {
            Ignition { parked_h: 0.0, driven_h: hours(self.on_since) }
        } else {
            Ignition { parked_h: hours(self.off_since), driven_h: 0.0 }
        };
        for course in &mut self.courses {
            course.judge(&frame, self.body.placard_kpa, ignition);
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
