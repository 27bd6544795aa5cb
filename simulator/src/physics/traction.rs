//! The traction battery with motor, inverter, DC/DC converter and charger.

use super::{Strain, relax};
use crate::model::Pack;

/// State of one high-voltage system.
#[derive(Clone, Debug)]
pub struct Traction {
    pub pack: Pack,
    /// 0 to 1.
    pub soc: f64,
    /// 0 to 1.
    soh: f64,
    /// Positive into the battery, A.
    pub current: f64,
    pub temperature: f64,
    hot_excess: f64,
    pub motor: f64,
    pub inverter: f64,
    pub dcdc: f64,
    pub coolant: f64,
    /// Ah and kWh charged since it was built.
    pub charged_ah: f64,
    pub charged_kwh: f64,
    /// kOhm when dry and sound.
    pub insulation: f64,
    /// Cells that are highest and lowest, and how far from the mean, V.
    pub id_max: u16,
    pub id_min: u16,
    spread: f64,
    /// Capacity lost to a fault, 0 to 1.
    lost: f64,
}

/// Open-circuit voltage of an NMC cell at 0, 10, .. 100 % state of charge.
const OPEN_CIRCUIT: [f64; 11] = [3.10, 3.45, 3.55, 3.61, 3.65, 3.70, 3.79, 3.90, 4.00, 4.09, 4.17];

impl Traction {
    pub fn new(pack: Pack, soc: f64, soh: f64, insulation: f64, ids: (u16, u16), ambient: f64) -> Self {
        Self {
            pack,
            soc,
            soh,
            current: 0.0,
            temperature: ambient,
            hot_excess: 0.0,
            motor: ambient,
            inverter: ambient,
            dcdc: ambient,
            coolant: ambient,
            charged_ah: (1.0 - soh) * pack.capacity_ah * 4_000.0,
            charged_kwh: (1.0 - soh) * pack.capacity_ah * 4_000.0 * f64::from(pack.cells) * 3.7 / 1_000.0,
            insulation,
            id_max: ids.0,
            id_min: ids.1,
            spread: 0.004 + 0.02 * (1.0 - soh),
            lost: 0.0,
        }
    }

    /// Draws `kw` at the terminals for `secs` (negative charges); returns the energy moved, kWh.
    pub fn draw(&mut self, secs: f64, kw: f64, ambient: f64, strain: &Strain) -> f64 {
        self.lost = strain.capacity_lost;
        let open = self.open_voltage();
        let resistance = self.resistance();
        // The current at which terminal voltage times current is the power asked for.
        let root = (open * open - 4.0 * resistance * kw * 1_000.0).max(open * open * 0.3).sqrt();
        let amperes = (open - root) / (2.0 * resistance);
        self.current = -amperes;
        let ah = -amperes * secs / 3_600.0;
        self.soc = (self.soc + ah / self.capacity_ah()).clamp(0.0, 1.0);
        let kwh = (ah * self.voltage() / 1_000.0).abs();
        if ah > 0.0 && self.pack.plug {
            self.charged_ah += ah;
            self.charged_kwh += kwh;
        }
        self.heat(secs, amperes * amperes * resistance / 1_000.0, kw.abs(), ambient, strain);
        kwh
    }

    /// Parked and switched off.
    pub fn rest(&mut self, secs: f64, ambient: f64, strain: &Strain) {
        self.current = 0.0;
        self.temperature = relax(self.temperature, ambient, secs, 40_000.0);
        self.hot_excess = relax(self.hot_excess, strain.hot_cell_k, secs, 600.0);
        for part in [&mut self.motor, &mut self.inverter, &mut self.dcdc, &mut self.coolant] {
            *part = relax(*part, ambient, secs, 3_600.0);
        }
    }

    pub fn capacity_ah(&self) -> f64 {
        self.pack.capacity_ah * self.health()
    }

    pub fn voltage(&self) -> f64 {
        self.open_voltage() + self.current * self.resistance()
    }

    /// Share of its capacity that is left, 0 to 1.
    pub fn health(&self) -> f64 {
        self.soh - self.lost
    }

    /// State of charge as its gauge shows it, percent.
    pub fn shown_soc(&self, strain: &Strain) -> f64 {
        (self.soc * 100.0 - strain.gauge_error).clamp(0.0, 100.0)
    }

    /// Highest and lowest cell, V.
    pub fn cells(&self, strain: &Strain) -> (f64, f64) {
        let mean = self.voltage() / f64::from(self.pack.cells);
        let under_load = (self.current * self.resistance() / f64::from(self.pack.cells)).abs() * 0.04;
        let driven = if self.current > 0.0 { strain.overcharge_v } else { 0.0 };
        let lowest = mean + driven - self.spread - under_load - strain.weak_cell_v;
        (mean + driven + self.spread + under_load, lowest.max(0.0))
    }

    /// Hottest and coldest cell, degC.
    pub fn temperatures(&self) -> (f64, f64) {
        (self.temperature + 1.2 + self.hot_excess, self.temperature - 1.0)
    }

    /// Charging power that the battery accepts, kW.
    pub fn accepts(&self, fast: bool) -> f64 {
        if fast {
            let taper = if self.soc < 0.55 { 1.0 } else { (1.0 - (self.soc - 0.55) * 1.9).max(0.15) };
            let cold = ((self.temperature + 10.0) / 25.0).clamp(0.25, 1.0);
            85.0 * taper * cold
        } else {
            6.6 * ((1.01 - self.soc) / 0.06).clamp(0.1, 1.0)
        }
    }

    fn open_voltage(&self) -> f64 {
        let place = (self.soc * 10.0).clamp(0.0, 9.999);
        let low = place.floor() as usize;
        let step = OPEN_CIRCUIT[low + 1] - OPEN_CIRCUIT[low];
        (OPEN_CIRCUIT[low] + step * place.fract()) * f64::from(self.pack.cells)
    }

    fn resistance(&self) -> f64 {
        let cold = 1.0 + 0.02 * (25.0 - self.temperature).clamp(0.0, 45.0);
        self.pack.resistance * cold * (1.0 + 1.5 * (1.0 - self.health()))
    }

    fn heat(&mut self, secs: f64, loss_kw: f64, load_kw: f64, ambient: f64, strain: &Strain) {
        // Liquid cooling above 30 degC, heating below 8 degC, still air between.
        let (bath, kw_per_k) = if self.temperature > 30.0 {
            (22.0, 0.45)
        } else if self.temperature < 8.0 && self.pack.plug {
            (25.0, 0.12)
        } else {
            (ambient, 0.015)
        };
        let settled = bath + loss_kw / kw_per_k;
        self.temperature = relax(self.temperature, settled, secs, self.pack.heat_capacity_kj / kw_per_k);
        self.hot_excess = relax(self.hot_excess, strain.hot_cell_k, secs, 600.0);
        self.coolant = relax(self.coolant, ambient + 10.0 + 0.12 * load_kw, secs, 300.0);
        let load_kw = load_kw.min(80.0);
        // Power is cut before anything melts.
        let above = |kelvin: f64, loss: f64, most: f64| (self.coolant + kelvin * (1.0 + loss)).min(most);
        let motor = above(0.7 * load_kw, strain.motor_loss, 200.0);
        let inverter = above(0.35 * load_kw, strain.inverter_loss, 180.0);
        let dcdc = above(12.0, strain.dcdc_loss, 130.0);
        self.motor = relax(self.motor, motor, secs, 240.0);
        self.inverter = relax(self.inverter, inverter, secs, 90.0);
        self.dcdc = relax(self.dcdc, dcdc, secs, 180.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::COMPACT_BEV;

    fn battery(soc: f64) -> Traction {
        Traction::new(COMPACT_BEV.traction.unwrap(), soc, 0.95, 8_000.0, (7, 40), 20.0)
    }

    #[test]
    fn current_is_negative_while_driving_and_positive_while_charging() {
        let mut traction = battery(0.7);
        traction.draw(10.0, 30.0, 20.0, &Strain::default());
        assert!(traction.current < -60.0);
        let driving = traction.voltage();
        traction.draw(10.0, -6.6, 20.0, &Strain::default());
        assert!(traction.current > 10.0 && traction.voltage() > driving);
    }

    #[test]
    fn a_full_charge_moves_the_capacity() {
        let mut traction = battery(0.1);
        let before = traction.charged_ah;
        while traction.soc < 0.9 {
            let kw = traction.accepts(false);
            traction.draw(30.0, -kw, 20.0, &Strain::default());
        }
        let moved = traction.charged_ah - before;
        assert!((moved - 0.8 * 150.0 * 0.95).abs() < 0.5, "{moved}");
    }

    #[test]
    fn stays_cool_at_the_fastest_charger_in_the_heat_unless_a_cell_is_sick() {
        let mut traction = battery(0.1);
        traction.temperature = 38.0;
        let mut sick = traction.clone();
        for _ in 0..200 {
            let kw = traction.accepts(true);
            traction.draw(10.0, -kw, 38.0, &Strain::default());
            sick.draw(10.0, -kw, 38.0, &Strain { hot_cell_k: 45.0, ..Strain::default() });
        }
        assert!(traction.temperatures().0 < 50.0, "{:?}", traction.temperatures());
        assert!(sick.temperatures().0 > 65.0, "{:?}", sick.temperatures());
    }
}
