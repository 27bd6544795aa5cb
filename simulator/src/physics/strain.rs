//! What planted faults do to the physics: the only way from a fault to a system.

/// The sum of all faults at one instant; the default is a healthy vehicle.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent defects, each asked by name")]
pub struct Strain {
    /// Share of coolant left, 1 to 0.
    pub coolant_fill: f64,
    /// How far the thermostat cannot close, 0 to 1.
    pub thermostat_open: f64,
    /// Share of oil pressure left, 1 to 0.
    pub oil_pressure: f64,
    /// Oil lost since the last change, percent.
    pub oil_lost: f64,
    /// Misfires per 1,000 revolutions, by cylinder.
    pub misfire: [f64; 4],
    /// Fuel that the mixture lacks, percent.
    pub lean: f64,
    /// Share of what a new catalyst converts, 1 to 0.
    pub catalyst: f64,
    /// The wire of the intake air sensor has no contact.
    pub intake_wire_open: bool,
    /// Share of the heat that a particulate filter burns its soot with, 1 to 0.
    pub regeneration: f64,
    /// Further soot, percent of the filter's capacity an hour.
    pub soot_per_h: f64,
    /// `AdBlue` lost, percent of the tank.
    pub adblue_lost: f64,
    /// Share of regulated charging voltage above battery voltage that is left, 1 to 0.
    pub charging: f64,
    /// What the regulator lets through above its target, volts.
    pub regulator_v: f64,
    /// State of health of the 12 V battery, 1 to 0.
    pub low_voltage_health: f64,
    /// What something that does not go to sleep draws while parked, amperes.
    pub drain_a: f64,
    /// Further dip of the 12 V supply while control units wake or the engine cranks, volts.
    pub start_dip_v: f64,
    /// Loss per wheel, kPa per hour at full pressure.
    pub leak_kpa_h: [f64; 4],
    /// Wear of the pads that use does not explain, percent per wheel.
    pub pad_worn: [f64; 4],
    /// How many times as fast as usual the pads wear, per wheel.
    pub pad_rate: [f64; 4],
    /// Brake fluid lost, percent.
    pub brake_fluid_lost: f64,
    /// The brakes' control unit has found a fault.
    pub brakes_faulty: bool,
    /// What the hottest cell is above its neighbours once it has settled, kelvin.
    pub hot_cell_k: f64,
    /// What the lowest cell is below its neighbours, volts.
    pub weak_cell_v: f64,
    /// What the charger drives every cell above its end of charge, volts.
    pub overcharge_v: f64,
    /// Capacity of the traction battery that age does not explain, 0 to 1.
    pub capacity_lost: f64,
    /// What the gauge of the traction battery is wrong by, percent.
    pub gauge_error: f64,
    /// Share of insulation resistance left, 1 to 0.
    pub insulation: f64,
    /// Losses of motor, inverter and DC/DC converter beyond the normal ones, as a multiple of these.
    pub motor_loss: f64,
    pub inverter_loss: f64,
    pub dcdc_loss: f64,
    pub dcdc_faulty: bool,
    /// Share of the drive's coolant left, 1 to 0.
    pub drive_coolant_fill: f64,
    pub interlock_open: bool,
    pub pack_mismatch: bool,
    /// The gateway passes no fault codes on.
    pub codes_withheld: bool,
    /// The telematics unit is dead.
    pub silent: bool,
}

impl Strain {
    /// A healthy vehicle.
    pub const NONE: Self = Self {
        coolant_fill: 1.0,
        thermostat_open: 0.0,
        oil_pressure: 1.0,
        oil_lost: 0.0,
        misfire: [0.0; 4],
        lean: 0.0,
        catalyst: 1.0,
        intake_wire_open: false,
        regeneration: 1.0,
        soot_per_h: 0.0,
        adblue_lost: 0.0,
        charging: 1.0,
        regulator_v: 0.0,
        low_voltage_health: 1.0,
        drain_a: 0.0,
        start_dip_v: 0.0,
        leak_kpa_h: [0.0; 4],
        pad_worn: [0.0; 4],
        pad_rate: [1.0; 4],
        brake_fluid_lost: 0.0,
        brakes_faulty: false,
        hot_cell_k: 0.0,
        weak_cell_v: 0.0,
        overcharge_v: 0.0,
        capacity_lost: 0.0,
        gauge_error: 0.0,
        insulation: 1.0,
        motor_loss: 0.0,
        inverter_loss: 0.0,
        dcdc_loss: 0.0,
        dcdc_faulty: false,
        drive_coolant_fill: 1.0,
        interlock_open: false,
        pack_mismatch: false,
        codes_withheld: false,
        silent: false,
    };

    /// Misfires of the worst cylinder.
    pub fn worst_misfire(&self) -> f64 {
        self.misfire.iter().copied().fold(0.0, f64::max)
    }
}

impl Default for Strain {
    fn default() -> Self {
        Self::NONE
    }
}
