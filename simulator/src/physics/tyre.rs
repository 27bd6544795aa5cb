//! Tyres: an amount of air per wheel, and the ideal gas between it and the gauge.

use super::{Strain, relax};

/// Air pressure outside, kPa.
const ATMOSPHERE: f64 = 101.3;
const KELVIN: f64 = 273.15;

/// One tyre.
#[derive(Clone, Copy, Debug)]
pub struct Tyre {
    /// Absolute pressure it would have at 20 degC, kPa.
    filled: f64,
    /// Temperature of the air inside, degC.
    pub air: f64,
    /// How its gauge deviates, kPa.
    bias: f64,
}

impl Tyre {
    pub fn new(placard_kpa: f64, over: f64, bias: f64, ambient: f64) -> Self {
        Self { filled: placard_kpa + over + ATMOSPHERE, air: ambient, bias }
    }

    /// Moves on by one step at a mean speed; parked is speed 0.
    pub fn step(&mut self, secs: f64, metres_per_sec: f64, ambient: f64, leak_kpa_h: f64) {
        let target = ambient + 0.55 * metres_per_sec;
        let tau = if metres_per_sec > 0.5 { 900.0 } else { 2_400.0 };
        self.air = relax(self.air, target, secs, tau);
        // Rubber lets a little through: about 0.12 kPa a day. A leak slows as the pressure falls.
        let share = ((self.filled - ATMOSPHERE) / 240.0).clamp(0.0, 1.2);
        let lost = (0.005 + leak_kpa_h * share) * secs / 3_600.0;
        self.filled = (self.filled - lost).max(ATMOSPHERE);
    }

    /// Gauge pressure in kPa.
    pub fn pressure(&self) -> f64 {
        (self.filled * (self.air + KELVIN) / (20.0 + KELVIN) - ATMOSPHERE + self.bias).max(0.0)
    }

    /// A look at the gauge, and the air hose if it is low; a leaking tyre is left alone.
    pub fn check(&mut self, placard_kpa: f64, leaking: bool) {
        if !leaking && self.pressure() < placard_kpa - 18.0 {
            let missing = placard_kpa + 5.0 - self.pressure();
            self.filled += missing * (20.0 + KELVIN) / (self.air + KELVIN);
        }
    }
}

/// Leak of one wheel from the sum of all faults.
pub fn leak(strain: &Strain, wheel: usize) -> f64 {
    strain.leak_kpa_h.get(wheel).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_ideal_gas() {
        let mut tyre = Tyre::new(230.0, 0.0, 0.0, 20.0);
        assert!((tyre.pressure() - 230.0).abs() < 0.01);
        tyre.air = 30.0;
        // About 11.5 kPa per 10 K at 330 kPa absolute, DOMAIN 5.4.
        assert!((tyre.pressure() - 241.3).abs() < 0.3, "{}", tyre.pressure());
    }

    #[test]
    fn warms_on_the_motorway_and_loses_little_in_a_month() {
        let mut tyre = Tyre::new(230.0, 0.0, 0.0, 20.0);
        for _ in 0..360 {
            tyre.step(10.0, 30.0, 20.0, 0.0);
        }
        assert!((12.0..20.0).contains(&(tyre.air - 20.0)), "{}", tyre.air);
        tyre.step(30.0 * 86_400.0, 0.0, 20.0, 0.0);
        assert!((222.0..229.0).contains(&tyre.pressure()), "{}", tyre.pressure());
    }

    #[test]
    fn a_puncture_empties_it_and_the_owner_fills_only_sound_tyres() {
        let mut tyre = Tyre::new(230.0, 0.0, 0.0, 20.0);
        for _ in 0..30 {
            tyre.step(10.0, 10.0, 20.0, 2_000.0);
        }
        assert!(tyre.pressure() < 150.0, "{}", tyre.pressure());
        let low = tyre.pressure();
        tyre.check(230.0, true);
        assert_eq!(tyre.pressure(), low);
        tyre.check(230.0, false);
        assert!(tyre.pressure() > 230.0);
    }
}
