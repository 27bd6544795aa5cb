//! The combustion engine: speed, coolant with thermostat and fan, oil, trims, hours, fuel.

use super::{Strain, relax};

/// State of one engine.
#[derive(Clone, Debug)]
pub struct Engine {
    pub running: bool,
    pub rpm: f64,
    pub coolant: f64,
    pub oil: f64,
    fan: bool,
    pub hours: f64,
    pub idle_hours: f64,
    pub long_trim: f64,
    trim_home: f64,
    /// What today's fuel and vapours ask of the mixture, percent.
    pub trim_today: f64,
    /// Where its thermostat begins to open, degC.
    pub opens_at: f64,
    /// Litres burnt on this trip.
    pub litres: f64,
}

/// What the engine is asked to do over one step.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    pub secs: f64,
    /// At the crankshaft, kW, averaged over the step.
    pub kw: f64,
    /// Vehicle speed at the end of the step, m/s.
    pub speed: f64,
    pub standing: f64,
    pub ambient: f64,
    /// Off in a hybrid that drives electrically.
    pub run: bool,
}

/// Engine and coolant that warm up together, kJ/K.
const HEAT_CAPACITY: f64 = 52.0;
const IDLE_FUEL_KW: f64 = 8.0;
const FUEL_KWH_PER_LITRE: f64 = 8.9;
/// Engine speed per km/h in each gear.
const GEARS: [f64; 6] = [115.0, 66.0, 46.0, 35.0, 28.5, 23.5];

impl Engine {
    pub fn new(hours: f64, trim_home: f64, ambient: f64) -> Self {
        Self {
            running: false,
            rpm: 0.0,
            coolant: ambient,
            oil: ambient,
            fan: false,
            hours,
            idle_hours: hours * 0.2,
            long_trim: trim_home,
            trim_home,
            trim_today: 0.0,
            opens_at: 84.0,
            litres: 0.0,
        }
    }

    /// Moves on by one step of a trip.
    pub fn step(&mut self, demand: &Demand, strain: &Strain) {
        self.running = demand.run;
        self.rpm = if demand.run { rpm(demand.speed * 3.6, demand.kw, self.coolant) } else { 0.0 };
        let fuel_kw = if demand.run { demand.kw.max(0.0) / 0.34 + IDLE_FUEL_KW } else { 0.0 };
        self.warm(demand, fuel_kw, strain);
        let oil_target = if demand.run { self.coolant + 2.0 + 0.35 * demand.kw.clamp(0.0, 45.0) } else { self.coolant };
        self.oil = relax(self.oil, oil_target, demand.secs, 220.0);
        self.litres += fuel_kw * demand.secs / 3_600.0 / FUEL_KWH_PER_LITRE;
        // A cylinder that does not burn sends its oxygen past the sensor: the trim goes rich.
        let trim_target = self.trim_home + strain.worst_misfire() * 0.05 + strain.lean * 0.7;
        self.long_trim = relax(self.long_trim, trim_target.clamp(-25.0, 25.0), demand.secs, 1_800.0);
        if demand.run {
            self.hours += demand.secs / 3_600.0;
            self.idle_hours += demand.standing / 3_600.0;
        }
    }

    /// Cools down in the garage.
    pub fn rest(&mut self, secs: f64, ambient: f64) {
        self.running = false;
        self.rpm = 0.0;
        self.fan = false;
        self.litres = 0.0;
        self.coolant = relax(self.coolant, ambient, secs, 5_400.0);
        self.oil = relax(self.oil, ambient, secs, 6_000.0);
    }

    /// Oil pressure in kPa: pump times viscosity, limited by the relief valve.
    pub fn oil_pressure(&self, strain: &Strain) -> f64 {
        if !self.running {
            return 0.0;
        }
        let thickness = (1.0 + (95.0 - self.oil).max(0.0) * 0.007) * (1.0 - (self.oil - 95.0).max(0.0) * 0.004);
        let pump = (70.0 + 0.115 * self.rpm) * thickness.max(0.4);
        pump.min(480.0) * strain.oil_pressure
    }

    /// What the lambda control adds at the moment, percent; the long-term trim follows it.
    pub fn short_trim(&self, strain: &Strain) -> f64 {
        let (lacking, learnt) = (strain.lean * 0.7, self.long_trim - self.trim_home);
        let to_learn =
            if lacking < 0.0 { (lacking - learnt.min(0.0)).min(0.0) } else { (lacking - learnt.max(0.0)).max(0.0) };
        self.trim_today + strain.worst_misfire() * 0.08 + strain.lean * 0.3 + to_learn
    }

    fn warm(&mut self, demand: &Demand, fuel_kw: f64, strain: &Strain) {
        let fill = strain.coolant_fill.clamp(0.02, 1.0);
        // The thermostat's loop is quicker than a sampling step.
        let pieces = (demand.secs / 2.0).ceil().max(1.0);
        let secs = demand.secs / pieces;
        for _ in 0..pieces as u32 {
            self.fan = if self.fan { self.coolant > 95.0 } else { self.coolant > 100.0 };
            let open = ((self.coolant - self.opens_at) / 11.0).clamp(strain.thermostat_open.min(1.0), 1.0);
            let air = 0.22 + 0.045 * demand.speed + if self.fan { 0.7 } else { 0.0 };
            let kw_per_k = 0.036 * (0.35 + 0.65 * fill) + open * air * fill * fill;
            let cold_bonus = if self.coolant < 60.0 { 1.25 } else { 1.0 };
            let heat_kw = 0.29 * fuel_kw * cold_bonus;
            let capacity = HEAT_CAPACITY * (0.6 + 0.4 * fill);
            let settled = demand.ambient + heat_kw / kw_per_k;
            self.coolant = relax(self.coolant, settled, secs, capacity / kw_per_k).min(138.0);
        }
    }
}

/// Engine speed in the gear an automatic would choose, or idling.
fn rpm(kmh: f64, kw: f64, coolant: f64) -> f64 {
    let idle = 720.0 + (60.0 - coolant).clamp(0.0, 80.0) * 6.0;
    let lowest = 1_350.0 + 22.0 * kw.clamp(0.0, 60.0);
    let geared = GEARS.iter().rev().map(|ratio| ratio * kmh).find(|rpm| *rpm >= lowest);
    geared.unwrap_or(GEARS[0] * kmh).clamp(idle, 5_500.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn town(ambient: f64) -> Demand {
        Demand { secs: 10.0, kw: 6.0, speed: 9.0, standing: 3.0, ambient, run: true }
    }

    #[test]
    fn warms_up_in_the_time_the_domain_expects() {
        let mut engine = Engine::new(100.0, 0.0, 20.0);
        let mut minutes = 0.0;
        while engine.coolant < 70.0 {
            engine.step(&town(20.0), &Strain::default());
            minutes += 10.0 / 60.0;
        }
        // 4 + 0.07 * (70 - 20), DOMAIN 5.6
        assert!((4.5..11.0).contains(&minutes), "{minutes}");
    }

    #[test]
    fn holds_its_temperature_on_the_hottest_motorway_and_in_the_coldest_town() {
        let mut engine = Engine::new(100.0, 0.0, 40.0);
        for _ in 0..600 {
            let demand = Demand { secs: 10.0, kw: 32.0, speed: 33.0, standing: 0.0, ambient: 40.0, run: true };
            engine.step(&demand, &Strain::default());
            assert!(engine.coolant < 104.0 && engine.oil < 125.0, "{} {}", engine.coolant, engine.oil);
        }
        let mut engine = Engine::new(100.0, 0.0, -15.0);
        for _ in 0..300 {
            engine.step(&town(-15.0), &Strain::default());
        }
        assert!(engine.coolant > 78.0, "{}", engine.coolant);
    }

    #[test]
    fn boils_without_coolant() {
        let mut engine = Engine::new(100.0, 0.0, 20.0);
        for _ in 0..200 {
            engine.step(&town(20.0), &Strain { coolant_fill: 0.1, ..Strain::default() });
        }
        assert!(engine.coolant > 120.0, "{}", engine.coolant);
    }

    #[test]
    fn oil_pressure_is_safe_when_healthy_and_not_when_lost() {
        let mut engine = Engine::new(100.0, 0.0, 20.0);
        for _ in 0..400 {
            engine.step(&Demand { kw: 12.0, speed: 25.0, ..town(25.0) }, &Strain::default());
        }
        assert!(engine.rpm > 1_400.0);
        assert!(engine.oil_pressure(&Strain::default()) > 200.0);
        assert!(engine.oil_pressure(&Strain { oil_pressure: 0.2, ..Strain::default() }) < 100.0);
    }
}
