//! Slots that are read by meaning rather than by rule: by fold, segments, fault codes, and what the service plan needs.
//! Estimators name their own.

use crate::entry::signal::{Kind, Signals};
use crate::vehicle::Slot;

/// The slots by their meaning; `None` where a catalogue does not have the signal.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub ignition: Option<Slot>,
    pub odometer: Option<Slot>,
    pub engine_hours: Option<Slot>,
    pub speed: Option<Slot>,
    pub rpm: Option<Slot>,
    pub charging: Option<Slot>,
    pub volts_12: Option<Slot>,
    pub ambient: Option<Slot>,
    pub coolant: Option<Slot>,
    pub harsh: Option<Slot>,
    pub rain: Option<Slot>,
    pub brake_alarm: Option<Slot>,
    pub mil_flashing: Option<Slot>,
    pub alarm_level: Option<Slot>,
    on: Vec<f64>,
    off: Vec<f64>,
    starting: Option<f64>,
}

const IGNITION: &str = "Vehicle.LowVoltageSystemState";

impl Known {
    pub fn find(signals: &Signals) -> Self {
        let slot = |path: &str| signals.slot_of_path(path);
        let numbers = |path: &str, words: &[&str]| -> Vec<f64> {
            let known = match signals.by_path(path).map(|signal| &signal.kind) {
                Some(Kind::Words(known)) => known.as_slice(),
                _ => &[],
            };
            let number = |word: &&str| known.iter().position(|own| own == word).map(|index| index as f64);
            words.iter().filter_map(number).collect()
        };
        Self {
            ignition: slot(IGNITION),
            odometer: slot("Vehicle.TraveledDistance"),
            engine_hours: slot("Vehicle.Powertrain.CombustionEngine.EngineHours"),
            speed: slot("Vehicle.Speed"),
            rpm: slot("Vehicle.Powertrain.CombustionEngine.Speed"),
            charging: slot("Vehicle.Powertrain.TractionBattery.Charging.IsCharging"),
            volts_12: slot("Vehicle.LowVoltageBattery.CurrentVoltage"),
            ambient: slot("Vehicle.Exterior.AirTemperature"),
            coolant: slot("Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature"),
            harsh: slot("Vehicle.Acceleration.HarshCount"),
            rain: slot("Vehicle.Body.Raindetection.Intensity"),
            brake_alarm: slot("Vehicle.Diagnostics.Alarm.BrakeSystem"),
            mil_flashing: slot("Vehicle.OBD.Status.IsMILFlashing"),
            alarm_level: slot("Vehicle.Diagnostics.Alarm.Level"),
            on: numbers(IGNITION, &["ON", "START"]),
            off: numbers(IGNITION, &["LOCK", "OFF"]),
            starting: numbers(IGNITION, &["START"]).first().copied(),
        }
    }

    pub fn is_on(&self, ignition: f64) -> bool {
        self.on.contains(&ignition)
    }

    pub fn is_off(&self, ignition: f64) -> bool {
        self.off.contains(&ignition)
    }

    pub fn is_starting(&self, ignition: f64) -> bool {
        self.starting == Some(ignition)
    }
}
