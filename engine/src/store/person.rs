//! Personal data: sealed on the way in, masked on the way out.
//!
//! Full values leave by [`reveal`] and [`contact`] only, and both write the access log in the same
//! transaction. Run as [`As::Person`](super::session::As::Person).

use std::collections::HashMap;

use chrono::NaiveTime;
use rules::unit::Locale;
use sqlx::{PgConnection, query, query_scalar};
use uuid::Uuid;

use super::account::locale;
use super::unknown_word;
use crate::crm::mask;
use crate::crypto::person_keys::{CryptoError, PersonKeys};

/// Why personal data could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    #[error("store personal data")]
    Store(#[from] sqlx::Error),
    #[error("seal or open personal data")]
    Crypto(#[from] CryptoError),
}

/// A person as entered.
#[derive(Clone, Debug)]
pub struct NewPerson<'a> {
    pub person_id: Uuid,
    pub dealer_id: Uuid,
    pub name: &'a str,
    pub phone: Option<&'a str>,
    pub locale: Locale,
}

/// Someone as shown before a reason was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskedPerson {
    pub name: String,
    pub phone: Option<String>,
    pub locale: Locale,
}

/// A vehicle's signs as shown before a reason was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaskedVehicle {
    pub plate: Option<String>,
    pub vin: Option<String>,
}

/// In full, for someone who gave a reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revealed {
    pub name: Option<String>,
    pub phone: Option<String>,
    pub plate: Option<String>,
    pub vin: Option<String>,
}

/// How to reach a person outside the car, and when not to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactCard {
    pub name: String,
    pub phone: Option<String>,
    pub locale: Locale,
    pub timezone: String,
    pub quiet_from: NaiveTime,
    pub quiet_to: NaiveTime,
}

/// Who looks, at what, and why; a row of the access log.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    pub account_id: Option<Uuid>,
    pub dealer_id: Option<Uuid>,
    pub purpose: &'a str,
}

/// Adds a person; one with this id stays as it is.
pub async fn add(conn: &mut PgConnection, keys: &PersonKeys, new: &NewPerson<'_>) -> Result<(), PersonError> {
    let subject = person_subject(new.person_id);
    let phone = new.phone.map(|phone| keys.seal(&subject, phone)).transpose()?;
    query!(
        "insert into person.person (person_id, dealer_id, key_id, name, phone, phone_index, locale)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        new.person_id,
        new.dealer_id,
        keys.newest(),
        keys.seal(&subject, new.name)?,
        phone,
        new.phone.map(|phone| keys.index(phone)),
        new.locale.tag()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives a vehicle its VIN and plate; one that has them keeps them.
pub async fn identify(
    conn: &mut PgConnection,
    keys: &PersonKeys,
    (vehicle_id, dealer_id): (&str, Uuid),
    (vin, plate): (&str, &str),
) -> Result<(), PersonError> {
    let subject = vehicle_subject(vehicle_id);
    query!(
        "insert into person.vehicle_identity (vehicle_id, dealer_id, key_id, vin, vin_index, plate, plate_index)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        vehicle_id,
        dealer_id,
        keys.newest(),
        keys.seal(&subject, vin)?,
        keys.index(vin),
        keys.seal(&subject, plate)?,
        keys.index(plate)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The vehicle with this VIN or plate, by the blind index.
pub async fn find_vehicle(conn: &mut PgConnection, keys: &PersonKeys, sign: &str) -> sqlx::Result<Option<String>> {
    query_scalar!(
        "select vehicle_id from person.vehicle_identity where vin_index = $1 or plate_index = $1 limit 1",
        keys.index(sign)
    )
    .fetch_optional(conn)
    .await
}

/// Masked plates and VINs of vehicles.
pub async fn masked_vehicles(
    conn: &mut PgConnection,
    keys: &PersonKeys,
    vehicle_ids: &[String],
) -> Result<HashMap<String, MaskedVehicle>, PersonError> {
    let rows = query!(
        "select vehicle_id, key_id, vin, plate from person.vehicle_identity where vehicle_id = any($1)",
        vehicle_ids
    )
    .fetch_all(conn)
    .await?;
    let mut masked = HashMap::with_capacity(rows.len());
    for row in rows {
        let subject = vehicle_subject(&row.vehicle_id);
        let plate = opened(keys, row.key_id, &subject, row.plate.as_deref())?;
        let vin = opened(keys, row.key_id, &subject, row.vin.as_deref())?;
        let vehicle =
            MaskedVehicle { plate: plate.map(|plate| mask::plate(&plate)), vin: vin.map(|vin| mask::vin(&vin)) };
        masked.insert(row.vehicle_id, vehicle);
    }
    Ok(masked)
}

/// A person with name and phone masked.
pub async fn masked_person(
    conn: &mut PgConnection,
    keys: &PersonKeys,
    person_id: Uuid,
) -> Result<Option<MaskedPerson>, PersonError> {
    let Some(card) = card(conn, keys, person_id).await? else { return Ok(None) };
    let phone = card.phone.map(|phone| mask::phone(&phone));
    Ok(Some(MaskedPerson { name: mask::name(&card.name), phone, locale: card.locale }))
}

/// Everything about a vehicle and its owner, for a reason that is logged.
pub async fn reveal(
    conn: &mut PgConnection,
    keys: &PersonKeys,
    vehicle_id: &str,
    owner: Option<Uuid>,
    access: Access<'_>,
) -> Result<Revealed, PersonError> {
    let subject = vehicle_subject(vehicle_id);
    let signs = query!("select key_id, vin, plate from person.vehicle_identity where vehicle_id = $1", vehicle_id)
        .fetch_optional(&mut *conn)
        .await?;
    let mut revealed = Revealed::default();
    if let Some(row) = signs {
        revealed.vin = opened(keys, row.key_id, &subject, row.vin.as_deref())?;
        revealed.plate = opened(keys, row.key_id, &subject, row.plate.as_deref())?;
    }
    log_access(conn, &subject, access).await?;
    if let Some(person_id) = owner
        && let Some(card) = card(conn, keys, person_id).await?
    {
        revealed.name = Some(card.name);
        revealed.phone = card.phone;
        log_access(conn, &person_subject(person_id), access).await?;
    }
    Ok(revealed)
}

/// How to reach a person, for a delivery that is logged.
pub async fn contact(
    conn: &mut PgConnection,
    keys: &PersonKeys,
    person_id: Uuid,
    access: Access<'_>,
) -> Result<Option<ContactCard>, PersonError> {
    let found = card(conn, keys, person_id).await?;
    if found.is_some() {
        log_access(conn, &person_subject(person_id), access).await?;
    }
    Ok(found)
}

/// Rows of the access log that were changed, or whose predecessor is gone; run for the purpose `audit`.
pub async fn broken_links(conn: &mut PgConnection) -> sqlx::Result<Vec<i64>> {
    query_scalar!(
        "select entry.access_log_id from person.access_log entry
         where entry.hash is distinct from person.access_log_digest(entry)
            or (entry.previous_hash is not null and not exists (
                    select from person.access_log before where before.hash = entry.previous_hash))
         order by 1"
    )
    .fetch_all(conn)
    .await
}

async fn card(conn: &mut PgConnection, keys: &PersonKeys, id: Uuid) -> Result<Option<ContactCard>, PersonError> {
    let found = query!(
        "select key_id, name, phone, locale, timezone, quiet_from, quiet_to from person.person where person_id = $1",
        id
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = found else { return Ok(None) };
    let subject = person_subject(id);
    Ok(Some(ContactCard {
        name: keys.open(row.key_id, &subject, &row.name)?,
        phone: opened(keys, row.key_id, &subject, row.phone.as_deref())?,
        locale: locale(&row.locale).ok_or_else(|| unknown_word("person.locale", &row.locale))?,
        timezone: row.timezone,
        quiet_from: row.quiet_from,
        quiet_to: row.quiet_to,
    }))
}

async fn log_access(conn: &mut PgConnection, subject: &str, access: Access<'_>) -> sqlx::Result<()> {
    query!(
        "insert into person.access_log (account_id, dealer_id, subject, purpose) values ($1, $2, $3, $4)",
        access.account_id,
        access.dealer_id,
        subject,
        access.purpose
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn opened(keys: &PersonKeys, key_id: i16, subject: &str, sealed: Option<&[u8]>) -> Result<Option<String>, CryptoError> {
    sealed.map(|sealed| keys.open(key_id, subject, sealed)).transpose()
}

fn person_subject(person_id: Uuid) -> String {
    format!("person/{person_id}")
}

fn vehicle_subject(vehicle_id: &str) -> String {
    format!("vehicle/{vehicle_id}")
}
