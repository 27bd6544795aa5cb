//! The models that simulated vehicles belong to, and what one vehicle of them is like.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rules::unit::{Span, Time};
use rules::vehicle::{Powertrain, VehicleId};

use crate::climate::Climate;
use crate::driver::Habit;
use crate::random::{Purpose, bounded, stream};

/// What all vehicles of a model have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Model {
    /// Key in the catalogue; decides service plan and nominal values.
    pub key: &'static str,
    pub powertrain: Powertrain,
    /// What its engine burns, if it has one.
    pub fuel: Option<Fuel>,
    pub mass_kg: f64,
    /// Drag coefficient times frontal area, m2.
    pub drag_m2: f64,
    /// Tyre pressure on the door frame, kPa gauge, cold at 20 degC.
    pub placard_kpa: f64,
    pub low_voltage_ah: f64,
    pub traction: Option<Pack>,
}

/// What an engine burns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fuel {
    Petrol,
    Diesel,
}

/// A traction battery as built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pack {
    pub cells: u16,
    pub capacity_ah: f64,
    /// Whole pack, ohm, warm.
    pub resistance: f64,
    pub heat_capacity_kj: f64,
    pub plug: bool,
}

pub const COMPACT_ICE: Model = Model {
    key: "compact-ice",
    powertrain: Powertrain::Ice,
    fuel: Some(Fuel::Petrol),
    mass_kg: 1_350.0,
    drag_m2: 0.65,
    placard_kpa: 230.0,
    low_voltage_ah: 60.0,
    traction: None,
};

pub const SUV_ICE: Model = Model {
    key: "suv-ice",
    powertrain: Powertrain::Ice,
    fuel: Some(Fuel::Petrol),
    mass_kg: 1_750.0,
    drag_m2: 0.85,
    placard_kpa: 240.0,
    low_voltage_ah: 70.0,
    traction: None,
};

pub const VAN_DIESEL: Model = Model {
    key: "van-diesel",
    powertrain: Powertrain::Ice,
    fuel: Some(Fuel::Diesel),
    mass_kg: 2_300.0,
    drag_m2: 1.3,
    placard_kpa: 280.0,
    low_voltage_ah: 95.0,
    traction: None,
};

pub const SEDAN_HEV: Model = Model {
    key: "sedan-hev",
    powertrain: Powertrain::Hev,
    fuel: Some(Fuel::Petrol),
    mass_kg: 1_500.0,
    drag_m2: 0.62,
    placard_kpa: 240.0,
    low_voltage_ah: 45.0,
    traction: Some(Pack { cells: 56, capacity_ah: 6.5, resistance: 0.07, heat_capacity_kj: 40.0, plug: false }),
};

pub const COMPACT_BEV: Model = Model {
    key: "compact-bev",
    powertrain: Powertrain::Bev,
    fuel: None,
    mass_kg: 1_600.0,
    drag_m2: 0.66,
    placard_kpa: 250.0,
    low_voltage_ah: 45.0,
    traction: Some(Pack { cells: 96, capacity_ah: 150.0, resistance: 0.085, heat_capacity_kj: 320.0, plug: true }),
};

pub const SUV_BEV: Model = Model {
    key: "suv-bev",
    powertrain: Powertrain::Bev,
    fuel: None,
    mass_kg: 2_150.0,
    drag_m2: 0.78,
    placard_kpa: 260.0,
    low_voltage_ah: 60.0,
    traction: Some(Pack { cells: 108, capacity_ah: 210.0, resistance: 0.07, heat_capacity_kj: 470.0, plug: true }),
};

/// Every model, with its share of a mixed fleet.
pub const MODELS: &[(Model, u32)] =
    &[(COMPACT_ICE, 35), (SUV_ICE, 20), (SEDAN_HEV, 15), (COMPACT_BEV, 20), (SUV_BEV, 5), (VAN_DIESEL, 5)];

/// The model of a key.
pub fn model(key: &str) -> Option<Model> {
    MODELS.iter().map(|(model, _)| *model).find(|model| model.key == key)
}

/// One vehicle: its model, its past and its driver's habits.
#[derive(Clone, Debug, PartialEq)]
pub struct Specification {
    pub id: VehicleId,
    /// Its place in the fleet; with the fleet's seed, all of its chances follow.
    pub number: u32,
    pub model: Model,
    pub habit: Habit,
    pub climate: Climate,
    /// Of the place it is parked at, m.
    pub altitude_m: f64,
    pub odometer_km: f64,
    pub delivered_at: Time,
    /// What rules may compare with, over what the model says.
    pub attributes: BTreeMap<String, f64>,
}

impl Specification {
    /// Draws the `number`th vehicle of a fleet that begins at `start`.
    pub fn draw(seed: u64, number: u32, id: VehicleId, start: Time) -> Self {
        let mut rng = stream(seed, number, Purpose::Specification, 0);
        let model = pick(MODELS, rng.random_range(0..100));
        let habit = match rng.random_range(0..100) {
            0..60 => Habit::Commuter,
            60..80 => Habit::Weekend,
            80..95 => Habit::Fleet,
            _ => Habit::Taxi,
        };
        let climate = Climate::ALL[rng.random_range(0..Climate::ALL.len())];
        let age_days = rng.random_range(40.0..1_900.0);
        let km_per_day = match habit {
            Habit::Commuter => 36.0,
            Habit::Weekend => 22.0,
            Habit::Fleet => 48.0,
            Habit::Taxi => 130.0,
        };
        let odometer_km = age_days * km_per_day * bounded(&mut rng, 1.0, 0.15, 2.0);
        let delivered_at = start - Span::from_micros((age_days * 86.4e9) as i64);
        let altitude_m = altitude(climate, &mut rng);
        Self {
            id,
            number,
            model,
            habit,
            climate,
            altitude_m,
            odometer_km,
            delivered_at,
            attributes: attributes(&model),
        }
    }

    /// The same vehicle as another model, for tests and demonstrations of one powertrain.
    #[must_use]
    pub fn of_model(mut self, model: Model) -> Self {
        self.model = model;
        self.attributes = attributes(&model);
        self
    }
}

/// Plains mostly, and the high plateaus of the north and south-west.
fn altitude(climate: Climate, rng: &mut ChaCha8Rng) -> f64 {
    let high = rng.random_bool(0.2);
    match climate {
        Climate::North if high => rng.random_range(900.0..1_500.0),
        Climate::South if high => rng.random_range(1_500.0..2_000.0),
        Climate::North => rng.random_range(20.0..600.0),
        Climate::East => rng.random_range(0.0..60.0),
        Climate::South => rng.random_range(0.0..300.0),
    }
}

fn attributes(model: &Model) -> BTreeMap<String, f64> {
    BTreeMap::from([("TyrePlacardPressure".to_owned(), model.placard_kpa), ("NominalVoltage12V".to_owned(), 12.0)])
}

fn pick(models: &[(Model, u32)], mut ticket: u32) -> Model {
    for (model, share) in models {
        if ticket < *share {
            return *model;
        }
        ticket -= share;
    }
    COMPACT_ICE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_make_a_whole_and_keys_are_unique() {
        assert_eq!(MODELS.iter().map(|(_, share)| share).sum::<u32>(), 100);
        let mut keys: Vec<_> = MODELS.iter().map(|(model, _)| model.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), MODELS.len());
    }

    #[test]
    fn draws_the_same_vehicle_from_the_same_seed() {
        let start = Time::from_secs(1_790_000_000);
        let draw = |seed| Specification::draw(seed, 3, VehicleId::try_new("v-3").unwrap(), start);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
