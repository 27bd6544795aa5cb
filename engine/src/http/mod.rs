//! The console, and what machines ask of the engine: pages, live streams, probes, metrics.
//!
//! Pages are rendered here, on the server; every page works without JavaScript. Who sees what is
//! decided by the database (`store::session`), what may be done by `crm`.

mod asset;
mod board;
mod board_card;
mod build;
mod campaign_page;
mod case_view;
mod chart;
mod chart_scale;
mod explain_page;
mod failure;
#[cfg(test)]
pub(crate) mod fixture;
mod forecast;
mod gate;
mod held;
mod inbox;
mod layout;
mod live;
mod login;
mod order;
mod order_move;
mod order_view;
mod people;
mod probe;
pub mod readiness;
mod review;
mod rule_entry;
mod rule_page;
mod rule_standing;
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
use rules::rule_set::RuleSet;
use rules::state::settle::Bounds;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

use crate::activation::Problem;
use crate::clock::Clock;
use crate::config;
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
    live: Live,
    dictionary: Dictionary,
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
    ) -> Result<Self, WordsError> {
        let dictionary = Dictionary::load()?;
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
            live: Live::default(),
            dictionary,
        })
    }

    /// Keeps log-ins as configured.
    pub fn with_sessions(mut self, http: &config::Http) -> Self {
        let hours = (http.session.secs_f64() / 3600.0).ceil() as i32;
        self.sessions = Sessions { secure: http.secure_cookies, hours };
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
        .route("/orders/{order}/move", post(order_move::move_on))
        .route("/orders/{order}/verdict", post(order_move::judge))
        .route("/orders/{order}/unflag", post(order_move::unflag))
        .route("/vehicles/{vehicle}", get(vehicle::show))
        .route("/vehicles/{vehicle}/reveal", post(people::reveal))
        .route("/vehicles/{vehicle}/explain", get(explain_page::show))
        .route("/api/vehicles/{vehicle}/explain/{rule}", get(explain_page::json))
        .route("/api/vehicles/{vehicle}/forecasts", get(forecast::json))
        .route("/api/forecasts", get(held::json))
        .route("/find", get(vehicle::find))
        .route("/inbox", get(inbox::show))
        .route("/inbox/read", post(inbox::mark_read))
        .route("/rules", get(rule_page::show))
        .route("/rules/reference", get(rule_page::reference))
        .route("/rules/{activation}/answer", post(rule_page::answer))
        .route("/rules/{activation}/return", post(rule_page::roll_back))
        .route("/rules/tasks/{task}/close", post(rule_standing::close))
        .route("/api/rules", get(rule_page::list).post(rule_page::propose_rules))
        .route("/campaigns", get(campaign_page::show))
        .route("/campaigns/{proposal}/answer", post(campaign_page::answer))
        .route("/campaigns/{proposal}/vehicles.csv", get(campaign_page::vehicles))
        .route("/api/campaigns", get(campaign_page::list))
        .route("/api/vehicles/{vehicle}/build", post(build::tell))
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
