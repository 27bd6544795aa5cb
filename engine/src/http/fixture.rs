//! A dealer's day for tests: the demo's people, and what lanes and relay would have written.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::header::{ORIGIN, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response, redirect};
use rules::catalogue::Catalogue;
use rules::unit::Time;
use rules::vehicle::{Powertrain, VehicleId};
use sqlx::{Executor, PgPool};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::{HttpState, serve};
use crate::clock::Clock;
use crate::config::WantedTier;
use crate::crypto::person_keys::PersonKeys;
use crate::http::probe::readiness::Readiness;
use crate::seed::demo::{DEMO_PASSWORD, DemoService, DemoVehicle, demo_dealer, seed_demo};
use crate::store::pool::Pools;
use crate::store::session::{As, begin_as};
use crate::store::tier;

/// What the demo database holds.
pub struct Demo {
    pub keys: Arc<PersonKeys>,
    pub dealer_a: Uuid,
    pub dealer_b: Uuid,
}

/// Nine cars `v-1` to `v-9`, every third the second dealer's, with cases, orders and readings.
pub async fn demo(pool: &PgPool) -> Demo {
    tier::settle(pool, WantedTier::Auto).await.unwrap();
    let keys = Arc::new(PersonKeys::from_bytes(1, &[7; 32], &[9; 32]).unwrap());
    let mut tx = begin_as(pool, As::Engine).await.unwrap();
    seed_demo(&mut tx, &keys, &vehicles(), Clock::wall().to_utc()).await.unwrap();
    tx.commit().await.unwrap();
    pool.execute(include_str!("fixture.sql")).await.unwrap();
    Demo { keys, dealer_a: demo_dealer(0), dealer_b: demo_dealer(1) }
}

fn vehicles() -> Vec<DemoVehicle> {
    let models = ["compact-ice", "suv-ice", "sedan-bev-lfp"];
    let powertrains = [Powertrain::Ice, Powertrain::Ice, Powertrain::Bev];
    let vehicle = |n: usize| DemoVehicle {
        vehicle_id: VehicleId::try_new(&format!("v-{}", n + 1)).unwrap(),
        model: models[n % 3].to_owned(),
        model_year: 2022,
        powertrain: powertrains[n % 3],
        delivered_at: Time::parse("2023-03-14T02:00:00Z").unwrap(),
        attributes: BTreeMap::new(),
        services: vec![DemoService {
            item: "oil".to_owned(),
            done_at: Time::parse("2026-03-02T02:00:00Z").unwrap(),
            odometer_km: 40_120.0,
        }],
    };
    (0..9).map(vehicle).collect()
}

/// A running console over a demo database.
pub struct Console {
    pub pool: PgPool,
    pub base: String,
    client: Client,
    _stops_when_dropped: DropGuard,
}

pub async fn console(pool: PgPool) -> Console {
    console_on(Pools::of_one(&pool)).await
}

/// On pools of its own choice.
pub async fn console_on(pools: Pools) -> Console {
    let pool = pools.console.clone();
    let demo = demo(&pool).await;
    let set = crate::history::journal::rule_set(Arc::new(Catalogue::builtin().unwrap())).unwrap();
    let (_, sets) = watch::channel(set);
    let readiness = Arc::new(Readiness::waiting_for(&["source"]));
    let registry = prometheus::Registry::new();
    let keys = Arc::clone(&demo.keys);
    let state = HttpState::try_new(pool.clone(), sets, registry, readiness, Clock::system(), keys).unwrap();
    let state = state.with_pools(pools);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    tokio::spawn(serve(listener, state, shutdown.clone()));
    let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap();
    Console { pool, base, client, _stops_when_dropped: shutdown.drop_guard() }
}

impl Console {
    pub fn get(&self, path: &str, cookie: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base)).header("cookie", cookie)
    }

    /// A form sent by a page of the console.
    pub fn post(&self, path: &str, cookie: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.base)).header("cookie", cookie).form(form);
        request.header(ORIGIN, &self.base)
    }

    pub async fn try_log_in(&self, login: &str, password: &str) -> Response {
        self.post("/login", "", &[("login", login), ("password", password)]).send().await.unwrap()
    }

    /// Logs in and gives the cookie.
    pub async fn log_in(&self, login: &str) -> String {
        let answer = self.try_log_in(login, DEMO_PASSWORD).await;
        assert_eq!(answer.status(), 303, "{login}");
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    /// The page as text; it must be there.
    pub async fn page(&self, path: &str, cookie: &str) -> String {
        let answer = self.get(path, cookie).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    /// The id of the vehicle's worst order.
    pub async fn order_of(&self, vehicle_id: &str) -> Uuid {
        let mut tx = begin_as(&self.pool, As::Engine).await.unwrap();
        sqlx::query_scalar("select order_id from work_order where vehicle_id = $1 order by severity limit 1")
            .bind(vehicle_id)
            .fetch_one(&mut *tx)
            .await
            .unwrap()
    }

    /// Bodies of the commands written for a vehicle after its registration.
    pub async fn commands_of(&self, vehicle_id: &str) -> Vec<serde_json::Value> {
        let mut tx = begin_as(&self.pool, As::Engine).await.unwrap();
        let all: Vec<serde_json::Value> =
            sqlx::query_scalar("select body from command where vehicle_id = $1 order by command_id")
                .bind(vehicle_id)
                .fetch_all(&mut *tx)
                .await
                .unwrap();
        all.into_iter().filter(|body| body.get("Register").is_none() && body.get("ServiceDone").is_none()).collect()
    }
}
