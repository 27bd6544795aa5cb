//! Spans of one run: the names that STYLE promises are there, and nothing personal is in any field.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::{ConnectOptions as _, PgPool};
use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{App, Options};
use crate::clock::Clock;
use crate::config::{Config, Secret};
use crate::outbox::channel::ConsoleInbox;
use crate::outbox::fixture::{NOON, Scene, Wanted};

const VIN: &str = "LSVAA41870C123456";
const PHONE: &str = "13800138000";

/// Names of spans, and everything written into a field of a span or a log line.
#[derive(Clone, Default)]
struct Heard {
    names: Arc<Mutex<BTreeSet<&'static str>>>,
    written: Arc<Mutex<Vec<String>>>,
}

impl Heard {
    fn has(&self, wanted: &[&str]) -> bool {
        let names = self.names.lock().unwrap();
        wanted.iter().all(|name| names.contains(name))
    }
}

impl Visit for &Heard {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.written.lock().unwrap().push(format!("{}={value:?}", field.name()));
    }
}

impl<S: Subscriber> Layer<S> for Heard {
    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if is_ours(span.metadata()) {
            self.names.lock().unwrap().insert(span.metadata().name());
            span.record(&mut &*self);
        }
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut &*self);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if is_ours(event.metadata()) {
            event.record(&mut &*self);
        }
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    ["engine", "ingest", "rules"].iter().any(|name| metadata.target().starts_with(name))
}

fn config(pool: &PgPool) -> Config {
    let mut config = Config::default();
    config.database.url = Secret::new(pool.connect_options().to_url_lossy().as_str());
    config.mqtt.listen.set_port(0);
    config.http.listen.set_port(0);
    config.lanes.count = 1;
    config.person.key = Some(Secret::new("07".repeat(32)));
    config
}

/// A car that says something that is in order, and something with what must not be logged.
async fn speak(port: u16) {
    let (client, mut events) = rumqttc::AsyncClient::new(rumqttc::MqttOptions::new("car-1", "127.0.0.1", port), 10);
    let at = Clock::wall().to_utc().to_rfc3339();
    let said = [
        format!(r#"{{"stream":1,"seq":1,"ts":"{at}","signals":{{"Vehicle.Speed":50}}}}"#),
        format!(r#"{{"stream":1,"seq":2,"ts":"{at}","signals":{{"{VIN}":"{PHONE}"}}}}"#),
        format!("{VIN} {PHONE}"),
    ];
    for payload in said {
        client.publish("premend/v1/car-1/telemetry", rumqttc::QoS::AtLeastOnce, false, payload).await.unwrap();
    }
    tokio::spawn(async move { while events.poll().await.is_ok() {} });
    std::mem::forget(client);
}

#[sqlx::test]
async fn one_run_has_every_promised_span_and_nothing_personal(pool: PgPool) {
    let heard = Heard::default();
    tracing_subscriber::registry().with(heard.clone()).try_init().unwrap();
    let scene = Scene::at(pool.clone(), NOON).await;
    let wanted = Wanted { channel: ConsoleInbox::KEY, to_owner: false, ..Wanted::default() };
    scene.enqueue("a", wanted).await;
    let app = App::build(&config(&pool), Clock::system(), Options::default()).await.unwrap();
    let (port, stop) = (app.mqtt.unwrap().port(), CancellationToken::new());
    let running = tokio::spawn(app.run(stop.clone()));
    speak(port).await;
    let names = ["lane.batch", "db.batch.commit", "db.session.begin", "db.outbox.claim", "outbox.deliver", "job.run"];
    let waiting = async {
        while !heard.has(&names) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    came.unwrap_or_else(|_| panic!("only {:?}", heard.names.lock().unwrap()));
    let written = heard.written.lock().unwrap();
    assert!(written.iter().any(|field| field.starts_with("duration_ms=")), "durations are recorded");
    assert!(written.iter().any(|field| field.starts_with("batch.len=")), "lengths are recorded");
    let personal: Vec<_> = written.iter().filter(|field| field.contains(VIN) || field.contains(PHONE)).collect();
    assert!(personal.is_empty(), "{personal:?}");
}
