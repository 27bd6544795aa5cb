//! Who a vehicle is: its opaque id, what it is made of, and whom it concerns.
//!
//! A [`Profile`] reaches the lane only through Commands, so that it is journalled and replayed like
//! everything else. It holds opaque ids and no personal data: names, phones, plates and VINs live
//! in the store's `person` schema.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::unit::{Locale, Time};
pub use crate::vehicle::SignalNo;

/// The opaque id of a vehicle, as in its topic: 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct VehicleId(Arc<str>);

/// Why a text is not a vehicle id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VehicleIdError {
    #[error("a vehicle id has 1 to 64 characters")]
    Length,
    #[error("a vehicle id consists of letters, digits, `.`, `_` and `-`")]
    Character,
    #[error("a vehicle id is not a VIN: enrol the VIN as an alias")]
    LooksLikeVin,
}

impl VehicleId {
    pub fn try_new(id: &str) -> Result<Self, VehicleIdError> {
        if id.is_empty() || id.len() > 64 {
            return Err(VehicleIdError::Length);
        }
        if !id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
            return Err(VehicleIdError::Character);
        }
        // ISO 3779: 17 characters without I, O and Q, here in capitals and with a digit at the end.
        let vin = id.len() == 17
            && id.bytes().all(|b| (b.is_ascii_uppercase() && !matches!(b, b'I' | b'O' | b'Q')) || b.is_ascii_digit())
            && id.bytes().skip(13).all(|b| b.is_ascii_digit());
        if vin {
            return Err(VehicleIdError::LooksLikeVin);
        }
        Ok(Self(id.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VehicleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for VehicleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for VehicleId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for VehicleId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        Self::try_new(&id).map_err(serde::de::Error::custom)
    }
}

/// What drives the wheels; decides which signals, plans and rules apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Powertrain {
    Ice,
    Hev,
    Bev,
}

/// What a person may consent to, DOMAIN 7 P1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Keep and evaluate readings for service intervals, and tell the owner.
    Maintenance,
    /// Keep and evaluate readings for faults, and tell the owner.
    Diagnostics,
    /// Keep positions.
    Location,
    Marketing,
    /// Share a finding with a dealer other than the contracting one.
    DealerSharing,
}

/// The person who is told about a vehicle; an opaque id and a language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub person: Uuid,
    pub locale: Locale,
}

/// Attributes of a vehicle by name: few, rarely changed, and kept for every vehicle, so side by side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, f64>", into = "BTreeMap<String, f64>")]
pub struct Attributes(Box<[(Box<str>, f64)]>);

impl Attributes {
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    pub fn set(&mut self, name: &str, value: f64) {
        let mut all: BTreeMap<String, f64> = std::mem::take(self).into();
        all.insert(name.to_owned(), value);
        *self = all.into();
    }
}

impl From<BTreeMap<String, f64>> for Attributes {
    fn from(all: BTreeMap<String, f64>) -> Self {
        Self(all.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

impl From<Attributes> for BTreeMap<String, f64> {
    fn from(all: Attributes) -> Self {
        all.0.into_iter().map(|(name, value)| (name.into(), value)).collect()
    }
}

/// Everything the core knows about a vehicle that is not measured, as it is written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Particulars {
    /// Key of the model in the catalogue; decides plan and nominal values.
    pub model: String,
    pub model_year: u16,
    pub powertrain: Powertrain,
    pub region: String,
    /// Version of the vehicle's software; empty while unknown.
    #[serde(default)]
    pub software: String,
    /// The owner's value tier in the CRM; empty while unknown.
    #[serde(default)]
    pub tier: String,
    pub dealer: Uuid,
    pub owner: Option<Contact>,
    /// Purposes the owner consents to now. Empty: nothing is kept, nobody is contacted.
    pub consents: BTreeSet<Purpose>,
    /// Signals that may be kept for this vehicle; `None`: all of the catalogue, by purpose.
    pub allowed: Option<BTreeSet<SignalNo>>,
    /// Start of calendar intervals and covers.
    pub delivered_at: Time,
    /// Vehicle attributes that rules may compare with, such as `tyre_placard_kpa`.
    pub attributes: Attributes,
}
