//! The console, and what machines ask of the engine: pages, live streams, probes, metrics.
//!
//! Pages are rendered here, on the server; every page works without JavaScript. Who sees what is
//! decided by the database (`store::session`), what may be done by `crm`.

mod asset;
mod board;
mod board_card;
mod case_view;
mod chart;
mod chart_scale;
mod failure;
mod gate;
mod inbox;
mod layout;
mod live;
mod login;
mod order;
mod order_view;
mod people;
mod probe;
pub mod readiness;
mod review;
mod show;
mod status;
mod titles;
mod vehicle;
mod vehicle_plan;
mod vehicle_view;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::response::Redirect;
use axum::routing::{get, post};
use prometheus::Registry;
use rules::catalogue::Catalogue;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

use crate::clock::Clock;
use crate::crm::crypto::PersonKeys;
use crate::outbox::OutboxMetrics;
use live::Live;
use readiness::Readiness;
use words::Dictionary;
pub use words::WordsError;

/// What every page may use.
#[derive(Clone, Debug)]
pub struct HttpState {
    pub pool: PgPool,
    /// The catalogue in force; a reload is seen by the next page.
    pub catalogue: watch::Receiver<Arc<Catalogue>>,
    pub registry: Registry,
    outbox: Option<OutboxMetrics>,
    pub readiness: Arc<Readiness>,
    pub clock: Clock,
    pub keys: Arc<PersonKeys>,
    live: Live,
    dictionary: Dictionary,
}

impl HttpState {
    pub fn try_new(
        pool: PgPool,
        catalogue: watch::Receiver<Arc<Catalogue>>,
        registry: Registry,
        readiness: Arc<Readiness>,
        clock: Clock,
        keys: Arc<PersonKeys>,
    ) -> Result<Self, WordsError> {
        let dictionary = Dictionary::load()?;
        Ok(Self { pool, catalogue, registry, outbox: None, readiness, clock, keys, live: Live::default(), dictionary })
    }

    /// Has the relay's depths read at every scrape.
    pub fn with_outbox(mut self, metrics: OutboxMetrics) -> Self {
        self.outbox = Some(metrics);
        self
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.borrow())
    }
}

/// All routes.
pub fn router(state: HttpState) -> Router {
    let pages = Router::new()
        .route("/", get(home))
        .route("/login", get(login::show).post(login::enter))
        .route("/logout", post(login::leave))
        .route("/locale", post(login::locale))
        .route("/board", get(board::show))
        .route("/board/stream", get(board::stream))
        .route("/review", get(review::show))
        .route("/review/{case}", post(review::answer))
        .route("/orders/{order}", get(order::show))
        .route("/orders/{order}/move", post(order::move_on))
        .route("/orders/{order}/verdict", post(order::judge))
        .route("/orders/{order}/unflag", post(order::unflag))
        .route("/vehicles/{vehicle}", get(vehicle::show))
        .route("/vehicles/{vehicle}/reveal", post(people::reveal))
        .route("/find", get(vehicle::find))
        .route("/inbox", get(inbox::show))
        .route("/inbox/read", post(inbox::mark_read))
        .route("/status", get(status::show))
        .route("/live/stream", get(board::counts_stream))
        .route("/assets/{name}", get(asset::asset))
        .layer(from_fn(gate::own_origin_only))
        .layer(from_fn(gate::protective_headers));
    let probes = Router::new()
        .route("/livez", get(probe::livez))
        .route("/readyz", get(probe::readyz))
        .route("/metrics", get(probe::metrics));
    pages.merge(probes).layer(CompressionLayer::new()).with_state(state)
}

/// `GET /`: where this person works.
async fn home(who: gate::Visitor) -> Redirect {
    Redirect::to(if who.account.role.sees_vehicles() { "/board" } else { "/status" })
}

/// Serves until shutdown; streams end at once, requests are finished.
pub async fn serve(listener: TcpListener, state: HttpState, shutdown: CancellationToken) -> std::io::Result<()> {
    let (live, pool) = (state.live.clone(), state.pool.clone());
    let stop = shutdown.clone();
    let server = axum::serve(listener, router(state)).with_graceful_shutdown(stop.cancelled_owned());
    let (served, ()) = tokio::join!(server, live.run(&pool, &shutdown));
    served
}
