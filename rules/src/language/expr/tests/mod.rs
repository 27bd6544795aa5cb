//! A small catalogue and a vehicle for the tests of the language.

mod behaviour;
mod mistakes;
mod properties;
mod sequences;

use crate::observed::fault_cycle::FaultCycle;
use crate::observed::last::Last;
use std::cell::RefCell;

use super::*;
use crate::compact::Sparse;
use crate::entry::plan::items::Items;
use crate::entry::signal::{Kind, Signal, Signals};
use crate::learned::{Bands, Cohort, CohortEntry, CohortTable, Cohorts};
use crate::observed::readings::Readings;
use crate::observed::segment::Segment;
use crate::observed::window::{Window, WindowSpecs, Windows};
use crate::unit::{Span, Text, Time, Unit};
use crate::vehicle::{Purpose, SignalNo};

pub(super) const SPEED: &str = "Vehicle.Speed";
pub(super) const VOLTAGE: &str = "Vehicle.LowVoltageBattery.CurrentVoltage";
pub(super) const STATE: &str = "Vehicle.LowVoltageSystemState";

/// The catalogue of these tests; every `max_gap` is ten seconds but the odometer's hour.
pub(super) fn signals() -> Signals {
    let number = |unit: &str, range| (Kind::Number, unit.to_owned(), range);
    let entries = [
        (SPEED, number("km/h", (0.0, 250.0))),
        ("Vehicle.TraveledDistance", number("km", (0.0, 2e6))),
        ("Vehicle.Trip.Distance", number("m", (0.0, 1e7))),
        ("Vehicle.Coolant", number("degC", (-50.0, 150.0))),
        ("Vehicle.Ambient", number("degC", (-50.0, 60.0))),
        ("Vehicle.OilPressure", number("kPa", (0.0, 1_000.0))),
        (VOLTAGE, number("V", (0.0, 36.0))),
        ("Vehicle.LowVoltageBattery.CurrentCurrent", number("A", (-500.0, 500.0))),
        ("Vehicle.IsMoving", (Kind::Flag, String::new(), (0.0, 1.0))),
        (STATE, (Kind::Words(["LOCK", "OFF", "ON", "START"].map(str::to_owned).to_vec()), String::new(), (0.0, 3.0))),
        ("Feature.Level", number("", (-100.0, 100.0))),
    ];
    let list = entries.into_iter().enumerate().map(|(index, (path, (kind, unit, range)))| Signal {
        no: SignalNo(index as u16 + 1),
        path: path.to_owned(),
        title: Text::default(),
        unit: Unit::parse(&unit).unwrap(),
        kind,
        range,
        max_gap: if path.ends_with("Distance") { Span::from_hours(1) } else { Span::from_secs(10) },
        max_rate: None,
        max_jump: None,
        stuck_after: None,
        charges: false,
        sentinels: Vec::new(),
        keep: None,
        purpose: Purpose::Diagnostics,
        powertrains: Vec::new(),
        feature: path.starts_with("Feature"),
        forecast: None,
        custom: false,
        source: String::new(),
    });
    Signals::try_new(list.collect()).unwrap()
}

pub(super) fn items() -> Vec<String> {
    ["oil", "brake_fluid"].map(str::to_owned).to_vec()
}

pub(super) fn try_compile(text: &str) -> Result<Program, Vec<ExprError>> {
    compile(
        text,
        &Context {
            signals: &signals(),
            items: &items(),
            windows: &RefCell::default(),
            cohorts: &RefCell::default(),
            by_code: false,
        },
    )
}

pub(super) fn compiled(text: &str) -> Program {
    try_compile(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

/// A vehicle: what it measured last, and the cells of one program.
pub(super) struct Car {
    pub signals: Signals,
    pub now: Time,
    pub newest: Time,
    pub last: Readings,
    pub service: Items,
    pub faults: Vec<FaultCycle>,
    pub code: Option<FaultCycle>,
    pub cells: Vec<Cell>,
    pub specs: WindowSpecs,
    pub windows: Sparse<Window>,
    /// Of its one model, with the odometer.
    pub cohorts: Cohorts,
    pub km: f64,
}

impl Car {
    pub fn new() -> Self {
        let signals = signals();
        let last = Readings::default();
        let (now, newest) = (Time::from_secs(0), Time::NEVER);
        Self {
            signals,
            now,
            newest,
            last,
            service: Items::new(8),
            faults: Vec::new(),
            code: None,
            cells: vec![Cell::EMPTY; 8],
            specs: WindowSpecs::default(),
            windows: Sparse::new(0),
            cohorts: Cohorts::default(),
            km: f64::NAN,
        }
    }

    /// Readings at a second.
    pub fn at(&mut self, second: i64, readings: &[(&str, f64)]) -> &mut Self {
        self.now = Time::from_secs(second);
        if !readings.is_empty() {
            self.newest = self.now;
        }
        for (path, value) in readings {
            let slot = self.signals.slot_of_path(path).unwrap();
            self.last.set(slot.index(), Last { value: *value, at: self.now });
            for (number, spec) in self.specs.iter().filter(|(_, spec)| spec.slot == slot) {
                if let Some([window]) = self.windows.fill(number, 1, Window::new(spec)) {
                    window.take(spec, *value, self.now, &Segment::default());
                }
            }
        }
        self
    }

    pub fn view(&self) -> View<'_> {
        View {
            now: self.now,
            newest: self.newest,
            last: &self.last,
            faults: &self.faults,
            code: self.code.as_ref(),
            service: &self.service,
            windows: Windows { specs: &self.specs, states: &self.windows, segment: &Segment::NEW },
            cohort: Cohort { table: &self.cohorts, model: 0, km: self.km },
        }
    }

    pub fn run(&mut self, program: &Program) -> Tri {
        let mut cells = std::mem::take(&mut self.cells);
        let outcome = run(program, &self.view(), &mut cells);
        self.cells = cells;
        outcome
    }

    /// Compiles with the windows that it asks for; before readings, or they miss those.
    pub fn compile(&mut self, text: &str) -> Program {
        let windows = RefCell::new(std::mem::take(&mut self.specs));
        let context = Context {
            signals: &self.signals,
            items: &items(),
            windows: &windows,
            cohorts: &RefCell::default(),
            by_code: false,
        };
        let program = compile(text, &context).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        self.specs = windows.into_inner();
        self.windows = Sparse::new(self.specs.len());
        program
    }

    /// Compiles and runs once.
    pub fn says(&mut self, text: &str) -> Tri {
        self.cells = vec![Cell::EMPTY; 8];
        self.run(&compiled(text))
    }
}
