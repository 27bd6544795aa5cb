//! How high a vehicle is, and the pressure of the air there: what a gauge takes from every tyre alike.

use crate::climate::air_kpa;

/// Where a vehicle is and where its trip goes, m.
#[derive(Clone, Copy, Debug)]
pub struct Altitude {
    metres: f64,
    destination: f64,
    /// Metres of altitude per metre of road.
    slope: f64,
    air_kpa: f64,
}

impl Altitude {
    pub fn new(metres: f64) -> Self {
        Self { metres, destination: metres, slope: 0.0, air_kpa: air_kpa(metres) }
    }

    /// Sets out for a place some kilometres away; the road climbs evenly.
    pub fn set_out(&mut self, destination: f64, km: f64) {
        self.destination = destination;
        self.slope = (destination - self.metres) / (km * 1_000.0).max(1.0);
    }

    /// So many metres of road.
    pub fn travel(&mut self, road: f64) {
        if self.slope == 0.0 {
            return;
        }
        let (from, to) = (self.metres, self.destination);
        self.metres = (from + self.slope * road).clamp(from.min(to), from.max(to));
        self.air_kpa = air_kpa(self.metres);
    }

    pub const fn metres(&self) -> f64 {
        self.metres
    }

    /// Air pressure outside, kPa.
    pub const fn air_kpa(&self) -> f64 {
        self.air_kpa
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn climbs_to_where_it_goes_and_no_further() {
        let mut altitude = Altitude::new(100.0);
        altitude.set_out(600.0, 20.0);
        altitude.travel(10_000.0);
        assert!((altitude.metres() - 350.0).abs() < 1e-6);
        altitude.travel(30_000.0);
        assert!((altitude.metres() - 600.0).abs() < 1e-6);
        assert!((Altitude::new(100.0).air_kpa() - altitude.air_kpa() - 5.8).abs() < 0.2);
    }
}
