//! A diesel's after-treatment: the filter that gathers soot and burns it off, and its `AdBlue`.
//!
//! Soot comes in town and goes on the road: above 55 % of its capacity the filter is heated as soon as
//! engine and speed allow, until 15 % are left.

use super::Strain;

/// What a tank of `AdBlue` lasts, km.
const ADBLUE_KM: f64 = 12_000.0;
/// Whoever can go no further than this fills up at the next occasion, km.
const REFILL_BELOW_KM: f64 = 5_000.0;
/// Percent of the filter an hour, in town.
const SOOT_PER_H: f64 = 6.0;
/// Percent of the filter a minute while it is heated: slower than the catalogue believes at most.
const BURNT_PER_MIN: f64 = 1.4;
const BEGIN_AT: f64 = 55.0;
const END_AT: f64 = 15.0;

/// State of one after-treatment.
#[derive(Clone, Copy, Debug)]
pub struct AfterTreatment {
    /// Percent of what the filter holds.
    pub soot: f64,
    heated: bool,
    /// Percent of the tank, but for what leaked.
    adblue: f64,
}

/// One step of driving, as the after-treatment sees it.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    pub secs: f64,
    pub metres: f64,
    /// m/s
    pub speed: f64,
    pub oil: f64,
}

impl AfterTreatment {
    pub const fn new(soot: f64, adblue: f64) -> Self {
        Self { soot, heated: false, adblue }
    }

    /// Moves on by one step of a trip with the engine running.
    pub fn step(&mut self, flow: &Flow, strain: &Strain) {
        self.adblue = (self.adblue - flow.metres / 10.0 / ADBLUE_KM).max(0.0);
        let in_town = if flow.speed < 16.0 { 1.0 } else { 0.4 };
        let gathered = (SOOT_PER_H * in_town + strain.soot_per_h) * flow.secs / 3_600.0;
        let able = flow.oil > 60.0 && flow.speed > 5.0 && strain.regeneration > 0.0;
        self.heated = if self.heated { self.soot > END_AT } else { self.soot > BEGIN_AT };
        let burnt = if self.heated && able { BURNT_PER_MIN * strain.regeneration * flow.secs / 60.0 } else { 0.0 };
        self.soot = (self.soot + gathered - burnt).clamp(0.0, 190.0);
    }

    /// `AdBlue` in the tank, percent.
    pub fn adblue(&self, strain: &Strain) -> f64 {
        (self.adblue - strain.adblue_lost).max(0.0)
    }

    /// How far the `AdBlue` lasts, m.
    pub fn range_m(&self, strain: &Strain) -> f64 {
        self.adblue(strain) * 10.0 * ADBLUE_KM
    }

    /// The owner fills up, and takes a filter that short trips never let burn for a longer drive.
    pub fn maintain(&mut self, strain: &Strain) {
        if self.range_m(&Strain::NONE) < REFILL_BELOW_KM * 1_000.0 {
            self.adblue = 98.0;
        }
        if self.soot > BEGIN_AT && strain.regeneration > 0.5 {
            self.soot = END_AT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROAD: Flow = Flow { secs: 10.0, metres: 170.0, speed: 17.0, oil: 90.0 };

    #[test]
    fn burns_its_soot_on_the_road_unless_it_cannot() {
        let (mut sound, mut blocked) = (AfterTreatment::new(60.0, 50.0), AfterTreatment::new(60.0, 50.0));
        for _ in 0..240 {
            sound.step(&ROAD, &Strain::NONE);
            blocked.step(&ROAD, &Strain { regeneration: 0.0, ..Strain::NONE });
        }
        assert!(sound.soot < 30.0 && blocked.soot > 61.0, "{} {}", sound.soot, blocked.soot);
    }

    #[test]
    fn a_tank_of_adblue_lasts_as_far_as_it_says() {
        let mut tank = AfterTreatment::new(20.0, 50.0);
        let before = tank.range_m(&Strain::NONE);
        for _ in 0..100 {
            tank.step(&ROAD, &Strain::NONE);
        }
        assert!((before - tank.range_m(&Strain::NONE) - 17_000.0).abs() < 1.0);
        assert_eq!(tank.range_m(&Strain { adblue_lost: 99.0, ..Strain::NONE }), 0.0);
    }
}
