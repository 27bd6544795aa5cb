//! Vehicle models: which plan they follow and what is normal for them.

use serde::{Deserialize, Serialize};

use crate::unit::Text;
use crate::vehicle::Powertrain;

/// One `[[model]]` of `models.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub key: String,
    pub title: Text,
    pub powertrain: Powertrain,
    /// Key of the service plan.
    pub plan: String,
    pub nominal: Nominal,
    pub source: String,
}

/// What is normal for a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nominal {
    /// Of the placard, gauge, cold at 20 degC.
    pub tyre_placard_kpa: f64,
    pub low_voltage_v: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack_v: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack_ah: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cells: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tank_l: Option<f64>,
}

/// Why a model's values do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    #[error("a battery needs pack_v, pack_ah and cells, and nothing else has them")]
    Pack,
    #[error("an engine needs tank_l, and nothing else has it")]
    Tank,
    #[error("a nominal value is not above 0")]
    NotPositive,
}

impl Model {
    /// What a vehicle of this model has unless its own profile says otherwise, by attribute name.
    pub fn attributes(&self) -> [(&'static str, f64); 2] {
        [("TyrePlacardPressure", self.nominal.tyre_placard_kpa), ("NominalVoltage12V", self.nominal.low_voltage_v)]
    }

    /// Whether the nominal values fit the powertrain.
    pub fn check(&self) -> Result<(), ModelError> {
        let Nominal { tyre_placard_kpa, low_voltage_v, pack_v, pack_ah, cells, tank_l } = self.nominal;
        let (battery, engine) = (self.powertrain != Powertrain::Ice, self.powertrain != Powertrain::Bev);
        if [pack_v.is_some(), pack_ah.is_some(), cells.is_some()] != [battery; 3] {
            return Err(ModelError::Pack);
        }
        if tank_l.is_some() != engine {
            return Err(ModelError::Tank);
        }
        let given = [Some(tyre_placard_kpa), Some(low_voltage_v), pack_v, pack_ah, cells.map(f64::from), tank_l];
        if given.into_iter().flatten().all(|value| value > 0.0) { Ok(()) } else { Err(ModelError::NotPositive) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bev() -> Model {
        let nominal = Nominal {
            tyre_placard_kpa: 250.0,
            low_voltage_v: 12.0,
            pack_v: Some(350.0),
            pack_ah: Some(150.0),
            cells: Some(96),
            tank_l: None,
        };
        Model {
            key: "b".to_owned(),
            title: Text::default(),
            powertrain: Powertrain::Bev,
            plan: "bev".to_owned(),
            nominal,
            source: String::new(),
        }
    }

    #[test]
    fn values_fit_the_powertrain() {
        assert_eq!(bev().check(), Ok(()));
        assert_eq!(Model { powertrain: Powertrain::Hev, ..bev() }.check(), Err(ModelError::Tank));
        assert_eq!(Model { powertrain: Powertrain::Ice, ..bev() }.check(), Err(ModelError::Pack));
        let flat = Nominal { tyre_placard_kpa: 0.0, ..bev().nominal };
        assert_eq!(Model { nominal: flat, ..bev() }.check(), Err(ModelError::NotPositive));
    }
}
