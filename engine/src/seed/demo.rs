//! Demo people: two dealers, their staff, and an owner with consents for each vehicle.
//!
//! All fictional, all derived from the vehicle ids, so that seeding twice changes nothing. A vehicle
//! becomes known to its lane by the `Register` command written here, in the same transaction.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use rules::unit::{Locale, Span, Time};
use rules::vehicle::{Command, Contact, Particulars, Powertrain, Profile, Purpose, VehicleId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::crm::role::Role;
use crate::crypto::password::{self, PasswordError};
use crate::crypto::person_keys::PersonKeys;
use crate::seed::people::{self, Invented};
use crate::store::account::{self, Account};
use crate::store::console;
use crate::store::enrol::{self, NewConsent, NewDealer, NewService, NewVehicle};
use crate::store::person::{self, NewPerson, PersonError};
use crate::store::session::{As, Scope, act_as};

/// Namespace of the ids of demo people and dealers.
const NAMESPACE: Uuid = Uuid::from_u128(0x1d5f_9a70_5b1e_4d0c_8a64_70de_4e3a_11c2);

/// From the factory to the owner.
const TRANSPORT: Span = Span::from_days(45);
/// As delivered, and as updated this long ago.
const SOFTWARE: [&str; 2] = ["4.1.0", "4.2.0"];
const UPDATED: TimeDelta = TimeDelta::days(30);

/// A simulated vehicle to be owned by somebody.
#[derive(Clone, Debug)]
pub struct DemoVehicle {
    pub vehicle_id: VehicleId,
    /// Key of the model in the catalogue.
    pub model: String,
    pub model_year: u16,
    pub powertrain: Powertrain,
    pub delivered_at: Time,
    pub attributes: BTreeMap<String, f64>,
    /// Services done before the demo starts.
    pub services: Vec<DemoService>,
}

/// A service of the past: item of the plan, when, at which odometer.
#[derive(Clone, Debug)]
pub struct DemoService {
    pub item: String,
    pub done_at: Time,
    pub odometer_km: f64,
}

/// An account to log in with, as `make demo` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoLogin {
    pub login: &'static str,
    pub password: &'static str,
    pub role: Role,
    /// None: all dealers.
    pub dealer: Option<&'static str>,
}

/// Why the demo's people could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error("write demo rows")]
    Store(#[from] sqlx::Error),
    #[error("write demo persons")]
    Person(#[from] PersonError),
    #[error("hash a demo password")]
    Password(#[from] PasswordError),
}

struct DemoDealer {
    key: &'static str,
    name: &'static str,
    phone: &'static str,
}

const DEALERS: [DemoDealer; 2] = [
    DemoDealer { key: "dealer-1", name: "申江汽车服务中心", phone: "021-5550 0101" },
    DemoDealer { key: "dealer-2", name: "Westlake Motors", phone: "0571-5550 0202" },
];

struct DemoAccount {
    login: &'static str,
    role: Role,
    dealer: Option<usize>,
    name: &'static str,
    locale: Locale,
}

const ACCOUNTS: [DemoAccount; 9] = [
    DemoAccount { login: "li", role: Role::Advisor, dealer: Some(0), name: "李静", locale: Locale::ZhCn },
    DemoAccount { login: "wang", role: Role::Technician, dealer: Some(0), name: "王建国", locale: Locale::ZhCn },
    DemoAccount { login: "chen", role: Role::Manager, dealer: Some(0), name: "陈敏", locale: Locale::ZhCn },
    DemoAccount { login: "anna", role: Role::Advisor, dealer: Some(1), name: "Anna Berg", locale: Locale::En },
    DemoAccount { login: "tom", role: Role::Technician, dealer: Some(1), name: "Tom Hale", locale: Locale::En },
    DemoAccount { login: "maya", role: Role::Manager, dealer: Some(1), name: "Maya Lind", locale: Locale::En },
    DemoAccount { login: "oem", role: Role::Oem, dealer: None, name: "OEM quality desk", locale: Locale::En },
    // What one of them proposes the other agrees to.
    DemoAccount { login: "oem2", role: Role::Oem, dealer: None, name: "OEM safety desk", locale: Locale::En },
    DemoAccount { login: "ops", role: Role::Ops, dealer: None, name: "Operations", locale: Locale::En },
];

/// The password of every demo account.
pub const DEMO_PASSWORD: &str = "mend-it-early";
/// Version of the consent text that demo owners are taken to have seen.
const CONSENT_TEXT: &str = "demo-1";

/// The id of one of the two demo dealers.
pub fn demo_dealer(index: usize) -> Uuid {
    derived(DEALERS[index % DEALERS.len()].key)
}

/// Writes dealers, accounts, owners and vehicles that are not there yet; gives the log-ins.
/// Leaves the transaction acting as the engine.
pub async fn seed_demo(
    conn: &mut PgConnection,
    keys: &PersonKeys,
    vehicles: &[DemoVehicle],
    now: DateTime<Utc>,
) -> Result<Vec<DemoLogin>, SeedError> {
    act_as(conn, As::Engine).await?;
    for (index, dealer) in DEALERS.iter().enumerate() {
        enrol::dealer(conn, &NewDealer { dealer_id: demo_dealer(index), name: dealer.name, phone: dealer.phone })
            .await?;
    }
    let mut fresh = Vec::new();
    for (index, vehicle) in vehicles.iter().enumerate() {
        if vehicle_and_owner(conn, index, vehicle, now).await? {
            fresh.push((index, vehicle));
        }
    }
    act_as(conn, As::Person { dealer: Scope::All, account: None, purpose: "demo" }).await?;
    for (index, vehicle) in fresh {
        personal(conn, keys, index, vehicle).await?;
    }
    for entry in &ACCOUNTS {
        add_account(conn, entry).await?;
    }
    act_as(conn, As::Engine).await?;
    let login = |entry: &DemoAccount| DemoLogin {
        login: entry.login,
        password: DEMO_PASSWORD,
        role: entry.role,
        dealer: entry.dealer.map(|index| DEALERS[index].name),
    };
    Ok(ACCOUNTS.iter().map(login).collect())
}

/// Everything about a vehicle that is not personal; false if it is known already.
async fn vehicle_and_owner(
    conn: &mut PgConnection,
    index: usize,
    vehicle: &DemoVehicle,
    now: DateTime<Utc>,
) -> Result<bool, SeedError> {
    let profile = profile(index, vehicle);
    let id = vehicle.vehicle_id.as_str();
    let new = NewVehicle { vehicle_id: id, profile: &profile, registered_by: "person" };
    if !enrol::vehicle(conn, &new).await? {
        return Ok(false);
    }
    let owner = owner(vehicle);
    enrol::owner(conn, id, profile.dealer, owner, vehicle.delivered_at.to_utc()).await?;
    for purpose in &profile.consents {
        let consent = NewConsent {
            vehicle_id: id,
            dealer_id: profile.dealer,
            person_id: owner,
            purpose: *purpose,
            text_version: CONSENT_TEXT,
            given_through: "demo",
            granted_at: now,
        };
        enrol::consent(conn, &consent).await?;
    }
    let dealer = profile.dealer;
    console::command(conn, &vehicle.vehicle_id, &Command::Register(Box::new(profile))).await?;
    enrol::produced_on(conn, id, (vehicle.delivered_at - TRANSPORT).to_utc().date_naive()).await?;
    enrol::software(conn, id, SOFTWARE[0], vehicle.delivered_at.to_utc().date_naive()).await?;
    if is_updated(index) {
        enrol::software(conn, id, SOFTWARE[1], (now - UPDATED).date_naive()).await?;
    }
    for service in &vehicle.services {
        let done = NewService {
            vehicle_id: id,
            dealer_id: dealer,
            item: &service.item,
            done_at: service.done_at.to_utc(),
            odometer_km: service.odometer_km,
        };
        enrol::service(conn, &done).await?;
        let told = Command::ServiceDone {
            item: service.item.clone(),
            odometer_km: service.odometer_km,
            effective_at: service.done_at,
        };
        console::command(conn, &vehicle.vehicle_id, &told).await?;
    }
    Ok(true)
}

async fn personal(
    conn: &mut PgConnection,
    keys: &PersonKeys,
    index: usize,
    vehicle: &DemoVehicle,
) -> Result<(), SeedError> {
    let dealer_id = dealer_of(index);
    let invented = invented(index, vehicle);
    let person = NewPerson {
        person_id: owner(vehicle),
        dealer_id,
        name: &invented.name,
        phone: Some(&invented.phone),
        locale: invented.locale,
    };
    person::add(conn, keys, &person).await?;
    let signs = (invented.vin.as_str(), invented.plate.as_str());
    person::identify(conn, keys, (vehicle.vehicle_id.as_str(), dealer_id), signs).await?;
    Ok(())
}

async fn add_account(conn: &mut PgConnection, entry: &DemoAccount) -> Result<(), SeedError> {
    if account::exists(conn, entry.login).await? {
        return Ok(());
    }
    let account = Account {
        account_id: derived(entry.login),
        dealer_id: entry.dealer.map(demo_dealer),
        login: entry.login.to_owned(),
        role: entry.role,
        display_name: entry.name.to_owned(),
        locale: entry.locale,
    };
    account::add(conn, &account, &password::hash(DEMO_PASSWORD)?).await?;
    Ok(())
}

fn profile(index: usize, vehicle: &DemoVehicle) -> Profile {
    Profile::new(Particulars {
        model: vehicle.model.clone(),
        model_year: vehicle.model_year,
        powertrain: vehicle.powertrain,
        region: "CN-31".to_owned(),
        software: SOFTWARE[usize::from(is_updated(index))].to_owned(),
        tier: String::new(),
        dealer: dealer_of(index),
        owner: Some(Contact { person: owner(vehicle), locale: invented(index, vehicle).locale }),
        consents: BTreeSet::from([Purpose::Maintenance, Purpose::Diagnostics]),
        allowed: None,
        delivered_at: vehicle.delivered_at,
        attributes: vehicle.attributes.clone().into(),
    })
}

fn invented(index: usize, vehicle: &DemoVehicle) -> Invented {
    let second = dealer_of(index) != demo_dealer(0);
    people::invent(vehicle.vehicle_id.as_str(), vehicle.powertrain, second)
}

/// Two of three cars belong to the first dealer.
fn dealer_of(index: usize) -> Uuid {
    demo_dealer(usize::from(index % 3 == 2))
}

/// Every other car took the update.
const fn is_updated(index: usize) -> bool {
    index % 2 == 1
}

fn owner(vehicle: &DemoVehicle) -> Uuid {
    derived(&format!("owner of {}", vehicle.vehicle_id))
}

fn derived(key: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, key.as_bytes())
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::clock::Clock;
    use crate::http::fixture;
    use crate::store::session::begin_as;

    #[sqlx::test]
    async fn seeding_twice_changes_nothing(pool: PgPool) {
        let demo = fixture::demo(&pool).await;
        let vehicle = DemoVehicle {
            vehicle_id: VehicleId::try_new("v-1").unwrap(),
            model: "compact-ice".to_owned(),
            model_year: 2022,
            powertrain: Powertrain::Ice,
            delivered_at: Time::from_secs(0),
            attributes: BTreeMap::new(),
            services: Vec::new(),
        };
        let count = async || {
            let mut tx = begin_as(&pool, As::Engine).await.unwrap();
            let commands: i64 = sqlx::query_scalar("select count(*) from command").fetch_one(&mut *tx).await.unwrap();
            commands
        };
        let before = count().await;
        let mut tx = begin_as(&pool, As::Engine).await.unwrap();
        let logins = seed_demo(&mut tx, &demo.keys, &[vehicle], Clock::wall().to_utc()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(count().await, before);
        assert_eq!(logins.len(), 9);
    }
}
