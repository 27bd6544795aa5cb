//! Every route on one connection: no page may need a second one, and none may go wrong for want of it.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::fixture::{self, Console};
use crate::store::pool::Pools;

/// The routes as they are written down, so that none is forgotten.
const SOURCE: &str = include_str!("mod.rs");
const LOGINS: [&str; 4] = ["li", "chen", "oem", "ops"];

fn routes() -> Vec<&'static str> {
    let parts = SOURCE.split(".route(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
    parts.filter_map(|rest| rest.split('"').next()).collect()
}

/// A path that leads to something of the demo.
async fn path(console: &Console, route: &str) -> String {
    let order = console.order_of("v-1").await.to_string();
    let nobody = "00000000-0000-0000-0000-000000000000";
    let path = route.replace("{vehicle}", "v-1").replace("{order}", &order).replace("{case}", nobody);
    let path = path.replace("{rule}", "engine.overheat_stop").replace("{name}", "premend.css");
    path.replace("{activation}", "1").replace("{proposal}", "1").replace("{task}", "1")
}

#[sqlx::test]
async fn every_route_gets_by_with_one_connection(_: PgPoolOptions, options: PgConnectOptions) {
    let pool = |most| PgPoolOptions::new().max_connections(most).acquire_timeout(Duration::from_secs(5));
    let one = pool(1).connect_with(options.clone()).await.unwrap();
    let listeners = pool(1).connect_with(options).await.unwrap();
    let console = fixture::console_on(Pools { listeners, ..Pools::of_one(&one) }).await;
    let mut shown = 0;
    for login in LOGINS {
        let cookie = console.log_in(login).await;
        for route in routes() {
            let path = path(&console, route).await;
            let seen =
                [path.clone(), format!("{path}?rule=engine.overheat_stop"), format!("{path}?at=2026-11-20T08:00")];
            for path in seen {
                let answer = console.get(&path, &cookie).send().await.unwrap();
                assert!(is_answer(answer.status(), &path), "GET {path} as {login}: {}", answer.status());
                shown += usize::from(answer.status() == 200);
            }
            if path != "/logout" {
                let answer =
                    console.post(&path, &cookie, &[("reason", "test"), ("answer", "reject")]).send().await.unwrap();
                assert!(is_answer(answer.status(), &path), "POST {path} as {login}: {}", answer.status());
            }
        }
    }
    assert!(shown > 100, "{shown}");
}

/// The engine of this test answers that it is not ready; nothing else may fail.
fn is_answer(status: reqwest::StatusCode, path: &str) -> bool {
    !status.is_server_error() || path.starts_with("/readyz")
}
