//! The traction battery with motor, inverter, DC/DC converter and charger.

use super::gauge::Gauge;
use super::{Strain, relax};
use crate::model::Pack;

/// State of one high-voltage system.
#[derive(Clone, Debug)]
pub struct Traction {
    pub pack: Pack,
    /// 0 to 1.
    pub soc: f64,
    ageing: Ageing,
    gauge: Gauge,
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

/// What age has left of a battery, and what it goes on to take: DOMAIN 5.2c.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ageing {
    /// Share of the capacity that is left, 0 to 1.
    pub soh: f64,
    /// Share lost a year, evenly.
    pub per_year: f64,
    /// Share that is still to be lost early in life.
    pub early: f64,
    /// What the season adds to the usable capacity, as a share.
    season: f64,
}

/// A new battery loses this much before its loss becomes even, with this time constant in days.
const EARLY: f64 = 0.015;
const EARLY_DAYS: f64 = 60.0;
/// Swing of the usable capacity over the year.
const SEASON: f64 = 0.0075;

impl Ageing {
    /// A battery that has aged so many years at its pace.
    pub fn of(years: f64, per_year: f64) -> Self {
        let early = EARLY * (-years * 365.25 / EARLY_DAYS).exp();
        let soh = (1.0 - (EARLY - early) - per_year * years).max(0.85);
        Self { soh, per_year, early, season: 0.0 }
    }

    fn age(&mut self, day: i64) {
        let early = relax(self.early, 0.0, 1.0, EARLY_DAYS);
        self.soh = (self.soh - (self.early - early) - self.per_year / 365.25).max(0.3);
        self.early = early;
        let year = std::f64::consts::TAU * (day as f64 - 200.0) / 365.25;
        self.season = SEASON * year.cos();
    }
}

/// Open-circuit voltage of an NMC cell at 0, 10, .. 100 % state of charge.
const OPEN_CIRCUIT: [f64; 11] = [3.10, 3.45, 3.55, 3.61, 3.65, 3.70, 3.79, 3.90, 4.00, 4.09, 4.17];

impl Traction {
    pub fn new(
        pack: Pack,
        soc: f64,
        ageing: Ageing,
        gauge: Gauge,
        insulation: f64,
        ids: (u16, u16),
        ambient: f64,
    ) -> Self {
        let soh = ageing.soh;
        Self {
            pack,
            soc,
            ageing,
            gauge,
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
        let moved = ah / self.capacity_ah();
        self.soc = (self.soc + moved).clamp(0.0, 1.0);
        self.gauge.follow(moved * 100.0);
        let kwh = (ah * self.voltage() / 1_000.0).abs();
        if ah > 0.0 && self.pack.plug {
            self.charged_ah += ah * self.gauge.gain;
            self.charged_kwh += kwh * self.gauge.gain;
        }
        self.heat(secs, amperes * amperes * resistance / 1_000.0, kw.abs(), ambient, strain);
        kwh
    }

    /// A drive or a charge begins.
    pub fn begin(&mut self) {
        self.gauge.begin();
    }

    /// A day passes.
    pub fn age(&mut self, day: i64) {
        self.ageing.age(day);
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

    /// What can be used of it today; more in summer than in winter.
    pub fn capacity_ah(&self) -> f64 {
        self.pack.capacity_ah * self.health() * (1.0 + self.ageing.season)
    }

    /// The current as its sensor reads it, A.
    pub fn shown_current(&self) -> f64 {
        self.current * self.gauge.gain
    }

    pub fn voltage(&self) -> f64 {
        self.open_voltage() + self.current * self.resistance()
    }

    /// Share of its capacity that is left, 0 to 1.
    pub fn health(&self) -> f64 {
        self.ageing.soh - self.lost
    }

    /// Share of its capacity that age takes in a year, 0 to 1.
    pub const fn fade_per_year(&self) -> f64 {
        self.ageing.per_year
    }

    /// State of charge as its gauge shows it, percent.
    pub fn shown_soc(&self, strain: &Strain) -> f64 {
        (self.gauge.shown(self.soc * 100.0) - strain.gauge_error).clamp(0.0, 100.0)
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
    use crate::random::{Purpose, stream};

    fn battery(soc: f64) -> Traction {
        let gauge = Gauge::new(stream(4, 4, Purpose::Specification, 2));
        let ageing = Ageing { soh: 0.95, per_year: 0.023, early: 0.0, season: 0.0 };
        Traction::new(COMPACT_BEV.traction.unwrap(), soc, ageing, gauge, 8_000.0, (7, 40), 20.0)
    }

    #[test]
    fn loses_a_little_early_and_then_evenly_and_less_is_usable_in_winter() {
        let mut new = Ageing::of(0.0, 0.023);
        for day in 0..183 {
            new.age(day);
        }
        assert!((new.soh - (1.0 - 0.0143 - 0.0115)).abs() < 0.001, "{new:?}");
        let half = new.soh;
        for day in 183..548 {
            new.age(day);
        }
        assert!((half - new.soh - 0.0237).abs() < 0.001, "{new:?}");
        let mut summer = battery(0.5);
        summer.age(200);
        let mut winter = battery(0.5);
        winter.age(17);
        assert!((summer.capacity_ah() / winter.capacity_ah() - 1.015).abs() < 0.001);
    }

    /// DOMAIN 5.2a: about 150 / dSOC percent, from the gauge alone.
    #[test]
    fn the_capacity_of_one_charge_scatters_as_the_domain_says() {
        let mut traction = battery(0.3);
        let mut off = Vec::new();
        for _ in 0..300 {
            traction.begin();
            while traction.soc > 0.3 {
                traction.draw(60.0, 20.0, 20.0, &Strain::NONE);
            }
            traction.begin();
            let (shown, ah) = (traction.shown_soc(&Strain::NONE), traction.charged_ah);
            while traction.soc < 0.8 {
                traction.draw(60.0, -6.6, 20.0, &Strain::NONE);
            }
            let moved = (traction.charged_ah - ah) / traction.gauge.gain;
            let suggested = 100.0 * moved / (traction.shown_soc(&Strain::NONE) - shown);
            off.push(suggested / traction.capacity_ah() - 1.0);
        }
        let mean = off.iter().sum::<f64>() / 300.0;
        let sd = (off.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 299.0).sqrt() * 100.0;
        assert!((2.2..3.8).contains(&sd) && mean.abs() < 0.006, "{sd} {mean}");
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
        assert!((moved / traction.gauge.gain - 0.8 * 150.0 * 0.95).abs() < 0.5, "{moved}");
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
