//! A vehicle's systems together: who asks what of whom in one step of driving, charging or rest.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rules::unit::Time;
use rules::vehicle::Powertrain;

use crate::driver::Habit;
use crate::model::{Fuel, Pack, Specification};
use crate::physics::after_treatment::{AfterTreatment, Flow};
use crate::physics::altitude::Altitude;
use crate::physics::brake::Brakes;
use crate::physics::engine::{Demand, Engine};
use crate::physics::gauge::Gauge;
use crate::physics::low_voltage::{DCDC_TARGET, LowVoltage, alternator_target};
use crate::physics::memory::Memory;
use crate::physics::monitor::{self, View};
use crate::physics::traction::{Ageing, Traction};
use crate::physics::tyre::{self, Tyre};
use crate::physics::{Strain, rolling_kw};
use crate::random::{Purpose, bounded, stream};
use crate::road::Motion;

/// Everything physical of one vehicle.
#[derive(Clone, Debug)]
pub struct Body {
    pub powertrain: Powertrain,
    mass_kg: f64,
    drag_m2: f64,
    pub placard_kpa: f64,
    pub ambient: f64,
    pub odometer_m: f64,
    /// m/s
    pub speed: f64,
    pub trip_m: f64,
    pub engine: Option<Engine>,
    pub after_treatment: Option<AfterTreatment>,
    pub traction: Option<Traction>,
    pub low_voltage: LowVoltage,
    /// What a voltmeter across the 12 V battery shows.
    pub volts: f64,
    pub tyres: [Tyre; 4],
    pub brakes: Brakes,
    pub memory: Memory,
    pub strain: Strain,
    pub altitude: Altitude,
    /// What its charger regulates to on this trip, beside the usual, V.
    charger_v: f64,
    chance: ChaCha8Rng,
}

/// Scatter from trip to trip, standard deviations: the mixture's trim, percent; the charger, V.
const TRIM_SCATTER: f64 = 1.0;
const CHARGER_SCATTER: f64 = 0.04;

impl Body {
    pub fn new(seed: u64, spec: &Specification, ambient: f64, start: Time) -> Self {
        let mut rng = stream(seed, spec.number, Purpose::Specification, 1);
        let mut sensors = stream(seed, spec.number, Purpose::Specification, 4);
        let altitude = Altitude::new(spec.altitude_m);
        let model = &spec.model;
        let engine = (model.powertrain != Powertrain::Bev).then(|| {
            let mut engine = Engine::new(spec.odometer_km / 35.0, bounded(&mut rng, 0.5, 1.3, 2.0), ambient);
            engine.opens_at = bounded(&mut sensors, 84.0, 1.0, 2.0);
            engine
        });
        let traction = model.traction.map(|pack| traction(pack, (seed, spec), &mut rng, ambient, start));
        let front = rng.random_range(5.0..45.0);
        let rear = front * rng.random_range(0.4..0.7);
        let tyres = std::array::from_fn(|_| {
            let over = rng.random_range(0.0..10.0);
            let bias = bounded(&mut rng, 0.0, 1.0, 2.0);
            let drift = bounded(&mut sensors, 0.0, 0.5, 2.0) / 365.25;
            Tyre::new(model.placard_kpa, over, bias, ambient).filled_at(altitude.air_kpa(), drift)
        });
        let low_voltage = LowVoltage::new(model.low_voltage_ah, rng.random_range(0.86..0.97), ambient);
        let after_treatment = (model.fuel == Some(Fuel::Diesel))
            .then(|| AfterTreatment::new(rng.random_range(15.0..50.0), rng.random_range(50.0..98.0)));
        Self {
            powertrain: model.powertrain,
            mass_kg: model.mass_kg,
            drag_m2: model.drag_m2,
            placard_kpa: model.placard_kpa,
            ambient,
            odometer_m: spec.odometer_km * 1_000.0,
            speed: 0.0,
            trip_m: 0.0,
            engine,
            after_treatment,
            traction,
            volts: low_voltage.rest_voltage(&Strain::default()),
            low_voltage,
            tyres,
            brakes: Brakes::new([front, front, rear, rear], bounded(&mut rng, 0.0, 0.02, 2.0)),
            memory: Memory::default(),
            strain: Strain::default(),
            altitude,
            charger_v: 0.0,
            chance: stream(seed, spec.number, Purpose::Noise, 1),
        }
    }

    /// Drives one step.
    pub fn drive(&mut self, motion: &Motion) {
        let secs = motion.secs.max(1e-3);
        let mean = motion.distance_m / secs;
        self.speed = motion.speed;
        self.odometer_m += motion.distance_m;
        self.trip_m += motion.distance_m;
        self.altitude.travel(motion.distance_m);
        let wheel_kw = rolling_kw(self.mass_kg, self.drag_m2, mean) + motion.gained * self.mass_kg / secs / 1_000.0;
        let braked_kw = 0.85 * motion.braked * self.mass_kg / secs / 1_000.0;
        let recovered = match self.powertrain {
            Powertrain::Ice => 0.0,
            Powertrain::Hev => 0.5,
            Powertrain::Bev => 0.65,
        };
        self.brakes.brake(braked_kw * (1.0 - recovered) * secs / 1_000.0, &self.strain);
        let engine_kw = self.drive_engine(motion, secs, wheel_kw);
        if let Some(traction) = &mut self.traction {
            let comfort = 0.4 + 0.06 * (self.ambient - 21.0).abs();
            let asked = wheel_kw / 0.88 + comfort - engine_kw - braked_kw * recovered * 0.75;
            let limit = if traction.pack.plug { 180.0 } else { 25.0 };
            traction.draw(secs, asked.clamp(-limit / 2.0, limit), self.ambient, &self.strain);
        }
        for (wheel, tyre) in self.tyres.iter_mut().enumerate() {
            tyre.step(secs, mean, self.ambient, tyre::leak(&self.strain, wheel));
        }
        let target = if self.engine.is_some() { alternator_target(self.ambient) } else { DCDC_TARGET };
        self.volts = self.low_voltage.charge(secs, target + self.charger_v, 42.0, self.ambient, &self.strain);
        self.run_monitors(None);
    }

    /// Runs the engine as the trip asks, or as the hybrid decides; returns its power, kW.
    fn drive_engine(&mut self, motion: &Motion, secs: f64, wheel_kw: f64) -> f64 {
        let Some(engine) = &mut self.engine else { return 0.0 };
        let demand = Demand {
            secs,
            kw: wheel_kw / 0.9 + 0.9,
            speed: motion.speed,
            standing: motion.standing,
            ambient: self.ambient,
            run: true,
        };
        let Some(traction) = &self.traction else {
            engine.step(&demand, &self.strain);
            if let Some(after_treatment) = &mut self.after_treatment {
                let flow = Flow { secs, metres: motion.distance_m, speed: motion.speed, oil: engine.oil };
                after_treatment.step(&flow, &self.strain);
            }
            return 0.0;
        };
        let low = if engine.running { 0.57 } else { 0.46 };
        let run = wheel_kw > 13.0 || traction.soc < low || engine.coolant < 60.0;
        let kw = if run { (wheel_kw + (0.6 - traction.soc) * 45.0).clamp(4.0, 70.0) } else { 0.0 };
        engine.step(&Demand { kw, run, ..demand }, &self.strain);
        kw * 0.9
    }

    /// The plug goes in.
    pub fn plug_in(&mut self) {
        if let Some(traction) = &mut self.traction {
            traction.begin();
        }
    }

    /// Plugged in for one step; returns the power, kW.
    pub fn charge(&mut self, secs: f64, fast: bool) -> f64 {
        self.cool_down(secs);
        let Some(traction) = &mut self.traction else { return 0.0 };
        let kw = traction.accepts(fast);
        traction.draw(secs, -kw, self.ambient, &self.strain);
        self.volts = self.low_voltage.charge(secs, DCDC_TARGET - 0.2, 12.0, self.ambient, &self.strain);
        self.run_monitors(None);
        kw
    }

    /// Parked with everything off.
    pub fn rest(&mut self, secs: f64) {
        self.cool_down(secs);
        if let Some(traction) = &mut self.traction {
            traction.rest(secs, self.ambient, &self.strain);
        }
        self.low_voltage.rest(secs, 0.025 + self.strain.drain_a, self.ambient);
        if self.powertrain == Powertrain::Bev && self.low_voltage.soc() < 0.7 {
            self.low_voltage.top_up();
        }
        self.volts = self.low_voltage.rest_voltage(&self.strain);
    }

    /// Control units wake, the starter turns; returns the lowest voltage of it.
    pub fn start(&mut self) -> f64 {
        self.trip_m = 0.0;
        self.memory.begin_cycle();
        self.charger_v = bounded(&mut self.chance, 0.0, CHARGER_SCATTER, 2.0);
        let trim_today = bounded(&mut self.chance, 0.0, TRIM_SCATTER, 2.5);
        if let Some(engine) = &mut self.engine {
            engine.trim_today = trim_today;
        }
        if let Some(traction) = &mut self.traction {
            traction.begin();
        }
        let lowest = match self.powertrain {
            Powertrain::Ice => self.low_voltage.crank_voltage(&self.strain),
            Powertrain::Hev | Powertrain::Bev => {
                (self.low_voltage.on_voltage(&self.strain) - self.strain.start_dip_v).max(4.5)
            }
        };
        self.run_monitors(Some(lowest));
        lowest
    }

    /// The driver switches off.
    pub fn stop(&mut self) {
        self.speed = 0.0;
        self.memory.end_cycle();
        self.volts = self.low_voltage.rest_voltage(&self.strain);
        if let Some(engine) = &mut self.engine {
            engine.running = false;
            engine.rpm = 0.0;
        }
        if let Some(traction) = &mut self.traction {
            traction.current = 0.0;
        }
    }

    /// A day passes: what wears by the calendar.
    pub fn age(&mut self, day: i64) {
        self.low_voltage.age();
        self.tyres.iter_mut().for_each(Tyre::age);
        if let Some(traction) = &mut self.traction {
            traction.age(day);
        }
    }

    /// What owners see to about once a month.
    pub fn maintain(&mut self) {
        for (wheel, tyre) in self.tyres.iter_mut().enumerate() {
            tyre.check(self.placard_kpa, self.altitude.air_kpa(), tyre::leak(&self.strain, wheel) > 0.0);
        }
        self.brakes.maintain(&self.strain);
        if let Some(after_treatment) = &mut self.after_treatment {
            after_treatment.maintain(&self.strain);
        }
    }

    fn cool_down(&mut self, secs: f64) {
        self.speed = 0.0;
        for (wheel, tyre) in self.tyres.iter_mut().enumerate() {
            tyre.step(secs, 0.0, self.ambient, tyre::leak(&self.strain, wheel));
        }
        if let Some(engine) = &mut self.engine {
            engine.rest(secs, self.ambient);
        }
    }

    fn run_monitors(&mut self, start_v: Option<f64>) {
        let mut view = View { start_v, ..View::default() };
        if start_v.is_none() {
            view.charging_v = Some(self.volts);
        }
        if let Some(engine) = self.engine.as_ref().filter(|engine| engine.running) {
            view.coolant = Some(engine.coolant);
            view.misfire = Some(self.strain.misfire);
            view.intake_wire_open = Some(self.strain.intake_wire_open);
            if engine.coolant > 70.0 {
                view.lean = Some(self.strain.lean);
                view.catalyst = Some(self.strain.catalyst);
            }
            if engine.rpm > 1_200.0 && engine.oil > 60.0 {
                view.oil_pressure = Some(engine.oil_pressure(&self.strain));
            }
        }
        if let Some(traction) = &self.traction {
            view.insulation_ohm_per_v = Some(self.insulation(traction) * 1_000.0 / traction.voltage().max(1.0));
            view.hottest_cell = Some(traction.temperatures().0);
        }
        monitor::run(&view, &mut self.memory);
    }

    /// By wheel: percent of pad worn, and what the tyre's gauge shows when it has 20 degC, kPa.
    pub fn wheels(&self) -> [(f64, f64); 4] {
        let worn = self.brakes.worn(&self.strain);
        let cold = |mut tyre: Tyre| {
            tyre.air = 20.0;
            tyre.pressure(self.altitude.air_kpa())
        };
        std::array::from_fn(|wheel| (worn[wheel], cold(self.tyres[wheel])))
    }

    /// Insulation resistance, kOhm; a damp day takes a third.
    pub fn insulation(&self, traction: &Traction) -> f64 {
        let damp = 1.0 - 0.33 * ((self.ambient - 18.0) / 15.0).clamp(0.0, 1.0);
        traction.insulation * damp * self.strain.insulation
    }
}

fn traction(pack: Pack, of: (u64, &Specification), rng: &mut ChaCha8Rng, ambient: f64, start: Time) -> Traction {
    let (seed, spec) = of;
    let years = start.since(spec.delivered_at).days_f64() / 365.25;
    let gauge = Gauge::new(stream(seed, spec.number, Purpose::Specification, 3));
    let soc = if pack.plug { rng.random_range(0.55..0.85) } else { 0.55 };
    let insulation = bounded(rng, 8.9, 0.4, 2.0).exp();
    let ids = (rng.random_range(1..=pack.cells / 2), rng.random_range(pack.cells / 2 + 1..=pack.cells));
    Traction::new(pack, soc, ageing(seed, spec, years), gauge, insulation, ids, ambient)
}

/// How a vehicle's traction battery ages: 2.3 % a year, more if it is always charged fast. DOMAIN 5.2.
fn ageing(seed: u64, spec: &Specification, years: f64) -> Ageing {
    let mut rng = stream(seed, spec.number, Purpose::Specification, 2);
    let even = bounded(&mut rng, 0.023, 0.007, 2.5).clamp(0.01, 0.05);
    let fast = if spec.habit == Habit::Taxi { 0.007 } else { 0.0 };
    Ageing::of(years, even + fast)
}
