//! Brakes: pads worn by the energy they take, fluid that follows the pads or a leak.

use super::Strain;

/// Percent of pad per megajoule of vehicle braking energy, front wheels.
const WEAR_PER_MJ: f64 = 0.011;
/// A workshop fits new pads before this wear, percent.
const REPLACE_AT: f64 = 78.0;

/// State of all four brakes.
#[derive(Clone, Copy, Debug)]
pub struct Brakes {
    /// Percent worn per wheel by use.
    wear: [f64; 4],
    /// How each wheel's pads take their part.
    share: [f64; 4],
}

impl Brakes {
    pub fn new(wear: [f64; 4], uneven: f64) -> Self {
        Self { wear, share: [1.0 + uneven, 1.0 - uneven, 0.6 * (1.0 - uneven), 0.6 * (1.0 + uneven)] }
    }

    /// Takes `mj` megajoules of friction.
    pub fn brake(&mut self, mj: f64, strain: &Strain) {
        for ((wear, share), rate) in self.wear.iter_mut().zip(self.share).zip(strain.pad_rate) {
            *wear = (*wear + mj * WEAR_PER_MJ * share * rate).min(100.0);
        }
    }

    /// New pads on an axle whose pads are due; nobody looks after an axle that wears too fast.
    pub fn maintain(&mut self, strain: &Strain) {
        for (axle, rates) in self.wear.chunks_exact_mut(2).zip(strain.pad_rate.chunks_exact(2)) {
            let neglected = rates.iter().any(|rate| *rate > 1.0);
            if !neglected && axle.iter().any(|wear| *wear >= REPLACE_AT) {
                axle.fill(0.0);
            }
        }
    }

    /// Percent worn per wheel, as its sensor sees it.
    pub fn worn(&self, strain: &Strain) -> [f64; 4] {
        std::array::from_fn(|wheel| (self.wear[wheel] + strain.pad_worn[wheel]).min(100.0))
    }

    /// Percent of fluid in the reservoir; pistons follow the pads and take some.
    pub fn fluid(&self, strain: &Strain) -> f64 {
        let worn = self.worn(strain).iter().sum::<f64>() / 4.0;
        (99.0 - 0.15 * worn - strain.brake_fluid_lost).clamp(0.0, 100.0)
    }

    /// The float switch in the reservoir.
    pub fn is_fluid_low(&self, strain: &Strain) -> bool {
        self.fluid(strain) < 60.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn city_kilometres_wear_the_front_about_as_workshops_see_it() {
        let mut brakes = Brakes::new([0.0; 4], 0.03);
        // 1,000 km of town: two stops from 45 km/h per kilometre, 1.4 t.
        brakes.brake(1_000.0 * 2.0 * 0.5 * 1_400.0 * 12.5 * 12.5 / 1e6, &Strain::NONE);
        assert!((1.0..4.0).contains(&brakes.wear[0]), "{:?}", brakes.wear);
        assert!(brakes.wear[2] < brakes.wear[0]);
    }

    #[test]
    fn worn_pads_lower_the_fluid_without_tripping_its_switch() {
        let brakes = Brakes::new([77.0; 4], 0.0);
        assert!(brakes.fluid(&Strain::default()) < 90.0);
        assert!(!brakes.is_fluid_low(&Strain::default()));
        assert!(brakes.is_fluid_low(&Strain { brake_fluid_lost: 45.0, ..Strain::default() }));
    }

    #[test]
    fn a_workshop_replaces_pads_by_axle() {
        let mut brakes = Brakes::new([80.0, 70.0, 40.0, 40.0], 0.0);
        brakes.maintain(&Strain::NONE);
        assert_eq!(brakes.wear, [0.0, 0.0, 40.0, 40.0]);
    }
}
