//! The names of the signals that simulated vehicles send: VSS 6.0 paths and the catalogue's own.
//!
//! A test checks every one of them against the catalogue, so that nothing simulated is refused as
//! unknown.

pub const ODOMETER: &str = "Vehicle.TraveledDistance";
pub const SPEED: &str = "Vehicle.Speed";
pub const IGNITION: &str = "Vehicle.LowVoltageSystemState";
pub const AMBIENT: &str = "Vehicle.Exterior.AirTemperature";

pub const ENGINE_SPEED: &str = "Vehicle.Powertrain.CombustionEngine.Speed";
pub const ENGINE_HOURS: &str = "Vehicle.Powertrain.CombustionEngine.EngineHours";
pub const IDLE_HOURS: &str = "Vehicle.Powertrain.CombustionEngine.IdleHours";
pub const OIL_TEMPERATURE: &str = "Vehicle.Powertrain.CombustionEngine.EngineOil.Temperature";
pub const OIL_PRESSURE: &str = "Vehicle.Powertrain.CombustionEngine.EOP";
pub const OIL_PRESSURE_STATUS: &str = "Vehicle.Powertrain.CombustionEngine.EngineOil.PressureStatus";
pub const OIL_LEVEL: &str = "Vehicle.Powertrain.CombustionEngine.EngineOil.Level";
pub const COOLANT: &str = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature";
pub const COOLANT_LEVEL: &str = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Level";
pub const SHORT_TRIM: &str = "Vehicle.OBD.ShortTermFuelTrim1";
pub const LONG_TRIM: &str = "Vehicle.OBD.LongTermFuelTrim1";
pub const MISFIRE: [&str; 4] = [
    "Vehicle.Powertrain.CombustionEngine.Misfire.Cylinder1",
    "Vehicle.Powertrain.CombustionEngine.Misfire.Cylinder2",
    "Vehicle.Powertrain.CombustionEngine.Misfire.Cylinder3",
    "Vehicle.Powertrain.CombustionEngine.Misfire.Cylinder4",
];
pub const SOOT: &str = "Vehicle.Powertrain.CombustionEngine.DieselParticulateFilter.SootLoad";
pub const ADBLUE: &str = "Vehicle.Powertrain.CombustionEngine.DieselExhaustFluid.Level";
pub const ADBLUE_RANGE: &str = "Vehicle.Powertrain.CombustionEngine.DieselExhaustFluid.Range";
pub const CONSUMPTION: &str = "Vehicle.Powertrain.FuelSystem.AverageConsumption";

pub const VOLTAGE_12: &str = "Vehicle.LowVoltageBattery.CurrentVoltage";
pub const CURRENT_12: &str = "Vehicle.LowVoltageBattery.CurrentCurrent";
pub const CRANK_VOLTAGE: &str = "Vehicle.LowVoltageBattery.CrankMinimumVoltage";
pub const CRANK_DURATION: &str = "Vehicle.LowVoltageBattery.CrankDuration";

/// Front left, front right, rear left, rear right.
pub const TYRE_PRESSURE: [&str; 4] = [
    "Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure",
    "Vehicle.Chassis.Axle.Row1.Wheel.Right.Tire.Pressure",
    "Vehicle.Chassis.Axle.Row2.Wheel.Left.Tire.Pressure",
    "Vehicle.Chassis.Axle.Row2.Wheel.Right.Tire.Pressure",
];
pub const TYRE_TEMPERATURE: [&str; 4] = [
    "Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.AirTemperature",
    "Vehicle.Chassis.Axle.Row1.Wheel.Right.Tire.AirTemperature",
    "Vehicle.Chassis.Axle.Row2.Wheel.Left.Tire.AirTemperature",
    "Vehicle.Chassis.Axle.Row2.Wheel.Right.Tire.AirTemperature",
];
pub const PAD_WEAR: [&str; 4] = [
    "Vehicle.Chassis.Axle.Row1.Wheel.Left.Brake.PadWear",
    "Vehicle.Chassis.Axle.Row1.Wheel.Right.Brake.PadWear",
    "Vehicle.Chassis.Axle.Row2.Wheel.Left.Brake.PadWear",
    "Vehicle.Chassis.Axle.Row2.Wheel.Right.Brake.PadWear",
];
pub const BRAKE_FLUID: &str = "Vehicle.Chassis.Axle.Row1.Wheel.Left.Brake.FluidLevel";
pub const BRAKE_FLUID_LOW: &str = "Vehicle.Chassis.Axle.Row1.Wheel.Left.Brake.IsFluidLevelLow";

pub const SOC: &str = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current";
pub const SOH: &str = "Vehicle.Powertrain.TractionBattery.StateOfHealth";
pub const PACK_VOLTAGE: &str = "Vehicle.Powertrain.TractionBattery.CurrentVoltage";
pub const PACK_CURRENT: &str = "Vehicle.Powertrain.TractionBattery.CurrentCurrent";
pub const CELL_MAX: &str = "Vehicle.Powertrain.TractionBattery.CellVoltage.Max";
pub const CELL_MAX_ID: &str = "Vehicle.Powertrain.TractionBattery.CellVoltage.IdMax";
pub const CELL_MIN: &str = "Vehicle.Powertrain.TractionBattery.CellVoltage.Min";
pub const CELL_MIN_ID: &str = "Vehicle.Powertrain.TractionBattery.CellVoltage.IdMin";
pub const CELL_HOT: &str = "Vehicle.Powertrain.TractionBattery.Temperature.Max";
pub const CELL_COLD: &str = "Vehicle.Powertrain.TractionBattery.Temperature.Min";
pub const INSULATION: &str = "Vehicle.Powertrain.TractionBattery.InsulationResistance";
pub const CHARGED_AH: &str = "Vehicle.Powertrain.TractionBattery.AccumulatedChargedThroughput";
pub const CHARGED_KWH: &str = "Vehicle.Powertrain.TractionBattery.AccumulatedChargedEnergy";
pub const IS_CHARGING: &str = "Vehicle.Powertrain.TractionBattery.Charging.IsCharging";
pub const CHARGE_MEAN_POWER: &str = "Vehicle.Powertrain.TractionBattery.Charging.AveragePower";
pub const CHARGE_MAX_POWER: &str = "Vehicle.Powertrain.TractionBattery.Charging.MaxPower";
pub const MOTOR_TEMPERATURE: &str = "Vehicle.Powertrain.ElectricMotor.Temperature";
pub const MOTOR_COOLANT: &str = "Vehicle.Powertrain.ElectricMotor.EngineCoolant.Temperature";
pub const MOTOR_COOLANT_LEVEL: &str = "Vehicle.Powertrain.ElectricMotor.EngineCoolant.Level";
pub const INVERTER_TEMPERATURE: &str = "Vehicle.Powertrain.ElectricMotor.InverterTemperature";
pub const DCDC_TEMPERATURE: &str = "Vehicle.Powertrain.TractionBattery.DCDC.Temperature";

pub const CODE_COUNT: &str = "Vehicle.Diagnostics.DTCCount";
pub const LAMP: &str = "Vehicle.OBD.Status.IsMILOn";
pub const LAMP_FLASHING: &str = "Vehicle.OBD.Status.IsMILFlashing";

pub const ALARM_LEVEL: &str = "Vehicle.Diagnostics.Alarm.Level";
pub const ALARM_THERMAL_EVENT: &str = "Vehicle.Diagnostics.Alarm.ThermalEvent";
pub const ALARM_OVERCHARGE: &str = "Vehicle.Diagnostics.Alarm.Overcharge";
pub const ALARM_INTERLOCK: &str = "Vehicle.Diagnostics.Alarm.HighVoltageInterlock";
pub const ALARM_BRAKES: &str = "Vehicle.Diagnostics.Alarm.BrakeSystem";
pub const ALARM_PACK_MISMATCH: &str = "Vehicle.Diagnostics.Alarm.PackMismatch";
pub const ALARM_GAUGE_JUMP: &str = "Vehicle.Diagnostics.Alarm.StateOfChargeJump";
pub const DCDC_FAULTY: &str = "Vehicle.Powertrain.TractionBattery.DCDC.IsFaulty";

/// Every name above, for the check against the catalogue.
pub fn all() -> Vec<&'static str> {
    let mut names = vec![
        ODOMETER,
        SPEED,
        IGNITION,
        AMBIENT,
        ENGINE_SPEED,
        ENGINE_HOURS,
        IDLE_HOURS,
        OIL_TEMPERATURE,
        OIL_PRESSURE,
        OIL_PRESSURE_STATUS,
        OIL_LEVEL,
        COOLANT,
        COOLANT_LEVEL,
        SHORT_TRIM,
        LONG_TRIM,
        SOOT,
        ADBLUE,
        ADBLUE_RANGE,
        CONSUMPTION,
        VOLTAGE_12,
        CURRENT_12,
        CRANK_VOLTAGE,
        CRANK_DURATION,
        BRAKE_FLUID,
        BRAKE_FLUID_LOW,
        SOC,
        SOH,
        PACK_VOLTAGE,
        PACK_CURRENT,
        CELL_MAX,
        CELL_MAX_ID,
        CELL_MIN,
        CELL_MIN_ID,
        CELL_HOT,
        CELL_COLD,
        INSULATION,
        CHARGED_AH,
        CHARGED_KWH,
        IS_CHARGING,
        CHARGE_MEAN_POWER,
        CHARGE_MAX_POWER,
        MOTOR_TEMPERATURE,
        MOTOR_COOLANT,
        MOTOR_COOLANT_LEVEL,
        INVERTER_TEMPERATURE,
        DCDC_TEMPERATURE,
        CODE_COUNT,
        LAMP,
        LAMP_FLASHING,
        ALARM_LEVEL,
        ALARM_THERMAL_EVENT,
        ALARM_OVERCHARGE,
        ALARM_INTERLOCK,
        ALARM_BRAKES,
        ALARM_PACK_MISMATCH,
        ALARM_GAUGE_JUMP,
        DCDC_FAULTY,
    ];
    names.extend(TYRE_PRESSURE.iter().chain(&TYRE_TEMPERATURE).chain(&PAD_WEAR).chain(&MISFIRE));
    names
}

#[cfg(test)]
mod tests {
    use rules::catalogue::Catalogue;

    use super::*;

    #[test]
    fn every_name_is_in_the_catalogue() {
        let signals = Catalogue::builtin().unwrap().signals;
        for name in all() {
            assert!(signals.by_path(name).is_some_and(|signal| !signal.feature), "{name}");
        }
    }
}
