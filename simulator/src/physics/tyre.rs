//! Tyres: an amount of air per wheel, and the ideal gas between it and the gauge.

use super::{Strain, relax};

/// Air pressure outside at the sea, kPa.
const ATMOSPHERE: f64 = 101.3;
const KELVIN: f64 = 273.15;

/// One tyre.
#[derive(Clone, Copy, Debug)]
pub struct Tyre {
    /// Absolute pressure it would have at 20 degC, kPa.
    filled: f64,
    /// Temperature of the air inside, degC.
    pub air: f64,
    /// How its gauge deviates, and what that grows by in a day, kPa.
    bias: f64,
    drift: f64,
}

impl Tyre {
    pub fn new(placard_kpa: f64, over: f64, bias: f64, ambient: f64) -> Self {
        Self { filled: placard_kpa + over + ATMOSPHERE, air: ambient, bias, drift: 0.0 }
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

    /// The same tyre, filled where the air outside has another pressure, with a gauge that drifts.
    #[must_use]
    pub fn filled_at(self, outside_kpa: f64, drift: f64) -> Self {
        Self { filled: self.filled - ATMOSPHERE + outside_kpa, drift, ..self }
    }

    /// A day passes.
    pub fn age(&mut self) {
        self.bias += self.drift;
    }

    /// Gauge pressure in kPa: over the pressure of the air outside.
    pub fn pressure(&self, outside_kpa: f64) -> f64 {
        (self.filled * (self.air + KELVIN) / (20.0 + KELVIN) - outside_kpa + self.bias).max(0.0)
    }

    /// A look at the gauge, and the air hose if it is low; a leaking tyre is left alone.
    pub fn check(&mut self, placard_kpa: f64, outside_kpa: f64, leaking: bool) {
        let shown = self.pressure(outside_kpa);
        if !leaking && shown < placard_kpa - 18.0 {
            let missing = placard_kpa + 5.0 - shown;
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
        assert!((tyre.pressure(ATMOSPHERE) - 230.0).abs() < 0.01);
        tyre.air = 30.0;
        // About 11.5 kPa per 10 K at 330 kPa absolute, DOMAIN 5.4.
        assert!((tyre.pressure(ATMOSPHERE) - 241.3).abs() < 0.3, "{}", tyre.pressure(ATMOSPHERE));
    }

    #[test]
    fn shows_more_in_the_hills() {
        let tyre = Tyre::new(230.0, 0.0, 0.0, 20.0);
        assert!((tyre.pressure(89.9) - 241.4).abs() < 0.01);
        assert!((tyre.filled_at(89.9, 0.0).pressure(89.9) - 230.0).abs() < 0.01);
    }

    #[test]
    fn warms_on_the_motorway_and_loses_little_in_a_month() {
        let mut tyre = Tyre::new(230.0, 0.0, 0.0, 20.0);
        for _ in 0..360 {
            tyre.step(10.0, 30.0, 20.0, 0.0);
        }
        assert!((12.0..20.0).contains(&(tyre.air - 20.0)), "{}", tyre.air);
        tyre.step(30.0 * 86_400.0, 0.0, 20.0, 0.0);
        assert!((222.0..229.0).contains(&tyre.pressure(ATMOSPHERE)), "{}", tyre.pressure(ATMOSPHERE));
    }

    #[test]
    fn a_puncture_empties_it_and_the_owner_fills_only_sound_tyres() {
        let mut tyre = Tyre::new(230.0, 0.0, 0.0, 20.0);
        for _ in 0..30 {
            tyre.step(10.0, 10.0, 20.0, 2_000.0);
        }
        assert!(tyre.pressure(ATMOSPHERE) < 150.0, "{}", tyre.pressure(ATMOSPHERE));
        let low = tyre.pressure(ATMOSPHERE);
        tyre.check(230.0, ATMOSPHERE, true);
        assert_eq!(tyre.pressure(ATMOSPHERE), low);
        tyre.check(230.0, ATMOSPHERE, false);
        assert!(tyre.pressure(ATMOSPHERE) > 230.0);
    }
}
