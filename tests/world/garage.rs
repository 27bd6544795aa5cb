//! Dealers, people and cars, put into a database the way the console does it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use chrono::{DateTime, Utc};
use engine::clock::Clock;
use engine::crypto::person_keys::{PersonKeys, index_key};
use engine::seed::demo::{demo_dealer, seed_demo};
use engine::store::console;
use engine::store::enrol::{self, NewConsent, NewVehicle};
use engine::store::person::{self, NewPerson};
use engine::store::session::{As, Scope, act_as, begin_as};
use rules::catalogue::Catalogue;
use rules::unit::{Locale, Span, Time};
use rules::vehicle::{Command, Contact, Particulars, Profile, Purpose, VehicleId};
use sqlx::PgPool;
use uuid::Uuid;

/// As `Setup::serve` has it.
pub const PERSON_KEY: [u8; 32] = [0x5a; 32];
const NAMESPACE: Uuid = Uuid::from_u128(0x6b1c_77c2_8b40_4a5e_93d1_0c1f_5a2b_9e10);

/// What a car is like; the rest is usual.
#[derive(Clone, Debug)]
pub struct NewCar {
    pub id: String,
    pub model: &'static str,
    /// Which of the two dealers.
    pub dealer: usize,
    pub consents: BTreeSet<Purpose>,
    pub delivered_at: Time,
    pub attributes: BTreeMap<String, f64>,
}

impl NewCar {
    /// A petrol car of the first dealer, delivered a month before `now`, consenting to what it needs.
    pub fn petrol(id: &str, now: Time) -> Self {
        Self {
            id: id.to_owned(),
            model: "compact-ice",
            dealer: 0,
            consents: BTreeSet::from([Purpose::Maintenance, Purpose::Diagnostics]),
            delivered_at: now - Span::from_days(30),
            attributes: BTreeMap::new(),
        }
    }

    pub fn electric(id: &str, now: Time) -> Self {
        Self { model: "compact-bev", ..Self::petrol(id, now) }
    }
}

/// Enrols cars; the engine hears of them by their commands.
#[derive(Debug)]
pub struct Garage {
    pool: PgPool,
    catalogue: Catalogue,
}

impl Garage {
    /// Makes the two dealers and their accounts known.
    pub async fn open(pool: &PgPool) -> anyhow::Result<Self> {
        let mut tx = begin_as(pool, As::Engine).await?;
        seed_demo(&mut tx, &keys()?, &[], Clock::wall().to_utc()).await?;
        tx.commit().await?;
        Ok(Self { pool: pool.clone(), catalogue: Catalogue::builtin()? })
    }

    pub async fn add_all(&self, cars: &[NewCar]) -> anyhow::Result<()> {
        for car in cars {
            self.add(car).await?;
        }
        Ok(())
    }

    /// Enrols a car with an owner who reads English.
    pub async fn add(&self, car: &NewCar) -> anyhow::Result<()> {
        let (dealer, owner) = (demo_dealer(car.dealer), owner_of(&car.id));
        let profile = self.profile(car)?;
        let id = VehicleId::try_new(&car.id)?;
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        enrol::vehicle(&mut tx, &NewVehicle { vehicle_id: &car.id, profile: &profile, registered_by: "person" })
            .await?;
        enrol::owner(&mut tx, &car.id, dealer, owner, car.delivered_at.to_utc()).await?;
        for purpose in &car.consents {
            enrol::consent(&mut tx, &consent(&car.id, dealer, owner, *purpose, car.delivered_at.to_utc())).await?;
        }
        console::command(&mut tx, &id, &Command::Register(Box::new(profile))).await?;
        act_as(&mut tx, As::Person { dealer: Scope::All, account: None, purpose: "test" }).await?;
        let name = format!("Owner of {}", car.id);
        let new = NewPerson { person_id: owner, dealer_id: dealer, name: &name, phone: None, locale: Locale::En };
        person::add(&mut tx, &keys()?, &new).await?;
        tx.commit().await?;
        Ok(())
    }

    fn profile(&self, car: &NewCar) -> anyhow::Result<Profile> {
        let model = self.catalogue.model(car.model).with_context(|| format!("no model {}", car.model))?;
        Ok(Profile::new(Particulars {
            model: car.model.to_owned(),
            model_year: 2025,
            powertrain: model.powertrain,
            region: "CN-31".to_owned(),
            software: String::new(),
            tier: String::new(),
            dealer: demo_dealer(car.dealer),
            owner: Some(Contact { person: owner_of(&car.id), locale: Locale::En }),
            consents: car.consents.clone(),
            allowed: None,
            delivered_at: car.delivered_at,
            attributes: car.attributes.clone().into(),
        }))
    }

    /// Makes a car whose row is still there known to the engine again.
    pub async fn register_again(&self, car: &NewCar) -> anyhow::Result<()> {
        let register = Command::Register(Box::new(self.profile(car)?));
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        console::command(&mut tx, &VehicleId::try_new(&car.id)?, &register).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The owner now consents to exactly this.
    pub async fn consents(&self, id: &str, purposes: BTreeSet<Purpose>) -> anyhow::Result<()> {
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        let words: Vec<&str> = purposes.iter().map(|purpose| enrol::purpose_word(*purpose)).collect();
        sqlx::query("update consent set withdrawn_at = now() where vehicle_id = $1 and withdrawn_at is null and purpose <> all($2)")
            .bind(id)
            .bind(&words)
            .execute(&mut *tx)
            .await?;
        console::command(&mut tx, &VehicleId::try_new(id)?, &Command::Consent { purposes }).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The person who owns a car of this garage.
pub fn owner_of(id: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, id.as_bytes())
}

fn keys() -> anyhow::Result<PersonKeys> {
    Ok(PersonKeys::from_bytes(1, &PERSON_KEY, &index_key(&PERSON_KEY))?)
}

fn consent(id: &str, dealer_id: Uuid, person_id: Uuid, purpose: Purpose, granted_at: DateTime<Utc>) -> NewConsent<'_> {
    NewConsent {
        vehicle_id: id,
        dealer_id,
        person_id,
        purpose,
        text_version: "test-1",
        given_through: "test",
        granted_at,
    }
}
