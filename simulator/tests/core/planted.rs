//! Which fault is planted in which vehicle, and the rules it must make fire.
//!
//! To add a rule: a fault that brings it about, and the rule's key in the row of that fault.

use rules::unit::{Span, Time};
use simulator::driver::Habit;
use simulator::fault::Magnitude;
use simulator::model::{COMPACT_BEV, COMPACT_ICE, Model, SEDAN_HEV, VAN_DIESEL};

use crate::judge::start;

/// A vehicle in which faults are planted; the same one without them must stay silent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    pub model: Model,
    pub habit: Habit,
    /// Its number in the fleet: with it, all of its chances.
    pub number: u32,
    /// A drive of so many kilometres on every second day, beside what the driver does.
    pub errand_km: Option<f64>,
    /// Days it is sound before anything is planted.
    pub sound: i64,
    /// Measures seldom: for what takes months.
    pub coarse: bool,
}

impl Setting {
    /// When its fault is planted.
    pub fn planting(&self) -> Time {
        start() + Span::from_days(self.sound)
    }
}

pub const PETROL: Setting =
    Setting { model: COMPACT_ICE, habit: Habit::Fleet, number: 2, errand_km: Some(45.0), sound: 7, coarse: false };
/// Stands from Monday to Friday.
const WEEKEND: Setting = Setting { model: COMPACT_ICE, habit: Habit::Weekend, number: 3, errand_km: None, ..PETROL };
/// Drives far every day.
const TAXI: Setting = Setting { habit: Habit::Taxi, ..PETROL };
const DIESEL: Setting = Setting { model: VAN_DIESEL, ..PETROL };
const DIESEL_TAXI: Setting = Setting { model: VAN_DIESEL, ..TAXI };
const HYBRID: Setting = Setting { model: SEDAN_HEV, ..PETROL };
/// Charges to 85 % in the evening.
const COMMUTER: Setting = Setting { habit: Habit::Commuter, ..ELECTRIC };
const ELECTRIC: Setting = Setting { model: COMPACT_BEV, ..PETROL };

/// The same vehicle for months: what it was like is known before anything is planted.
const fn long_known(setting: Setting) -> Setting {
    Setting { sound: 45, coarse: true, ..setting }
}

/// What is wrong.
#[derive(Clone, Copy, Debug)]
pub enum Cause {
    /// A fault; without a magnitude it comes quickly.
    Fault(&'static str, Option<Magnitude>),
    /// Not a fault but a past: the odometer and the months since it was delivered.
    Past { km: f64, months: i64 },
}

/// One vehicle with one cause.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub cause: Cause,
    pub setting: Setting,
    /// Days it is watched after the cause was planted.
    pub days: i64,
    pub rules: &'static [&'static str],
}

const fn row(fault: &'static str, setting: Setting, days: i64, rules: &'static [&'static str]) -> Row {
    Row { cause: Cause::Fault(fault, None), setting, days, rules }
}

/// A fault as workshops meet it.
const fn creeping(
    fault: &'static str,
    magnitude: Magnitude,
    setting: Setting,
    days: i64,
    rules: &'static [&'static str],
) -> Row {
    Row { cause: Cause::Fault(fault, Some(magnitude)), setting: long_known(setting), days, rules }
}

pub const ROWS: &[Row] = &[
    row("adblue-leak", DIESEL, 5, &["engine.adblue_low", "engine.adblue_critical"]),
    row("air-meter-drift", PETROL, 6, &["engine.fuel_trim_drift"]),
    row("alternator-failure", PETROL, 2, &["charging.failed"]),
    row("alternator-failure", ELECTRIC, 2, &["charging.dcdc_failed"]),
    row(
        "battery-ageing",
        PETROL,
        33,
        &[
            "battery12v.rest_low",
            "battery12v.crank_weak",
            "battery12v.crank_fall",
            "battery12v.crank_failing",
            "battery12v.rest_fall",
        ],
    ),
    row("blocked-filter", DIESEL, 12, &["engine.dpf_soot_high", "engine.dpf_soot", "engine.dpf_blocked"]),
    row("brake-fluid-loss", PETROL, 4, &["brake_fluid.low", "brake_fluid.stop"]),
    row("brake-system-fault", HYBRID, 2, &["alarm.brakes"]),
    row("cell-collapse", ELECTRIC, 3, &["cells.spread_alarm", "cells.undervoltage"]),
    row("cell-drift", COMMUTER, 28, &["cells.spread_watch", "cells.spread", "cells.imbalance_grows"]),
    row(
        "cell-overheating",
        ELECTRIC,
        2,
        &["cells.warm", "cells.hot", "cells.temperature_spread", "battery.thermal_event", "alarm.level_3"],
    ),
    row("code-storm", PETROL, 2, &["fault_code.storm"]),
    row(
        "coolant-loss",
        PETROL,
        2,
        &["engine.overheat", "engine.overheat_stop", "engine.coolant_critical", "fault_code.stop_now"],
    ),
    row("coolant-seep", PETROL, 5, &["engine.coolant_low"]),
    row("dcdc-fault", HYBRID, 2, &["dcdc.faulty", "alarm.level_2"]),
    row("dcdc-overheating", ELECTRIC, 2, &["dcdc.hot"]),
    row("drive-coolant-seep", HYBRID, 5, &["traction.coolant_low"]),
    row("fast-leak", PETROL, 2, &["tyre.fast_leak"]),
    row("gauge-jumps", ELECTRIC, 2, &["battery.soc_jump"]),
    row("insulation-decay", ELECTRIC, 16, &["insulation.low", "insulation.stop", "insulation.falling"]),
    row("intake-leak", PETROL, 4, &["engine.fuel_trim", "engine.trim_lean"]),
    row("interlock-open", ELECTRIC, 2, &["interlock.open"]),
    row("inverter-overheating", ELECTRIC, 2, &["inverter.hot"]),
    row("leaking-injector", PETROL, 6, &["engine.trim_rich"]),
    row("loose-wire", PETROL, 3, &["fault_code.recurring", "fault_code.maturing"]),
    row("low-charging", PETROL, 6, &["charging.low", "charging.fall"]),
    row("misfire", PETROL, 3, &["engine.misfire", "fault_code.soon"]),
    row("motor-overheating", ELECTRIC, 2, &["motor.hot"]),
    row(
        "oil-consumption",
        PETROL,
        6,
        &["engine.oil_level", "engine.oil_low", "engine.oil_thirst", "engine.oil_burning"],
    ),
    row("oil-pressure-loss", PETROL, 2, &["engine.oil_pressure", "engine.oil_pressure_status"]),
    row("overcharge", ELECTRIC, 4, &["cells.overvoltage", "battery.overcharged"]),
    row("pack-mismatch", ELECTRIC, 2, &["alarm.pack_mismatch"]),
    row("parasitic-drain", WEEKEND, 6, &["battery12v.drain"]),
    row("regulator-fault", PETROL, 2, &["charging.high"]),
    row("seized-caliper", PETROL, 6, &["brake_pads.uneven"]),
    row("severe-misfire", PETROL, 2, &["fault_code.lamp_flashing"]),
    row("silent", PETROL, 16, &["telematics.silent", "telematics.lost"]),
    row("slow-leak", PETROL, 16, &["tyre.low", "tyre.slow_leak", "tyre.leak_soon"]),
    row("thermostat-stuck-open", PETROL, 8, &["engine.thermostat_open", "engine.warm_up_slow", "engine.runs_cool"]),
    row("traction-ageing", ELECTRIC, 9, &["battery.health_low", "battery.health_below_fleet"]),
    row("valve-leak", PETROL, 4, &["tyre.drop"]),
    row("withheld-codes", PETROL, 3, &["fault_code.lamp"]),
    row("worn-catalyst", PETROL, 3, &["fault_code.next_service"]),
    row("worn-front-pads", PETROL, 7, &["brake_pads.front_worn"]),
    row("worn-rear-pads", PETROL, 9, &["brake_pads.rear_worn"]),
    Row {
        cause: Cause::Fault("parasitic-drain", Some(Magnitude::Severe)),
        setting: WEEKEND,
        days: 12,
        rules: &["battery12v.drains"],
    },
    Row {
        cause: Cause::Fault("sooting-injector", None),
        setting: long_known(DIESEL_TAXI),
        days: 9,
        rules: &["engine.dpf_interval"],
    },
    creeping("traction-ageing", Magnitude::Severe, ELECTRIC, 300, &["battery.warranty_risk"]),
    creeping("worn-front-pads", Magnitude::Severe, TAXI, 60, &["brake_pads.front_due"]),
    creeping("worn-rear-pads", Magnitude::Severe, TAXI, 150, &["brake_pads.rear_due"]),
    Row { cause: Cause::Past { km: 4_950.0, months: 4 }, setting: PETROL, days: 3, rules: &["service.due"] },
];

/// Rules that no row brings about, and why.
pub const NOT_WITHIN_A_TEST: &[(&str, &str)] = &[(
    "battery12v.key_on_fall",
    "takes two voltages before the engine turns, as recorded trips have (planted there by the score); simulated vehicles tell of starts and rests",
)];

/// The past of a vehicle of which nothing is due for a long time.
pub const YOUNG: Cause = Cause::Past { km: 600.0, months: 1 };
