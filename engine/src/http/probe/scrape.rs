//! Probes and metrics. Labels come from closed sets; no vehicle, dealer or person appears.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus::{Encoder, Gauge, IntGauge, Registry, TextEncoder};
use serde_json::json;
use tokio::sync::Mutex;
use tracing::warn;

use crate::http::HttpState;
use crate::metrics::scrape::{self, Standing};
use crate::store::console::{self, Depths};
use crate::store::pool::Pools;
use crate::store::session::{As, begin_as};

/// A scrape must answer within Prometheus' patience, even when the store does not.
const STORE_WITHIN: Duration = Duration::from_secs(3);
/// Anybody may ask for the metrics: the store is read once for all who ask within this.
const ONE_READING: Duration = Duration::from_millis(250);

type Reading = Arc<(Depths, Standing)>;

/// The last reading of the store; who comes while it is being read waits for it.
#[derive(Clone, Debug, Default)]
pub struct LastScrape(Arc<Mutex<Option<(Instant, Reading)>>>);

/// `GET /livez`: the process answers.
pub async fn livez() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200, or 503 with what is missing; notes for operators either way.
pub async fn readyz(State(state): State<HttpState>) -> Response {
    let missing = state.readiness.missing();
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": missing.is_empty(), "missing": missing, "notes": state.readiness.notes() })))
        .into_response()
}

/// `GET /metrics`: what the process counted, and how deep the store's queues are right now. While the
/// store is away the rest is told all the same, and in time.
pub async fn metrics(State(state): State<HttpState>) -> Response {
    let scraped = match tokio::time::timeout(STORE_WITHIN, scrape_store(&state)).await {
        Ok(Ok(scraped)) => Some(scraped),
        Ok(Err(error)) => {
            warn!(error = format!("{error:#}"), "store not read for a scrape");
            None
        }
        Err(_) => {
            warn!(error = "no answer in time", "store not read for a scrape");
            None
        }
    };
    let mut families = state.registry.gather();
    match gauges(&state, scraped) {
        Ok(of_the_store) => families.extend(of_the_store.gather()),
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

async fn scrape_store(state: &HttpState) -> sqlx::Result<Reading> {
    let mut last = state.scraped.0.lock().await;
    if let Some((_, reading)) = last.as_ref().filter(|(at, _)| at.elapsed() < ONE_READING) {
        return Ok(Arc::clone(reading));
    }
    let now = state.clock.now();
    let pool = state.pools.as_ref().map_or(&state.pool, |pools| &pools.jobs);
    if let Some(outbox) = &state.outbox {
        outbox.scrape(pool, now).await?;
    }
    let mut tx = begin_as(pool, As::Engine).await?;
    let reading = Arc::new((console::depths(&mut tx).await?, scrape::read(&mut tx, now).await?));
    *last = Some((Instant::now(), Arc::clone(&reading)));
    Ok(reading)
}

fn gauges(state: &HttpState, scraped: Option<Reading>) -> prometheus::Result<Registry> {
    let registry = Registry::new();
    let add = |name: &str, help: &str, value: i64| -> prometheus::Result<()> {
        let gauge = IntGauge::new(name, help)?;
        gauge.set(value);
        registry.register(Box::new(gauge))
    };
    add("premend_engine_ready", "Whether the engine is ready.", i64::from(state.readiness.is_ready()))?;
    add("premend_db_up", "Whether the store answered this scrape.", i64::from(scraped.is_some()))?;
    let age =
        Gauge::new("premend_engine_batch_age_seconds", "How long the slowest lane has been at work on one batch.")?;
    age.set(state.readiness.batch_age().as_secs_f64());
    registry.register(Box::new(age))?;
    if let Some((depths, standing)) = scraped.as_deref() {
        add("premend_db_waiting_commands", "Commands that their lane has not applied yet.", depths.commands_waiting)?;
        add("premend_db_waiting_reviews", "Cases that wait for an advisor's judgement.", depths.reviews_waiting)?;
        add("premend_db_open_orders", "Work orders whose visit is not over.", depths.orders_open)?;
        let console = [("console", &state.pool)];
        let named = state.pools.as_ref().map(Pools::named);
        scrape::register(&registry, standing, named.as_ref().map_or(&console[..], |named| &named[..]))?;
    }
    Ok(registry)
}

#[cfg(test)]
mod tests {
    use crate::http::fixture;

    #[sqlx::test]
    async fn tells_machines_how_it_is_without_naming_anyone(pool: sqlx::PgPool) {
        let console = fixture::console(pool).await;
        assert_eq!(console.page("/livez", "").await, "ok\n");
        let ready = console.get("/readyz", "").send().await.unwrap();
        assert_eq!(ready.status(), 503);
        assert!(ready.text().await.unwrap().contains("\"source\":\"not started yet\""));
        let metrics = console.page("/metrics", "").await;
        for line in ["premend_db_up 1", "premend_db_open_orders 6", "premend_db_waiting_reviews 2"] {
            assert!(metrics.contains(line), "{line}");
        }
        assert!(!metrics.contains("v-1") && !metrics.contains("沪A"));
    }
}
