//! What planted faults do to the physics: the only way from a fault to a system.

/// The sum of all faults at one instant; the default is a healthy vehicle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strain {
    /// Share of coolant left, 1 to 0.
    pub coolant_fill: f64,
    /// Share of oil pressure left, 1 to 0.
    pub oil_pressure: f64,
    /// Share of regulated charging voltage above battery voltage that is left, 1 to 0.
    pub charging: f64,
    /// State of health of the 12 V battery, 1 to 0.
    pub low_voltage_health: f64,
    /// Further dip of the 12 V supply while control units wake or the engine cranks, volts.
    pub start_dip_v: f64,
    /// Loss per wheel, kPa per hour at full pressure.
    pub leak_kpa_h: [f64; 4],
    /// Brake fluid lost, percent.
    pub brake_fluid_lost: f64,
    /// What the hottest cell is above its neighbours once it has settled, kelvin.
    pub hot_cell_k: f64,
    /// Share of insulation resistance left, 1 to 0.
    pub insulation: f64,
    /// Misfires of cylinder 1 per 1,000 revolutions.
    pub misfire: f64,
    /// The telematics unit is dead.
    pub silent: bool,
}

impl Default for Strain {
    fn default() -> Self {
        Self {
            coolant_fill: 1.0,
            oil_pressure: 1.0,
            charging: 1.0,
            low_voltage_health: 1.0,
            start_dip_v: 0.0,
            leak_kpa_h: [0.0; 4],
            brake_fluid_lost: 0.0,
            hot_cell_k: 0.0,
            insulation: 1.0,
            misfire: 0.0,
            silent: false,
        }
    }
}
