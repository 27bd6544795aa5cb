//! Probes and metrics. Labels come from closed sets; no vehicle, dealer or person appears.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus::{Encoder, IntGauge, Registry, TextEncoder};
use serde_json::json;
use tracing::warn;

use super::HttpState;
use crate::metrics::scrape::{self, Standing};
use crate::store::console::{self, Depths};
use crate::store::session::{As, begin_as};

/// `GET /livez`: the process answers.
pub async fn livez() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200, or 503 with what is missing.
pub async fn readyz(State(state): State<HttpState>) -> Response {
    let missing = state.readiness.missing();
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": missing.is_empty(), "missing": missing }))).into_response()
}

/// `GET /metrics`: what the process counted, and how deep the store's queues are right now.
pub async fn metrics(State(state): State<HttpState>) -> Response {
    let mut families = state.registry.gather();
    let depths = match depths(&state).await {
        Ok(depths) => Some(depths),
        Err(error) => {
            warn!(error = format!("{error:#}"), "queue depths not read");
            None
        }
    };
    let standing = standing(&state).await.unwrap_or_else(|error| {
        warn!(error = format!("{error:#}"), "ages of the queues not read");
        None
    });
    match gauges(&state, depths.as_ref(), standing.as_ref()) {
        Ok(scraped) => families.extend(scraped.gather()),
        Err(error) => warn!(error = format!("{error:#}"), "queue depths not registered"),
    }
    let mut text = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&families, &mut text) {
        warn!(error = format!("{error:#}"), "metrics not encoded");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// Depths of the queues that live in the store.
pub async fn depths(state: &HttpState) -> sqlx::Result<Depths> {
    let mut tx = begin_as(&state.pool, As::Engine).await?;
    console::depths(&mut tx).await
}

async fn standing(state: &HttpState) -> sqlx::Result<Option<Standing>> {
    let mut tx = begin_as(&state.pool, As::Engine).await?;
    scrape::read(&mut tx, state.clock.now().into()).await.map(Some)
}

fn gauges(
    state: &HttpState,
    depths: Option<&Depths>,
    standing: Option<&Standing>,
) -> prometheus::Result<Registry> {
    let registry = Registry::new();
    let add = |name: &str, help: &str, value: i64| -> prometheus::Result<()> {
        let gauge = IntGauge::new(name, help)?;
        gauge.set(value);
        registry.register(Box::new(gauge))
    };
    add("premend_db_up", "Whether the store answered this scrape.", i64::from(depths.is_some()))?;
    if let Some(depths) = depths {
        add("premend_outbox_queued_entries", "Deliveries that wait for the relay.", depths.outbox_queued)?;
        add("premend_outbox_parked_entries", "Deliveries given up until a person looks.", depths.outbox_parked)?;
        add("premend_db_waiting_commands", "Commands that their lane has not applied yet.", depths.commands_waiting)?;
        add("premend_db_waiting_reviews", "Cases that wait for an advisor's judgement.", depths.reviews_waiting)?;
        add("premend_db_open_orders", "Work orders whose visit is not over.", depths.orders_open)?;
    }
    if let Some(standing) = standing {
        scrape::register(&registry, standing, &state.pool)?;
    }
    Ok(registry)
}
