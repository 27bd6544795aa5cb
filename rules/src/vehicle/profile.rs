//! The particulars of a vehicle as its state keeps them: what thousands of vehicles have in common is kept once.
//!
//! Written they are [`Particulars`], in files, journal and Commands alike. In memory, model, region, consents and
//! attributes are a few hundred bytes that a fleet repeats by model and dealer; a vehicle keeps a pointer to them.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use chrono::{NaiveDate, NaiveTime};
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::unit::Time;
use crate::vehicle::{Attributes, Contact, Particulars, Powertrain, Purpose, SignalNo};

/// What the core knows of a vehicle that is not measured; its traits are read and changed as if they were its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub owner: Option<Contact>,
    pub delivered_at: Time,
    traits: Arc<Traits>,
}

/// What many vehicles have in common, as in [`Particulars`].
#[derive(Clone, Debug, PartialEq)]
pub struct Traits {
    pub model: String,
    pub model_year: u16,
    pub powertrain: Powertrain,
    pub region: String,
    pub software: String,
    pub tier: String,
    pub dealer: Uuid,
    pub consents: BTreeSet<Purpose>,
    pub allowed: Option<BTreeSet<SignalNo>>,
    pub attributes: Attributes,
}

impl Profile {
    /// No vehicle of its model year was built before; a year the calendar does not have says nothing.
    pub fn built_from(&self) -> Time {
        let year = i32::from(self.model_year) - 1;
        NaiveDate::from_yo_opt(year, 1).map_or(Time::NEVER, |day| Time::from(day.and_time(NaiveTime::MIN).and_utc()))
    }
}

impl Profile {
    pub fn new(particulars: Particulars) -> Self {
        let Particulars {
            model,
            model_year,
            powertrain,
            region,
            software,
            tier,
            dealer,
            owner,
            consents,
            allowed,
            delivered_at,
            attributes,
        } = particulars;
        let traits =
            Traits { model, model_year, powertrain, region, software, tier, dealer, consents, allowed, attributes };
        Self { owner, delivered_at, traits: Arc::new(traits) }
    }
}

impl Deref for Profile {
    type Target = Traits;
    fn deref(&self) -> &Traits {
        &self.traits
    }
}

/// Whoever changes traits gets some of its own.
impl DerefMut for Profile {
    fn deref_mut(&mut self) -> &mut Traits {
        Arc::make_mut(&mut self.traits)
    }
}

/// Written as [`Particulars`] are.
impl Serialize for Profile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let traits = &*self.traits;
        let mut particulars = serializer.serialize_struct("Particulars", 12)?;
        particulars.serialize_field("model", &traits.model)?;
        particulars.serialize_field("model_year", &traits.model_year)?;
        particulars.serialize_field("powertrain", &traits.powertrain)?;
        particulars.serialize_field("region", &traits.region)?;
        particulars.serialize_field("software", &traits.software)?;
        particulars.serialize_field("tier", &traits.tier)?;
        particulars.serialize_field("dealer", &traits.dealer)?;
        particulars.serialize_field("owner", &self.owner)?;
        particulars.serialize_field("consents", &traits.consents)?;
        particulars.serialize_field("allowed", &traits.allowed)?;
        particulars.serialize_field("delivered_at", &self.delivered_at)?;
        particulars.serialize_field("attributes", &traits.attributes)?;
        particulars.end()
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Particulars::deserialize(deserializer).map(Self::new)
    }
}

/// The traits that vehicles of a rule set have, each once for as long as one of them has it.
#[derive(Clone, Debug, Default)]
pub struct KnownTraits(Arc<Mutex<HashMap<u64, Vec<Weak<Traits>>>>>);

impl KnownTraits {
    /// Lets a profile have what others have already. Traits say the same before and after.
    pub fn share(&self, profile: &mut Profile) {
        let own = &*profile.traits;
        let mut hasher = DefaultHasher::new();
        (&own.model, own.model_year, &own.region, &own.software, &own.tier, own.dealer).hash(&mut hasher);
        // Whoever panicked while holding it left a list of pointers, and any such list will do.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = known.entry(hasher.finish()).or_default();
        alike.retain(|traits| traits.strong_count() > 0);
        match alike.iter().filter_map(Weak::upgrade).find(|traits| **traits == *own) {
            Some(traits) => profile.traits = traits,
            None => alike.push(Arc::downgrade(&profile.traits)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        Profile::new(Particulars {
            model: "compact-ice".to_owned(),
            model_year: 2024,
            powertrain: Powertrain::Ice,
            region: "CN-31".to_owned(),
            software: String::new(),
            tier: String::new(),
            dealer: Uuid::nil(),
            owner: None,
            consents: BTreeSet::from([Purpose::Diagnostics]),
            allowed: None,
            delivered_at: Time::from_secs(1),
            attributes: Attributes::default(),
        })
    }

    #[test]
    fn equal_traits_are_kept_once_and_changed_apart() {
        let known = KnownTraits::default();
        let (mut one, mut other) = (profile(), profile());
        known.share(&mut one);
        known.share(&mut other);
        assert!(Arc::ptr_eq(&one.traits, &other.traits));
        other.region.push_str("-1");
        known.share(&mut other);
        assert_eq!((&*one.region, &*other.region), ("CN-31", "CN-31-1"));
    }

    #[test]
    fn is_written_as_its_particulars() {
        let text = serde_json::to_string(&profile()).unwrap();
        let particulars: Particulars = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&particulars).unwrap(), text);
        assert_eq!(postcard::from_bytes::<Profile>(&postcard::to_stdvec(&particulars).unwrap()).unwrap(), profile());
    }
}
