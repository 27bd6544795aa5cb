//! Slots that fold and the estimators read or write by meaning rather than by rule, and which of the estimators
//! any rule asks.

use crate::entry::signal::{Kind, Signals};
use crate::vehicle::Slot;

/// The slots by their meaning; `None` where a catalogue does not have the signal. Wheels in the order front left,
/// front right, rear left, rear right.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub ignition: Option<Slot>,
    pub placard: Option<Slot>,
    pub odometer: Option<Slot>,
    pub engine_hours: Option<Slot>,
    pub speed: Option<Slot>,
    pub rpm: Option<Slot>,
    pub charging: Option<Slot>,
    pub volts_12: Option<Slot>,
    pub crank_volts: Option<Slot>,
    pub ambient: Option<Slot>,
    pub coolant: Option<Slot>,
    pub intake_air: Option<Slot>,
    pub short_trim: Option<Slot>,
    pub long_trim: Option<Slot>,
    pub oil_level: Option<Slot>,
    pub soot: Option<Slot>,
    pub adblue: Option<Slot>,
    pub harsh: Option<Slot>,
    pub pack_volts: Option<Slot>,
    pub pack_amperes: Option<Slot>,
    pub soc: Option<Slot>,
    pub cell_max: Option<Slot>,
    pub cell_min: Option<Slot>,
    pub cell_min_id: Option<Slot>,
    pub insulation: Option<Slot>,
    pub cell_temp_max: Option<Slot>,
    pub cell_temp_min: Option<Slot>,
    pub rain: Option<Slot>,
    pub brake_alarm: Option<Slot>,
    pub mil_flashing: Option<Slot>,
    pub alarm_level: Option<Slot>,
    pub tyre_pressure: [Option<Slot>; 4],
    pub tyre_temperature: [Option<Slot>; 4],
    pub pad_wear: [Option<Slot>; 4],
    pub tyre_cold_pressure: [Option<Slot>; 4],
    pub tyre_cold_drop: [Option<Slot>; 4],
    pub tyre_rate: [Option<Slot>; 4],
    pub tyre_leak: [Option<Slot>; 4],
    pub tyre_days: [Option<Slot>; 4],
    pub pad_km: [Option<Slot>; 4],
    pub rest_voltage: Option<Slot>,
    pub charging_voltage: Option<Slot>,
    pub crank_margin: Option<Slot>,
    pub crank_fall: Option<Slot>,
    pub rest_fall: Option<Slot>,
    pub key_on_fall: Option<Slot>,
    pub drain_rate: Option<Slot>,
    pub failure_chance: Option<Slot>,
    pub charging_fall: Option<Slot>,
    pub coolant_rate: Option<Slot>,
    pub warm_up_rise: Option<Slot>,
    pub regulation_fall: Option<Slot>,
    pub fuel_trim: Option<Slot>,
    pub trim_rise: Option<Slot>,
    pub trim_fall: Option<Slot>,
    pub oil_consumption: Option<Slot>,
    pub regeneration_share: Option<Slot>,
    pub adblue_km: Option<Slot>,
    pub health: Option<Slot>,
    pub health_days: Option<Slot>,
    pub health_risk: Option<Slot>,
    pub imbalance: Option<Slot>,
    pub imbalance_slope: Option<Slot>,
    pub lowest_cell_share: Option<Slot>,
    pub insulation_per_volt: Option<Slot>,
    pub insulation_days: Option<Slot>,
    pub cell_temp_spread: Option<Slot>,
    pub moving_minutes: Option<Slot>,
    pub storm: Option<Slot>,
    pub maturing: Option<Slot>,
    on: Vec<f64>,
    off: Vec<f64>,
    starting: Option<f64>,
    oil_is_low: Vec<f64>,
}

/// Which estimators have a rule that reads what they find; the others need not run.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one per estimator, each asked by name")]
pub struct Wanted {
    pub battery12v: bool,
    pub tyres: bool,
    pub warm_up: bool,
    pub fuel_trim: bool,
    pub oil: bool,
    pub filter: bool,
    pub traction: bool,
    pub health: bool,
    pub imbalance: bool,
    pub insulation: bool,
    pub pads: bool,
    pub maturing: bool,
    pub service: bool,
    pub moving_minutes: bool,
}

impl Wanted {
    /// By what rules read; `service`: whether any asks about the service plan.
    pub fn find(known: &Known, service: bool, is_read: impl Fn(Slot) -> bool) -> Self {
        let any = |slots: &[Option<Slot>]| slots.iter().flatten().any(|slot| is_read(*slot));
        let wheels = |all: &[[Option<Slot>; 4]]| all.iter().any(|slots| any(slots));
        Self {
            battery12v: any(&[
                known.rest_voltage,
                known.charging_voltage,
                known.crank_margin,
                known.crank_fall,
                known.rest_fall,
                known.key_on_fall,
                known.drain_rate,
                known.failure_chance,
                known.charging_fall,
            ]),
            tyres: wheels(&[
                known.tyre_cold_pressure,
                known.tyre_cold_drop,
                known.tyre_rate,
                known.tyre_leak,
                known.tyre_days,
            ]),
            warm_up: any(&[known.coolant_rate, known.warm_up_rise, known.regulation_fall]),
            fuel_trim: any(&[known.fuel_trim, known.trim_rise, known.trim_fall]),
            oil: any(&[known.oil_consumption]),
            filter: any(&[known.regeneration_share, known.adblue_km]),
            traction: any(&[known.insulation_per_volt, known.cell_temp_spread]),
            health: any(&[known.health, known.health_days, known.health_risk]),
            imbalance: any(&[known.imbalance, known.imbalance_slope, known.lowest_cell_share]),
            insulation: any(&[known.insulation_days]),
            pads: wheels(&[known.pad_km]),
            maturing: any(&[known.maturing]),
            service,
            moving_minutes: any(&[known.moving_minutes]),
        }
    }
}

const IGNITION: &str = "Vehicle.LowVoltageSystemState";
const OIL_LEVEL: &str = "Vehicle.Powertrain.CombustionEngine.EngineOil.Level";

impl Known {
    pub fn find(signals: &Signals) -> Self {
        let slot = |path: &str| signals.slot_of_path(path);
        let wheels = |branch: &str, name: &str| {
            [("Row1", "Left"), ("Row1", "Right"), ("Row2", "Left"), ("Row2", "Right")]
                .map(|(row, side)| slot(&format!("{branch}.Chassis.Axle.{row}.Wheel.{side}.{name}")))
        };
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
            placard: slot("Attribute.TyrePlacardPressure"),
            odometer: slot("Vehicle.TraveledDistance"),
            engine_hours: slot("Vehicle.Powertrain.CombustionEngine.EngineHours"),
            speed: slot("Vehicle.Speed"),
            rpm: slot("Vehicle.Powertrain.CombustionEngine.Speed"),
            charging: slot("Vehicle.Powertrain.TractionBattery.Charging.IsCharging"),
            volts_12: slot("Vehicle.LowVoltageBattery.CurrentVoltage"),
            crank_volts: slot("Vehicle.LowVoltageBattery.CrankMinimumVoltage"),
            ambient: slot("Vehicle.Exterior.AirTemperature"),
            intake_air: slot("Vehicle.OBD.IntakeTemp"),
            coolant: slot("Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature"),
            short_trim: slot("Vehicle.OBD.ShortTermFuelTrim1"),
            long_trim: slot("Vehicle.OBD.LongTermFuelTrim1"),
            oil_level: slot(OIL_LEVEL),
            soot: slot("Vehicle.Powertrain.CombustionEngine.DieselParticulateFilter.SootLoad"),
            adblue: slot("Vehicle.Powertrain.CombustionEngine.DieselExhaustFluid.Level"),
            harsh: slot("Vehicle.Acceleration.HarshCount"),
            pack_volts: slot("Vehicle.Powertrain.TractionBattery.CurrentVoltage"),
            pack_amperes: slot("Vehicle.Powertrain.TractionBattery.CurrentCurrent"),
            soc: slot("Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"),
            cell_max: slot("Vehicle.Powertrain.TractionBattery.CellVoltage.Max"),
            cell_min: slot("Vehicle.Powertrain.TractionBattery.CellVoltage.Min"),
            cell_min_id: slot("Vehicle.Powertrain.TractionBattery.CellVoltage.IdMin"),
            insulation: slot("Vehicle.Powertrain.TractionBattery.InsulationResistance"),
            cell_temp_max: slot("Vehicle.Powertrain.TractionBattery.Temperature.Max"),
            cell_temp_min: slot("Vehicle.Powertrain.TractionBattery.Temperature.Min"),
            rain: slot("Vehicle.Body.Raindetection.Intensity"),
            brake_alarm: slot("Vehicle.Diagnostics.Alarm.BrakeSystem"),
            mil_flashing: slot("Vehicle.OBD.Status.IsMILFlashing"),
            alarm_level: slot("Vehicle.Diagnostics.Alarm.Level"),
            tyre_pressure: wheels("Vehicle", "Tire.Pressure"),
            tyre_temperature: wheels("Vehicle", "Tire.AirTemperature"),
            pad_wear: wheels("Vehicle", "Brake.PadWear"),
            tyre_cold_pressure: wheels("Feature", "Tire.ColdPressure"),
            tyre_cold_drop: wheels("Feature", "Tire.ColdDrop"),
            tyre_rate: wheels("Feature", "Tire.PressureRate"),
            tyre_leak: wheels("Feature", "Tire.LeakRate"),
            tyre_days: wheels("Feature", "Tire.DaysLeft"),
            pad_km: wheels("Feature", "Brake.DistanceLeft"),
            rest_voltage: slot("Feature.LowVoltageBattery.RestVoltage"),
            charging_voltage: slot("Feature.LowVoltageBattery.ChargingVoltage"),
            crank_margin: slot("Feature.LowVoltageBattery.CrankMargin"),
            crank_fall: slot("Feature.LowVoltageBattery.CrankFall"),
            rest_fall: slot("Feature.LowVoltageBattery.RestFall"),
            drain_rate: slot("Feature.LowVoltageBattery.DrainRate"),
            key_on_fall: slot("Feature.LowVoltageBattery.KeyOnFall"),
            failure_chance: slot("Feature.LowVoltageBattery.FailureChance"),
            charging_fall: slot("Feature.LowVoltageBattery.ChargingFall"),
            coolant_rate: slot("Feature.Powertrain.CombustionEngine.CoolantRate"),
            warm_up_rise: slot("Feature.Powertrain.CombustionEngine.WarmUpRise"),
            regulation_fall: slot("Feature.Powertrain.CombustionEngine.RegulationFall"),
            fuel_trim: slot("Feature.Powertrain.CombustionEngine.FuelTrim"),
            trim_rise: slot("Feature.Powertrain.CombustionEngine.FuelTrimRise"),
            trim_fall: slot("Feature.Powertrain.CombustionEngine.FuelTrimFall"),
            oil_consumption: slot("Feature.Powertrain.CombustionEngine.OilConsumption"),
            regeneration_share: slot("Feature.Powertrain.CombustionEngine.RegenerationShare"),
            adblue_km: slot("Feature.Powertrain.CombustionEngine.DieselExhaustFluidDistance"),
            health: slot("Feature.Powertrain.TractionBattery.StateOfHealth"),
            health_days: slot("Feature.Powertrain.TractionBattery.HealthDaysLeft"),
            health_risk: slot("Feature.Powertrain.TractionBattery.WarrantyRisk"),
            imbalance: slot("Feature.Powertrain.TractionBattery.CellImbalance"),
            imbalance_slope: slot("Feature.Powertrain.TractionBattery.CellImbalanceSlope"),
            lowest_cell_share: slot("Feature.Powertrain.TractionBattery.LowestCellShare"),
            insulation_per_volt: slot("Feature.Powertrain.TractionBattery.InsulationPerVolt"),
            insulation_days: slot("Feature.Powertrain.TractionBattery.InsulationDaysLeft"),
            cell_temp_spread: slot("Feature.Powertrain.TractionBattery.CellTemperatureSpread"),
            moving_minutes: slot("Feature.Trip.MovingMinutes"),
            storm: slot("Feature.FaultCode.Storm"),
            maturing: slot("Feature.FaultCode.MaturingChance"),
            on: numbers(IGNITION, &["ON", "START"]),
            off: numbers(IGNITION, &["LOCK", "OFF"]),
            starting: numbers(IGNITION, &["START"]).first().copied(),
            oil_is_low: numbers(OIL_LEVEL, &["LOW", "CRITICALLY_LOW"]),
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

    pub fn is_oil_low(&self, level: f64) -> bool {
        self.oil_is_low.contains(&level)
    }
}
