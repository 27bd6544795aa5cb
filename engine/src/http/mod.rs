//! The console, and what machines ask of the engine: pages, live streams, probes, metrics.
//!
//! Pages are rendered here, on the server; every page works without JavaScript. Who sees what is
//! decided by the database (`store::session`), what may be done by `crm`.

mod board;
mod case;
mod door;
#[cfg(test)]
pub(crate) mod fixture;
mod order;
mod page;
mod person;
pub mod probe;
#[cfg(test)]
mod route_tests;
mod rule;
mod vehicle;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::response::Redirect;
use axum::routing::{get, post};
use prometheus::Registry;
use rules::catalogue::Catalogue;
use rules::rule_set::RuleSet;
use rules::state::settle::Bounds;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

use self::board::live::Live;
use self::door::heavy::Heavy;
use self::door::{Door, connections};
use self::order::{review, transition};
use self::page::asset;
use self::person::{gate, inbox, login, people};
use self::probe::readiness::Readiness;
use self::probe::{scrape, status};
use self::rule::{campaign_page, standing};
use self::vehicle::{build, explain_page, forecast, held};
use self::words::Dictionary;
pub use self::words::WordsError;
use crate::clock::Clock;
use crate::config;
use crate::crypto::person_keys::PersonKeys;
use crate::metrics::ConsoleMetrics;
use crate::outbox::OutboxMetrics;
use crate::rules_in_force::activation::Problem;
use crate::store::pool::Pools;

/// What every page may use.
#[derive(Clone, Debug)]
pub struct HttpState {
    pub pool: PgPool,
    /// The rules in force; a change is seen by the next page.
    pub sets: watch::Receiver<Arc<RuleSet>>,
    problem: Problem,
    /// How long messages may wait, as the lanes have it.
    bounds: Bounds,
    pub registry: Registry,
    outbox: Option<OutboxMetrics>,
    pub readiness: Arc<Readiness>,
    pub clock: Clock,
    pub keys: Arc<PersonKeys>,
    sessions: Sessions,
    door: Door,
    heavy: Heavy,
    metrics: ConsoleMetrics,
    /// All pools of the engine, for the metrics; `pool` is the console's.
    pools: Option<Pools>,
    /// One reading of the store for all who scrape at the same time.
    scraped: scrape::LastScrape,
    most_connections: usize,
    live: Live,
    dictionary: Dictionary,
}

/// Why a console cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    #[error(transparent)]
    Words(#[from] WordsError),
    #[error("register the console's metrics")]
    Metrics(#[from] prometheus::Error),
}

/// How log-ins are kept.
#[derive(Clone, Copy, Debug)]
struct Sessions {
    /// Cookies travel over TLS only, except to this very machine.
    secure: bool,
    hours: i32,
}

impl HttpState {
    pub fn try_new(
        pool: PgPool,
        sets: watch::Receiver<Arc<RuleSet>>,
        registry: Registry,
        readiness: Arc<Readiness>,
        clock: Clock,
        keys: Arc<PersonKeys>,
    ) -> Result<Self, ConsoleError> {
        let dictionary = Dictionary::load()?;
        let metrics = ConsoleMetrics::try_new(&registry)?;
        let sessions = Sessions { secure: true, hours: 12 };
        Ok(Self {
            pool,
            sets,
            problem: Problem::default(),
            bounds: Bounds::default(),
            registry,
            outbox: None,
            readiness,
            clock,
            keys,
            sessions,
            door: Door::new(&metrics),
            heavy: Heavy::new(metrics.clone()),
            metrics,
            pools: None,
            scraped: scrape::LastScrape::default(),
            most_connections: config::Http::default().max_connections,
            live: Live::default(),
            dictionary,
        })
    }

    /// Keeps log-ins, and strangers at the door, as configured.
    pub fn with_config(mut self, http: &config::Http) -> Self {
        let hours = (http.session.secs_f64() / 3600.0).ceil() as i32;
        self.sessions = Sessions { secure: http.secure_cookies, hours };
        self.door.proxies = Arc::new(http.trusted_proxies.clone());
        self.most_connections = http.max_connections;
        self
    }

    /// Listens on a pool of its own, and tells how all of them are used.
    pub fn with_pools(mut self, pools: Pools) -> Self {
        self.pools = Some(pools);
        self
    }

    /// Has the relay's depths read at every scrape.
    pub fn with_outbox(mut self, metrics: OutboxMetrics) -> Self {
        self.outbox = Some(metrics);
        self
    }

    /// Replays as the lanes do.
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Tells what is wrong with the rules on disk.
    pub fn with_problem(mut self, problem: Problem) -> Self {
        self.problem = problem;
        self
    }

    fn set_in_force(&self) -> Arc<RuleSet> {
        Arc::clone(&self.sets.borrow())
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.sets.borrow().catalogue)
    }

    fn rules_problem(&self) -> Option<String> {
        self.problem.get()
    }
}

/// A form, and a request to the API unless it brings a catalogue.
const FORM_BYTES: usize = 64 * 1024;
const CATALOGUE_BYTES: usize = 2 * 1024 * 1024;

/// All routes.
pub fn router(state: HttpState) -> Router {
    let pages = Router::new()
        .route("/", get(home))
        .route("/login", get(login::show).post(login::enter))
        .route("/logout", post(login::leave))
        .route("/locale", post(login::locale))
        .route("/board", get(board::page::show))
        .route("/board/stream", get(board::page::stream))
        .route("/review", get(review::show))
        .route("/review/{case}", post(review::answer))
        .route("/orders/{order}", get(order::page::show))
        .route("/orders/{order}/move", post(transition::move_on))
        .route("/orders/{order}/verdict", post(transition::judge))
        .route("/orders/{order}/unflag", post(transition::unflag))
        .route("/vehicles/{vehicle}", get(vehicle::page::show))
        .route("/vehicles/{vehicle}/reveal", post(people::reveal))
        .route("/vehicles/{vehicle}/explain", get(explain_page::show))
        .route("/api/vehicles/{vehicle}/explain/{rule}", get(explain_page::json))
        .route("/api/vehicles/{vehicle}/forecasts", get(forecast::json))
        .route("/api/forecasts", get(held::json))
        .route("/find", get(vehicle::page::find))
        .route("/inbox", get(inbox::show))
        .route("/inbox/read", post(inbox::mark_read))
        .route("/rules", get(rule::page::show))
        .route("/rules/reference", get(rule::page::reference))
        .route("/rules/{activation}/answer", post(rule::page::answer))
        .route("/rules/{activation}/return", post(rule::page::roll_back))
        .route("/rules/tasks/{task}/close", post(standing::close))
        .route(
            "/api/rules",
            get(rule::page::list).post(rule::page::propose_rules).layer(DefaultBodyLimit::max(CATALOGUE_BYTES)),
        )
        .route("/campaigns", get(campaign_page::show))
        .route("/campaigns/{proposal}/answer", post(campaign_page::answer))
        .route("/campaigns/{proposal}/vehicles.csv", get(campaign_page::vehicles))
        .route("/api/campaigns", get(campaign_page::list))
        .route("/api/vehicles/{vehicle}/build", post(build::tell))
        .route("/status", get(status::show))
        .route("/live/stream", get(board::page::counts_stream))
        .route("/assets/{name}", get(asset::asset))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(from_fn(gate::impatient_with_bodies))
        .layer(from_fn(gate::own_origin_only))
        .layer(from_fn(gate::protective_headers));
    let probes = Router::new()
        .route("/livez", get(scrape::livez))
        .route("/readyz", get(scrape::readyz))
        .route("/metrics", get(scrape::metrics));
    pages.merge(probes).layer(CompressionLayer::new()).with_state(state)
}

/// `GET /`: where this person works.
async fn home(who: gate::Visitor) -> Redirect {
    Redirect::to(if who.account.role.sees_vehicles() { "/board" } else { "/status" })
}

/// Serves until shutdown; streams end at once, requests are finished.
pub async fn serve(listener: TcpListener, state: HttpState, shutdown: CancellationToken) {
    let pool = state.pools.as_ref().map_or_else(|| state.pool.clone(), |pools| pools.listeners.clone());
    let (live, most, metrics) = (state.live.clone(), state.most_connections, state.metrics.clone());
    let server = connections::serve(listener, router(state), most, metrics, shutdown.clone());
    tokio::join!(server, live.run(&pool, &shutdown));
}
