//! What a vehicle says of its own state: lamps, alarms, levels of urgency.
//!
//! Told once per trip and when something changes. A vehicle that has raised an alarm repeats all of it
//! with its slow signals from then on, so that readers see how long it stands and when it ends.

use crate::body::Body;
use crate::frame::Frame;
use crate::physics::traction::Traction;
use crate::signal;

/// Everything a vehicle says of itself at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    engine: Option<EngineStatus>,
    drive: Option<DriveStatus>,
    codes: usize,
    lamp: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EngineStatus {
    oil_alarm: bool,
    lamp_flashing: bool,
}

/// The general alarms of GB/T 32960, as far as they are more than limits of other signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one bit each on the wire")]
struct DriveStatus {
    thermal_event: bool,
    overcharge: bool,
    interlock: bool,
    brakes: bool,
    pack_mismatch: bool,
    gauge_jump: bool,
    dcdc_faulty: bool,
    level: u8,
}

/// Cells above this are a thermal event, degC.
const THERMAL_EVENT: f64 = 80.0;
/// Misfires per 1,000 revolutions that harm the catalyst.
const HARMFUL_MISFIRE: f64 = 80.0;

impl Status {
    pub fn of(body: &Body) -> Self {
        let engine = body.engine.as_ref().map(|engine| EngineStatus {
            oil_alarm: engine.running && engine.oil_pressure(&body.strain) < 60.0,
            lamp_flashing: engine.running && body.strain.worst_misfire() > HARMFUL_MISFIRE,
        });
        let drive = body.traction.as_ref().map(|traction| DriveStatus::of(body, traction));
        Self { engine, drive, codes: body.memory.count(), lamp: body.memory.lamp() }
    }

    /// Whether it is to be repeated from now on.
    pub fn is_alarming(&self) -> bool {
        self.engine.is_some_and(|engine| engine.oil_alarm || engine.lamp_flashing)
            || self.drive.is_some_and(|drive| drive.level > 0)
    }

    /// Adds all of it to a frame.
    pub fn tell(&self, frame: &mut Frame) {
        frame.number(signal::CODE_COUNT, self.codes as f64, 1.0);
        frame.flag(signal::LAMP, self.lamp);
        if let Some(engine) = &self.engine {
            frame.word(signal::OIL_PRESSURE_STATUS, if engine.oil_alarm { "ALERT" } else { "NORMAL" });
            frame.flag(signal::LAMP_FLASHING, engine.lamp_flashing);
        }
        if let Some(drive) = &self.drive {
            frame.number(signal::ALARM_LEVEL, f64::from(drive.level), 1.0);
            frame.flag(signal::ALARM_THERMAL_EVENT, drive.thermal_event);
            frame.flag(signal::ALARM_OVERCHARGE, drive.overcharge);
            frame.flag(signal::ALARM_INTERLOCK, drive.interlock);
            frame.flag(signal::ALARM_BRAKES, drive.brakes);
            frame.flag(signal::ALARM_PACK_MISMATCH, drive.pack_mismatch);
            frame.flag(signal::ALARM_GAUGE_JUMP, drive.gauge_jump);
            frame.flag(signal::DCDC_FAULTY, drive.dcdc_faulty);
        }
    }
}

impl DriveStatus {
    fn of(body: &Body, traction: &Traction) -> Self {
        let strain = &body.strain;
        let insulation = body.insulation(traction) * 1_000.0 / traction.voltage().max(1.0);
        let hot = traction.motor > 175.0 || traction.inverter > 142.0 || traction.dcdc > 85.0;
        let (high, low) = traction.cells(strain);
        let mut status = Self {
            thermal_event: traction.temperatures().0 > THERMAL_EVENT,
            overcharge: high > 4.33,
            interlock: strain.interlock_open,
            brakes: strain.brakes_faulty,
            pack_mismatch: strain.pack_mismatch,
            gauge_jump: strain.gauge_error.abs() > 15.0,
            dcdc_faulty: strain.dcdc_faulty,
            level: 0,
        };
        // DOMAIN 3: 3 is stop at once, 2 is have it seen to, 1 is for the record.
        let stop = status.thermal_event || status.overcharge || status.interlock || status.brakes;
        status.level = if stop || insulation < 100.0 {
            3
        } else if status.pack_mismatch || status.dcdc_faulty || hot || low < 1.9 {
            2
        } else {
            u8::from(status.gauge_jump)
        };
        status
    }
}
