//! Frames: what the telematics unit reads from a vehicle's sensors, with their noise and steps.

use rand_chacha::ChaCha8Rng;
use rules::unit::Time;
use rules::vehicle::Powertrain;

use crate::body::Body;
use crate::frame::Frame;
use crate::physics::engine::Engine;
use crate::physics::traction::Traction;
use crate::random::bounded;
use crate::signal;
use crate::status::Status;

/// Reads sensors; owns their noise.
#[derive(Clone, Debug)]
pub struct Reporter {
    noise: ChaCha8Rng,
    sensors: Sensors,
    /// What the vehicle said of its state last.
    told: Option<Status>,
    /// It has raised an alarm before.
    alarmed: bool,
}

/// How the sensors of one vehicle deviate for good.
#[derive(Clone, Copy, Debug)]
struct Sensors {
    volts: f64,
    coolant: f64,
    ambient: f64,
}

/// Totals of one charging session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Session {
    pub secs: f64,
    pub kwh: f64,
    pub peak_kw: f64,
}

impl Reporter {
    /// A unit whose sensors deviate as those of one vehicle do.
    pub fn new(mut noise: ChaCha8Rng) -> Self {
        let sensors = Sensors {
            volts: bounded(&mut noise, 0.0, 0.02, 2.0),
            coolant: bounded(&mut noise, 0.0, 0.8, 2.0),
            ambient: bounded(&mut noise, 0.0, 0.7, 2.0),
        };
        Self { noise, sensors, told: None, alarmed: false }
    }

    /// The ignition comes on, before anything draws current: the rested, cold vehicle.
    pub fn ignition_on(&mut self, at: Time, body: &Body) -> Frame {
        let mut frame = Frame::new(at);
        self.told = None;
        frame.word(signal::IGNITION, "ON");
        frame.number(signal::SPEED, 0.0, 10.0);
        self.resting(&mut frame, body);
        frame
    }

    /// Control units wake and the starter turns.
    pub fn start(&mut self, at: Time, body: &Body, lowest: f64) -> Frame {
        let mut frame = Frame::new(at);
        frame.word(signal::IGNITION, "START");
        self.add(&mut frame, signal::VOLTAGE_12, lowest, 0.02, 100.0);
        if body.powertrain == Powertrain::Ice {
            self.add(&mut frame, signal::CRANK_VOLTAGE, lowest, 0.02, 100.0);
            self.add(&mut frame, signal::CRANK_DURATION, body.low_voltage.crank_secs(&body.strain), 0.02, 100.0);
        }
        frame
    }

    /// Under way; `slow` signals come less often.
    pub fn driving(&mut self, at: Time, body: &Body, slow: bool) -> Frame {
        let mut frame = Frame::new(at);
        let kmh = body.speed * 3.6;
        let shown = if kmh > 1.0 { bounded(&mut self.noise, kmh, 0.25, 3.0).max(0.0) } else { 0.0 };
        frame.number(signal::SPEED, shown, 10.0);
        self.add(&mut frame, signal::VOLTAGE_12, body.volts + self.sensors.volts, 0.025, 100.0);
        self.add(&mut frame, signal::CURRENT_12, body.low_voltage.current, 0.4, 10.0);
        if let Some(engine) = &body.engine {
            self.engine(&mut frame, engine, body);
        }
        if let Some(traction) = &body.traction {
            self.traction(&mut frame, traction, body);
            self.add(&mut frame, signal::MOTOR_TEMPERATURE, traction.motor, 0.3, 1.0);
            self.add(&mut frame, signal::MOTOR_COOLANT, traction.coolant, 0.2, 2.0);
        }
        if slow {
            self.slow(&mut frame, body);
        }
        self.status(&mut frame, body, slow);
        frame
    }

    /// The ignition goes off: what is measured once per trip.
    pub fn ignition_off(&mut self, at: Time, body: &Body) -> Frame {
        let mut frame = Frame::new(at);
        frame.word(signal::IGNITION, "OFF");
        frame.number(signal::SPEED, 0.0, 10.0);
        frame.number(signal::ODOMETER, body.odometer_m, 0.01);
        self.add(&mut frame, signal::VOLTAGE_12, body.volts + self.sensors.volts, 0.015, 100.0);
        for (name, wear) in signal::PAD_WEAR.iter().zip(body.brakes.worn(&body.strain)) {
            self.add(&mut frame, name, wear, 0.2, 1.0);
        }
        self.add(&mut frame, signal::BRAKE_FLUID, body.brakes.fluid(&body.strain), 0.3, 1.0);
        frame.flag(signal::BRAKE_FLUID_LOW, body.brakes.is_fluid_low(&body.strain));
        if let Some(engine) = &body.engine {
            frame.number(signal::ENGINE_HOURS, engine.hours, 100.0);
            frame.number(signal::IDLE_HOURS, engine.idle_hours, 100.0);
            frame.word(signal::COOLANT_LEVEL, level(body.strain.coolant_fill));
            frame.word(signal::OIL_LEVEL, level(1.0 - body.strain.oil_lost / 100.0));
            for (name, misfires) in signal::MISFIRE.into_iter().zip(body.strain.misfire) {
                frame.number(name, (misfires + bounded(&mut self.noise, 0.4, 0.2, 2.0)).max(0.0), 10.0);
            }
            let per_100_km = engine.litres / (body.trip_m / 100_000.0).max(1e-3);
            frame.number(signal::CONSUMPTION, per_100_km.min(60.0), 10.0);
        }
        if let Some(traction) = &body.traction {
            self.add(&mut frame, signal::SOH, traction.health() * 100.0, 0.3, 2.0);
            frame.number(signal::CHARGED_AH, traction.charged_ah, 10.0);
            frame.word(signal::MOTOR_COOLANT_LEVEL, level(body.strain.drive_coolant_fill));
        }
        if let Some(after_treatment) = &body.after_treatment {
            frame.number(signal::ADBLUE, after_treatment.adblue(&body.strain), 1.0);
            frame.number(signal::ADBLUE_RANGE, after_treatment.range_m(&body.strain), 0.001);
        }
        frame
    }

    /// Parked: the telematics unit wakes for a moment, and the battery management with it: its contactors are
    /// open, and its cells at rest.
    pub fn parked(&mut self, at: Time, body: &Body) -> Frame {
        let mut frame = Frame::new(at);
        self.resting(&mut frame, body);
        if let Some(traction) = body.traction.as_ref().filter(|traction| traction.pack.plug) {
            frame.number(signal::SOC, traction.shown_soc(&body.strain), 10.0);
            self.add(&mut frame, signal::PACK_CURRENT, traction.shown_current(), 0.02, 10.0);
            self.cells(&mut frame, traction, body);
            self.add(&mut frame, signal::CELL_HOT, traction.temperatures().0, 0.2, 2.0);
            self.add(&mut frame, signal::CELL_COLD, traction.temperatures().1, 0.2, 2.0);
        }
        self.status(&mut frame, body, false);
        frame
    }

    /// Plugged in.
    pub fn charging(&mut self, at: Time, body: &Body, charging: bool) -> Frame {
        let mut frame = Frame::new(at);
        frame.flag(signal::IS_CHARGING, charging);
        self.add(&mut frame, signal::VOLTAGE_12, body.volts + self.sensors.volts, 0.02, 100.0);
        if let Some(traction) = &body.traction {
            self.traction(&mut frame, traction, body);
            self.insulation(&mut frame, body, traction);
        }
        self.status(&mut frame, body, true);
        frame
    }

    /// Unplugged, its cells at rest: what the battery management compares them by.
    pub fn settled(&mut self, at: Time, body: &Body) -> Frame {
        self.charging(at, body, false)
    }

    /// Unplugged: the totals of the session.
    pub fn charged(&mut self, at: Time, body: &Body, session: Session) -> Frame {
        let mut frame = self.charging(at, body, false);
        if let Some(traction) = &body.traction {
            frame.number(signal::CHARGED_AH, traction.charged_ah, 10.0);
            frame.number(signal::CHARGED_KWH, traction.charged_kwh, 10.0);
        }
        frame.number(signal::CHARGE_MEAN_POWER, session.kwh * 3_600.0 / session.secs.max(1.0), 10.0);
        frame.number(signal::CHARGE_MAX_POWER, session.peak_kw, 10.0);
        frame
    }

    fn resting(&mut self, frame: &mut Frame, body: &Body) {
        self.add(frame, signal::VOLTAGE_12, body.volts + self.sensors.volts, 0.01, 100.0);
        self.add(frame, signal::AMBIENT, body.ambient + self.sensors.ambient, 0.2, 2.0);
        frame.number(signal::ODOMETER, body.odometer_m, 0.01);
        self.tyres(frame, body);
    }

    fn slow(&mut self, frame: &mut Frame, body: &Body) {
        frame.number(signal::ODOMETER, body.odometer_m, 0.01);
        self.add(frame, signal::AMBIENT, body.ambient + self.sensors.ambient, 0.2, 2.0);
        self.tyres(frame, body);
        if let Some(traction) = &body.traction {
            self.insulation(frame, body, traction);
            self.add(frame, signal::INVERTER_TEMPERATURE, traction.inverter, 0.3, 1.0);
            self.add(frame, signal::DCDC_TEMPERATURE, traction.dcdc, 0.3, 1.0);
        }
        if let Some(after_treatment) = &body.after_treatment {
            frame.number(signal::SOOT, after_treatment.soot, 10.0);
        }
    }

    /// What the vehicle says of its own state, when it has something to say.
    fn status(&mut self, frame: &mut Frame, body: &Body, slow: bool) {
        let now = Status::of(body);
        self.alarmed |= now.is_alarming();
        if self.told != Some(now) || (slow && self.alarmed) {
            now.tell(frame);
            self.told = Some(now);
        }
    }

    fn engine(&mut self, frame: &mut Frame, engine: &Engine, body: &Body) {
        if engine.running {
            self.add(frame, signal::ENGINE_SPEED, engine.rpm, 9.0, 4.0);
            self.add(frame, signal::OIL_PRESSURE, engine.oil_pressure(&body.strain).max(6.0), 2.0, 1.0);
            // A diesel has nothing to trim.
            if body.after_treatment.is_none() {
                let trim = bounded(&mut self.noise, engine.short_trim(&body.strain), 2.2, 3.0);
                frame.number(signal::SHORT_TRIM, trim, 1.28);
                frame.number(signal::LONG_TRIM, engine.long_trim, 1.28);
            }
        } else {
            frame.number(signal::ENGINE_SPEED, 0.0, 4.0);
        }
        self.add(frame, signal::COOLANT, engine.coolant + self.sensors.coolant, 0.12, 2.0);
        self.add(frame, signal::OIL_TEMPERATURE, engine.oil, 0.15, 2.0);
    }

    fn traction(&mut self, frame: &mut Frame, traction: &Traction, body: &Body) {
        frame.number(signal::SOC, traction.shown_soc(&body.strain), 10.0);
        self.add(frame, signal::PACK_VOLTAGE, traction.voltage(), 0.15, 10.0);
        self.add(frame, signal::PACK_CURRENT, traction.shown_current(), 0.3, 10.0);
        self.cells(frame, traction, body);
        let (hot, cold) = traction.temperatures();
        self.add(frame, signal::CELL_HOT, hot, 0.1, 2.0);
        self.add(frame, signal::CELL_COLD, cold, 0.1, 2.0);
    }

    /// The highest and the lowest cell, and which they are.
    fn cells(&mut self, frame: &mut Frame, traction: &Traction, body: &Body) {
        let (high, low) = traction.cells(&body.strain);
        self.add(frame, signal::CELL_MAX, high, 0.000_6, 1_000.0);
        frame.number(signal::CELL_MAX_ID, f64::from(traction.id_max), 1.0);
        self.add(frame, signal::CELL_MIN, low, 0.000_6, 1_000.0);
        frame.number(signal::CELL_MIN_ID, f64::from(traction.id_min), 1.0);
    }

    fn insulation(&mut self, frame: &mut Frame, body: &Body, traction: &Traction) {
        let scatter = bounded(&mut self.noise, 1.0, 0.03, 3.0);
        frame.number(signal::INSULATION, (body.insulation(traction) * scatter).min(60_000.0), 1.0);
    }

    fn tyres(&mut self, frame: &mut Frame, body: &Body) {
        for (wheel, tyre) in body.tyres.iter().enumerate() {
            let pressure = bounded(&mut self.noise, tyre.pressure(body.altitude.air_kpa()), 0.5, 3.0).max(0.0);
            frame.number(signal::TYRE_PRESSURE[wheel], pressure, 0.4);
            self.add(frame, signal::TYRE_TEMPERATURE[wheel], tyre.air, 0.3, 1.0);
        }
    }

    fn add(&mut self, frame: &mut Frame, name: &'static str, value: f64, sd: f64, per_unit: f64) {
        let read = if sd > 0.0 { bounded(&mut self.noise, value, sd, 3.5) } else { value };
        frame.number(name, read, per_unit);
    }
}

fn level(fill: f64) -> &'static str {
    if fill > 0.75 {
        "NORMAL"
    } else if fill > 0.45 {
        "LOW"
    } else {
        "CRITICALLY_LOW"
    }
}
