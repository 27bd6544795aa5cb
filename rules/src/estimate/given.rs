//! What an estimator is told: what the vehicle was seen to do, and what is known of it otherwise.

use std::collections::BTreeMap;

use super::usage::Usage;
use crate::entry::model::Model;
use crate::entry::norm::{Feature, Norm, Norms};
use crate::learned::{CalibrationTable, Map};
use crate::observed::fault_cycle::FaultCycle;
use crate::observed::segment::{Segment, Turn};
use crate::unit::{Span, Time};
use crate::vehicle::Profile;

/// One folded step.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    pub at: Time,
    /// Since the step before; longer than anything before the first.
    pub pause: Span,
    pub turn: Turn,
    pub segment: &'a Segment,
    /// NaN before the first reading that was believed.
    pub odometer_km: f64,
    pub faults: &'a [FaultCycle],
    pub faults_changed: bool,
    /// A storm of fault codes is on.
    pub storm: bool,
}

impl Observed<'_> {
    /// Since when it has stood with the drive off, if it does.
    pub fn parked_for(&self) -> Option<Span> {
        self.segment.parked_for(self.at)
    }

    /// How long the running segment lasts.
    pub fn lasts(&self) -> Span {
        self.at.since(self.segment.since)
    }
}

/// What is known of the vehicle and its like. Each is looked up when it is asked for: most steps ask for nothing.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    pub profile: &'a Profile,
    pub norms: &'a Norms,
    pub calibrations: &'a CalibrationTable,
    pub models: &'a BTreeMap<String, Model>,
    pub usage: &'a Usage,
}

impl Given<'_> {
    /// What a feature is in sound vehicles of this model.
    pub fn norm(&self, feature: Feature) -> Option<Norm> {
        self.norms.of(feature, &self.profile.model)
    }

    /// What was learned of an estimator on vehicles like this one.
    pub fn calibration(&self, estimator: &str) -> Map {
        self.calibrations.of(estimator, &self.profile.model)
    }

    /// Nominal capacity of the traction battery, Ah.
    pub fn pack_ah(&self) -> Option<f64> {
        self.models.get(&self.profile.model)?.nominal.pack_ah
    }

    /// What is driven a day, km.
    pub fn km_a_day(&self) -> f64 {
        self.usage.km_a_day()
    }

    /// Age of the vehicle, days.
    pub fn age_days(&self, at: Time) -> f64 {
        at.since(self.profile.delivered_at).days_f64()
    }
}
