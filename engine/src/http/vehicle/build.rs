//! How a vehicle was built and what runs on it: the manufacturer's own systems tell, early warning compares by it.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use rules::vehicle::{Command, VehicleId};
use serde::Deserialize;

use crate::http::HttpState;
use crate::http::page::failure::Failure;
use crate::http::person::gate::Visitor;
use crate::store::session::begin_as;
use crate::store::{console, enrol};

/// What is known of a vehicle's build; what is left out stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildBody {
    produced_on: Option<NaiveDate>,
    software: Option<Software>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Software {
    version: String,
    /// The first day on which it ran.
    since: NaiveDate,
}

/// `POST /api/vehicles/{vehicle}/build`
pub async fn tell(
    State(state): State<HttpState>,
    who: Visitor,
    Path(vehicle): Path<String>,
    Json(body): Json<BuildBody>,
) -> Result<Response, Failure> {
    if !who.account.role.decides_campaigns() {
        return Err(Failure::Forbidden);
    }
    let id = VehicleId::try_new(&vehicle).map_err(|error| Failure::BadForm(error.to_string()))?;
    let mut tx = begin_as(&state.pool, who.sees()).await?;
    if let Some(day) = body.produced_on
        && !enrol::produced_on(&mut tx, &vehicle, day).await?
    {
        return Err(Failure::NotFound);
    }
    if let Some(Software { version, since }) = body.software {
        if version.trim().is_empty() || version.len() > 64 {
            return Err(Failure::BadForm("version".to_owned()));
        }
        let Some(runs_now) = enrol::software(&mut tx, &vehicle, &version, since).await? else {
            return Err(Failure::NotFound);
        };
        if runs_now {
            console::command(&mut tx, &id, &Command::Software { version }).await?;
        }
    }
    tx.commit().await?;
    Ok(Json(serde_json::json!({ "vehicle": vehicle })).into_response())
}
