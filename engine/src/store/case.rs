//! Vehicles that become known by their first message, as the lanes write them.

use rules::vehicle::{Powertrain, Profile, VehicleId};
use sqlx::{PgConnection, query};

/// A vehicle that became known by its first message.
#[derive(Clone, Debug)]
pub struct NewVehicle {
    pub id: VehicleId,
    pub profile: Profile,
}

pub async fn register(conn: &mut PgConnection, vehicle: &NewVehicle) -> sqlx::Result<()> {
    let profile = &vehicle.profile;
    let powertrain = match profile.powertrain {
        Powertrain::Ice => "ice",
        Powertrain::Hev => "hev",
        Powertrain::Bev => "bev",
    };
    query!(
        "insert into vehicle (vehicle_id, dealer_id, model, model_year, powertrain, region, delivered_at, registered_by)
         values ($1, $2, $3, $4, $5, $6, $7, 'first_message') on conflict do nothing",
        vehicle.id.as_str(),
        profile.dealer,
        profile.model,
        profile.model_year as i16,
        powertrain,
        profile.region,
        profile.delivered_at.to_utc(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
