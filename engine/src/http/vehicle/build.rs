//! How a vehicle was built and what runs on it: the manufacturer's own systems tell, early warning compares by it.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use rules::vehicle::VehicleId;
use serde::Deserialize;

use crate::act;
use crate::http::HttpState;
use crate::http::page::failure::Failure;
use crate::http::person::gate::Visitor;

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
    let id = VehicleId::try_new(&vehicle).map_err(|error| Failure::BadForm(error.to_string()))?;
    let software = body.software.map(|Software { version, since }| act::vehicle::Software { version, since });
    let build = act::vehicle::Build { produced_on: body.produced_on, software };
    let failed = |error| Failure::of_act(error, "/board");
    let mut acting = who.acting(&state).await?;
    act::vehicle::tell_build(&mut acting, &id, &build).await.map_err(failed)?;
    acting.commit().await.map_err(failed)?;
    Ok(Json(serde_json::json!({ "vehicle": vehicle })).into_response())
}
