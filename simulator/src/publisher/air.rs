//! A fleet on the air: one task per vehicle.

use std::sync::Arc;
use std::time::Duration;

use rules::vehicle::VehicleId;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Link, OutboxFileError, Source, Unit, UnitReport};
use crate::vehicle::Vehicle;

/// Why a fleet went off the air.
#[derive(Debug, thiserror::Error)]
pub enum AirError {
    #[error("vehicle {0}")]
    Outbox(VehicleId, #[source] OutboxFileError),
    #[error("a vehicle's task died")]
    Task(#[source] JoinError),
}

/// Runs all vehicles until their messages are committed, or until they are stopped.
pub async fn run(
    vehicles: Vec<Vehicle>,
    link: &Arc<Link>,
    stop: &CancellationToken,
) -> Result<Vec<UnitReport>, AirError> {
    let mut units = JoinSet::new();
    for vehicle in vehicles {
        let (id, number) = (vehicle.spec.id.clone(), vehicle.spec.number);
        let source = Source::Vehicle(Box::new(vehicle));
        let (link, stop) = (Arc::clone(link), stop.child_token());
        units.spawn(async move {
            // A fleet does not connect in one instant.
            tokio::time::sleep(CONNECT_SPACING * number).await;
            let failed = |error| AirError::Outbox(id.clone(), error);
            let unit = Unit::open(link, id.clone(), number, source).map_err(failed)?;
            unit.run(stop).await.map_err(failed)
        });
    }
    let mut reports = Vec::with_capacity(units.len());
    while let Some(unit) = units.join_next().await {
        reports.push(unit.map_err(AirError::Task)??);
    }
    reports.sort_by(|one, next| one.vehicle.cmp(&next.vehicle));
    Ok(reports)
}

const CONNECT_SPACING: Duration = Duration::from_micros(250);
