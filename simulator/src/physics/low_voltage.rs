//! The 12 V system: a lead-acid battery, its charger, the starter.

use super::{Strain, relax};

/// What age adds to the internal resistance of a sound battery.
const CORROSION_PER_YEAR: f64 = 0.02;

/// State of the 12 V battery.
#[derive(Clone, Debug)]
pub struct LowVoltage {
    capacity_ah: f64,
    /// 0 to 1.
    soc: f64,
    /// Surface charge left by charging, volts.
    surface: f64,
    temperature: f64,
    /// Internal resistance at 25 degC when new, ohm.
    resistance: f64,
    pub current: f64,
}

impl LowVoltage {
    pub fn new(capacity_ah: f64, soc: f64, temperature: f64) -> Self {
        Self { capacity_ah, soc, surface: 0.0, temperature, resistance: 0.36 / capacity_ah, current: 0.0 }
    }

    /// Voltage without load. A worn plate holds less charge, so its rest voltage falls.
    pub fn rest_voltage(&self, strain: &Strain) -> f64 {
        let held = self.soc.min(0.12 + 0.88 * strain.low_voltage_health);
        let flat = (0.12 - held).max(0.0) * 12.0;
        11.72 + held - flat + self.surface
    }

    /// The engine is off, the ignition on: control units draw a few amperes.
    pub fn on_voltage(&self, strain: &Strain) -> f64 {
        self.rest_voltage(strain) - 8.0 * self.internal_ohm(strain)
    }

    /// Lowest voltage of a start.
    pub fn crank_voltage(&self, strain: &Strain) -> f64 {
        let cold = (25.0 - self.temperature).max(0.0);
        let amperes = 290.0 + 2.5 * cold;
        (self.rest_voltage(strain) - amperes * self.internal_ohm(strain) - strain.start_dip_v).max(4.5)
    }

    /// How long the starter turns, seconds.
    pub fn crank_secs(&self, strain: &Strain) -> f64 {
        0.6 + 0.18 * (11.2 - self.crank_voltage(strain)).max(0.0).powi(2)
    }

    /// Charged by alternator or DC/DC over `secs`, with `load` amperes drawn; returns the voltage.
    pub fn charge(&mut self, secs: f64, regulated: f64, load: f64, ambient: f64, strain: &Strain) -> f64 {
        self.temperature = relax(self.temperature, ambient + 12.0, secs, 3_600.0);
        let open = 11.72 + self.soc;
        // A charger that is nearly dead does not even carry the load: the battery does.
        let uncarried = (1.0 - strain.charging / 0.06).max(0.0);
        let regulated = regulated + strain.regulator_v;
        let supplied = open + (regulated - open) * strain.charging - uncarried * load * 0.006;
        // The higher the charge, the more voltage it takes to push a current in.
        let into = ((supplied - open - 0.9 * self.soc) / 0.03).clamp(0.0, 25.0);
        self.current = into - load * uncarried;
        self.soc = (self.soc + self.current * secs / 3_600.0 / self.capacity_ah).clamp(0.02, 1.0);
        let reachable = (supplied - 11.82).clamp(0.0, 0.97);
        if self.soc < reachable {
            self.soc = relax(self.soc, reachable, secs, 14_400.0);
        }
        self.surface = relax(self.surface, if supplied > open + 0.5 { 0.35 } else { 0.0 }, secs, 900.0);
        supplied.max(10.0)
    }

    /// Parked for `secs` with a quiescent draw in amperes.
    pub fn rest(&mut self, secs: f64, draw: f64, ambient: f64) {
        self.temperature = relax(self.temperature, ambient, secs, 10_800.0);
        self.surface = relax(self.surface, 0.0, secs, 3_000.0);
        self.soc = (self.soc - draw * secs / 3_600.0 / self.capacity_ah).max(0.02);
        self.current = -draw;
    }

    /// A day passes: plates corrode a little in every battery.
    pub fn age(&mut self) {
        self.resistance *= 1.0 + CORROSION_PER_YEAR / 365.25;
    }

    /// State of charge, 0 to 1: a BEV tops its battery up when this falls.
    pub const fn soc(&self) -> f64 {
        self.soc
    }

    /// Topped up by the traction battery overnight.
    pub fn top_up(&mut self) {
        self.soc = self.soc.max(0.9);
    }

    fn internal_ohm(&self, strain: &Strain) -> f64 {
        let wear = 1.0 + 2.2 * (1.0 - strain.low_voltage_health);
        let cold = 1.0 + 0.012 * (25.0 - self.temperature).max(0.0);
        self.resistance * wear * cold
    }
}

/// What a healthy alternator regulates to, colder is higher.
pub fn alternator_target(ambient: f64) -> f64 {
    (14.25 - 0.008 * (ambient - 25.0)).clamp(13.85, 14.6)
}

/// What a DC/DC converter regulates to.
pub const DCDC_TARGET: f64 = 14.0;

#[cfg(test)]
mod tests {
    use super::*;

    const HEALTHY: Strain = Strain::NONE;

    #[test]
    fn surface_charge_decays_to_the_rest_voltage_within_four_hours() {
        let mut battery = LowVoltage::new(60.0, 0.92, 20.0);
        for _ in 0..180 {
            battery.charge(10.0, 14.2, 40.0, 20.0, &HEALTHY);
        }
        assert!(battery.rest_voltage(&HEALTHY) > 12.85);
        battery.rest(4.0 * 3_600.0, 0.03, 20.0);
        assert!((12.5..12.75).contains(&battery.rest_voltage(&HEALTHY)), "{}", battery.rest_voltage(&HEALTHY));
    }

    #[test]
    fn a_healthy_start_stays_above_the_load_test_line_in_the_cold() {
        for temperature in [25.0, 10.0, 0.0, -10.0, -18.0] {
            let battery = LowVoltage::new(60.0, 0.9, temperature);
            let line = 9.6 + 0.029 * (f64::min(temperature, 20.0) - 20.0);
            assert!(battery.crank_voltage(&HEALTHY) > line + 0.2, "{temperature}: {}", battery.crank_voltage(&HEALTHY));
        }
    }

    #[test]
    fn a_worn_battery_rests_low_and_cranks_low() {
        let worn = Strain { low_voltage_health: 0.1, ..HEALTHY };
        let battery = LowVoltage::new(60.0, 0.95, 20.0);
        assert!(battery.rest_voltage(&worn) < 12.0);
        assert!(battery.crank_voltage(&worn) < 9.0);
    }

    #[test]
    fn a_weak_charger_keeps_the_battery_and_shows_below_13_volts() {
        let weak = Strain { charging: 0.08, ..HEALTHY };
        let mut battery = LowVoltage::new(60.0, 0.9, 20.0);
        for _ in 0..2_000 {
            let volts = battery.charge(10.0, 14.3, 45.0, 20.0, &weak);
            assert!((12.6..12.95).contains(&volts), "{volts}");
        }
        assert!(battery.soc() > 0.85);
    }

    #[test]
    fn a_dead_charger_lets_the_voltage_fall_minute_by_minute() {
        let dead = Strain { charging: 0.0, ..HEALTHY };
        let mut battery = LowVoltage::new(60.0, 0.95, 20.0);
        let first = battery.charge(10.0, 14.2, 45.0, 20.0, &dead);
        let mut last = first;
        for _ in 0..240 {
            last = battery.charge(10.0, 14.2, 45.0, 20.0, &dead);
        }
        assert!(first < 12.8 && last < 12.1, "{first} {last}");
    }
}
