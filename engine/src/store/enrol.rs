//! Makes dealers, vehicles, owners, consents and services known. Run as the engine.
//!
//! Every insert leaves alone what is there, so that enrolling twice changes nothing.

use chrono::{DateTime, NaiveDate, Utc};
use rules::vehicle::{Powertrain, Profile, Purpose};
use sqlx::{PgConnection, query, query_scalar};
use uuid::Uuid;

/// A dealer, open on weekdays and Saturdays.
#[derive(Clone, Copy, Debug)]
pub struct NewDealer<'a> {
    pub dealer_id: Uuid,
    pub name: &'a str,
    pub phone: &'a str,
}

/// A vehicle without its owner's data.
#[derive(Clone, Copy, Debug)]
pub struct NewVehicle<'a> {
    pub vehicle_id: &'a str,
    pub profile: &'a Profile,
    /// `person` or `first_message`.
    pub registered_by: &'a str,
}

#[derive(Clone, Copy, Debug)]
pub struct NewConsent<'a> {
    pub vehicle_id: &'a str,
    pub dealer_id: Uuid,
    pub person_id: Uuid,
    pub purpose: Purpose,
    pub text_version: &'a str,
    pub given_through: &'a str,
    pub granted_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug)]
pub struct NewService<'a> {
    pub vehicle_id: &'a str,
    pub dealer_id: Uuid,
    pub item: &'a str,
    pub done_at: DateTime<Utc>,
    pub odometer_km: f64,
}

pub async fn dealer(conn: &mut PgConnection, new: &NewDealer<'_>) -> sqlx::Result<()> {
    query!(
        r#"insert into dealer (dealer_id, name, phone, opening_hours) values ($1, $2, $3,
               '{"mon": ["08:30", "18:00"], "tue": ["08:30", "18:00"], "wed": ["08:30", "18:00"],
                 "thu": ["08:30", "18:00"], "fri": ["08:30", "18:00"], "sat": ["09:00", "17:00"]}')
           on conflict do nothing"#,
        new.dealer_id,
        new.name,
        new.phone
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// False if the vehicle is known already.
pub async fn vehicle(conn: &mut PgConnection, new: &NewVehicle<'_>) -> sqlx::Result<bool> {
    let profile = new.profile;
    let attributes = serde_json::to_value(&profile.attributes).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let done = query!(
        "insert into vehicle (vehicle_id, dealer_id, model, model_year, powertrain, region, delivered_at,
                              registered_by, attributes)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
        new.vehicle_id,
        profile.dealer,
        profile.model,
        i16::try_from(profile.model_year).unwrap_or(i16::MAX),
        powertrain_word(profile.powertrain),
        profile.region,
        profile.delivered_at.to_utc(),
        new.registered_by,
        attributes
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn owner(
    conn: &mut PgConnection,
    vehicle_id: &str,
    dealer_id: Uuid,
    person_id: Uuid,
    since: DateTime<Utc>,
) -> sqlx::Result<()> {
    query!(
        "insert into vehicle_role (vehicle_id, dealer_id, person_id, role, valid_from)
         values ($1, $2, $3, 'owner', $4) on conflict do nothing",
        vehicle_id,
        dealer_id,
        person_id,
        since
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn consent(conn: &mut PgConnection, new: &NewConsent<'_>) -> sqlx::Result<()> {
    query!(
        "insert into consent (vehicle_id, dealer_id, person_id, purpose, text_version, given_through, granted_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        new.vehicle_id,
        new.dealer_id,
        new.person_id,
        purpose_word(new.purpose),
        new.text_version,
        new.given_through,
        new.granted_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn service(conn: &mut PgConnection, new: &NewService<'_>) -> sqlx::Result<()> {
    query!(
        "insert into service_record (vehicle_id, dealer_id, item, done_at, odometer_km) values ($1, $2, $3, $4, $5)",
        new.vehicle_id,
        new.dealer_id,
        new.item,
        new.done_at,
        new.odometer_km
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The day on which a vehicle was produced; false if there is no such vehicle.
pub async fn produced_on(conn: &mut PgConnection, vehicle_id: &str, day: NaiveDate) -> sqlx::Result<bool> {
    let done =
        query!("update vehicle set produced_on = $2 where vehicle_id = $1", vehicle_id, day).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// The software that a vehicle runs from a day on; whether that is what runs last, `None` if there is no such vehicle.
pub async fn software(
    conn: &mut PgConnection,
    vehicle_id: &str,
    version: &str,
    since: NaiveDate,
) -> sqlx::Result<Option<bool>> {
    query_scalar!(
        r#"insert into vehicle_software as ran (vehicle_id, dealer_id, version, since)
           select vehicle_id, dealer_id, $2, $3 from vehicle where vehicle_id = $1
           on conflict (vehicle_id, since) do update set version = excluded.version
           returning not exists (
               select from vehicle_software later where later.vehicle_id = $1 and later.since > $3) as "last!""#,
        vehicle_id,
        version,
        since
    )
    .fetch_optional(conn)
    .await
}

/// The word in `vehicle.powertrain`.
pub const fn powertrain_word(powertrain: Powertrain) -> &'static str {
    match powertrain {
        Powertrain::Ice => "ice",
        Powertrain::Hev => "hev",
        Powertrain::Bev => "bev",
    }
}

/// The word in `consent.purpose`.
pub const fn purpose_word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Maintenance => "maintenance",
        Purpose::Diagnostics => "diagnostics",
        Purpose::Location => "location",
        Purpose::Marketing => "marketing",
        Purpose::DealerSharing => "dealer_sharing",
    }
}
