//! Recorded messages over the air: what the engine settles of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use engine::store::console;
use engine::store::enrol::{self, NewConsent, NewVehicle};
use engine::store::session::{As, begin_as};
use ingest::topic;
use rules::unit::{Locale, Time};
use rules::vehicle::{Attributes, Command, Contact, Particulars, Profile, Purpose};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use simulator::model::Specification;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::time::sleep;
use uuid::Uuid;

use crate::database::{DEALER, Database};
use crate::engine_process::Engine;
use crate::line;
use crate::record::{END, Recorded};
use crate::wide::Row;

const OWNER: Uuid = Uuid::from_u128(0x2f0a_6d1e_94b5_4b8c_8a37_5e1d_c0aa_71b3);
/// How long nothing may happen before it will not happen.
const PATIENCE: Duration = Duration::from_secs(60);
const WAITING: usize = 1_024;

/// A case as it is stored: vehicle, component, rule, opened, closed.
type Stored = (String, String, String, DateTime<Utc>, Option<DateTime<Utc>>);

/// What was compared.
pub struct Told {
    pub vehicles: usize,
    pub messages: u64,
    pub cases: usize,
}

/// Publishes a file, and waits until the engine has settled what is expected of its vehicles.
pub fn settle(
    fleet: &Recorded,
    file: &Path,
    expected: impl Fn(&BTreeSet<String>) -> BTreeSet<Row>,
) -> anyhow::Result<Told> {
    let server = std::env::var("PREMEND_BENCH_DATABASE_URL")
        .context("set PREMEND_BENCH_DATABASE_URL to a PostgreSQL, or run `make bench`")?;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let database = Database::fresh(&server, "recorded").await?;
        enrol_all(&database, fleet).await.context("enrolling the vehicles")?;
        let engine = Engine::start(&database, &clock()).await?;
        until("commands are applied", async || commands_waiting(&database).await, |waiting| waiting == 0).await?;
        let broker = engine.mqtt.context("the engine has no broker")?;
        let (vehicles, messages) = publish(file, broker).await?;
        until("messages are in the journal", async || database.journalled().await, |inputs| inputs >= messages).await?;
        let expected = expected(&vehicles);
        let live = settled(&database, &expected).await?;
        // A supply that breaks down at a start is below what a reading may be; messages are counted above.
        let mut losses = engine.losses().await?;
        losses.retain(|moved| !moved.starts_with("premend_ingest_rejections_total"));
        ensure!(losses.is_empty(), "void, these moved: {losses:?}");
        engine.stop()?;
        database.remove().await?;
        let only_tried: Vec<_> = expected.difference(&live).collect();
        let only_live: Vec<_> = live.difference(&expected).collect();
        ensure!(only_tried.is_empty() && only_live.is_empty(), "only tried {only_tried:#?}, only live {only_live:#?}");
        Ok(Told { vehicles: vehicles.len(), messages, cases: live.len() })
    })
}

/// The engine lives at the fleet's end, so that nothing it says is from the future.
fn clock() -> [(&'static str, String); 4] {
    [
        ("PREMEND_CLOCK__MODE", "virtual".to_owned()),
        ("PREMEND_CLOCK__FOR_TESTS", "true".to_owned()),
        ("PREMEND_CLOCK__ORIGIN", END.to_string()),
        // Absence is judged when a back-fill has been over for the lateness bound: two minutes of this clock.
        ("PREMEND_CLOCK__RATE", "4".to_owned()),
    ]
}

/// Vehicles with owners who consent, as a dealer would enrol them.
async fn enrol_all(database: &Database, fleet: &Recorded) -> anyhow::Result<()> {
    let mut tx = begin_as(&database.pool, As::Engine).await?;
    for vehicle in fleet.plan.build()? {
        let spec = &vehicle.spec;
        let (id, profile) = (spec.id.as_str(), profile(spec));
        enrol::vehicle(&mut tx, &NewVehicle { vehicle_id: id, profile: &profile, registered_by: "person" }).await?;
        enrol::owner(&mut tx, id, DEALER, OWNER, spec.delivered_at.to_utc()).await?;
        for purpose in profile.consents.clone() {
            let consent = NewConsent {
                vehicle_id: id,
                dealer_id: DEALER,
                person_id: OWNER,
                purpose,
                text_version: "bench-1",
                given_through: "bench",
                granted_at: spec.delivered_at.to_utc(),
            };
            enrol::consent(&mut tx, &consent).await?;
        }
        console::command(&mut tx, &spec.id, &Command::Register(Box::new(profile))).await?;
    }
    tx.commit().await?;
    Ok(())
}

fn profile(spec: &Specification) -> Profile {
    Profile::new(Particulars {
        model: spec.model.key.to_owned(),
        model_year: 2025,
        powertrain: spec.model.powertrain,
        region: String::new(),
        software: String::new(),
        tier: String::new(),
        dealer: DEALER,
        owner: Some(Contact { person: OWNER, locale: Locale::En }),
        consents: BTreeSet::from([Purpose::Maintenance, Purpose::Diagnostics]),
        allowed: None,
        delivered_at: spec.delivered_at,
        attributes: Attributes::default(),
    })
}

/// Each line as its vehicle published it, in the order of the file; returns when all are acknowledged.
async fn publish(file: &Path, broker: SocketAddr) -> anyhow::Result<(BTreeSet<String>, u64)> {
    let (tell, mut lines) = mpsc::channel::<Vec<u8>>(WAITING);
    let lines_of = BufReader::with_capacity(1 << 20, zstd::Decoder::new(File::open(file)?)?);
    let reading = tokio::task::spawn_blocking(move || {
        for line in lines_of.split(b'\n') {
            if tell.blocking_send(line?).is_err() {
                break;
            }
        }
        anyhow::Ok(())
    });
    let acknowledged = Arc::new(AtomicU64::new(0));
    let mut cars: BTreeMap<String, AsyncClient> = BTreeMap::new();
    let mut said = 0;
    while let Some(text) = lines.recv().await {
        let (vehicle, payload) = line::read(&text).context("a line that names no vehicle")?;
        if !cars.contains_key(vehicle) {
            cars.insert(vehicle.to_owned(), connect(vehicle, broker, &acknowledged));
        }
        let car = cars.get(vehicle).context("it was put there")?;
        car.publish(topic::telemetry(vehicle), QoS::AtLeastOnce, false, payload).await?;
        said += 1;
    }
    reading.await??;
    until("messages are acknowledged", async || Ok(acknowledged.load(Ordering::Relaxed)), |count| count >= said)
        .await?;
    Ok((cars.into_keys().collect(), said))
}

fn connect(vehicle: &str, broker: SocketAddr, acknowledged: &Arc<AtomicU64>) -> AsyncClient {
    let mut options = MqttOptions::new(vehicle, broker.ip().to_string(), broker.port());
    options.set_clean_session(true).set_inflight(100);
    options.set_max_packet_size(256 * 1024, 256 * 1024);
    let (car, eventloop) = AsyncClient::new(options, WAITING);
    tokio::spawn(poll(eventloop, Arc::clone(acknowledged)));
    car
}

async fn poll(mut eventloop: EventLoop, acknowledged: Arc<AtomicU64>) {
    loop {
        match eventloop.poll().await {
            Ok(Event::Incoming(Packet::PubAck(_))) => {
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => {}
            // Its connection is over; whoever waits for acknowledgements says how many there were.
            Err(_) => return,
        }
    }
}

/// Waits until a count has come to what is wanted; gives up where it no longer changes.
async fn until(
    what: &str,
    count: impl AsyncFn() -> anyhow::Result<u64>,
    wanted: impl Fn(u64) -> bool,
) -> anyhow::Result<()> {
    let (mut before, mut since) = (None, Instant::now());
    loop {
        let now = count().await?;
        if wanted(now) {
            return Ok(());
        }
        if before != Some(now) {
            (before, since) = (Some(now), Instant::now());
        }
        ensure!(since.elapsed() < PATIENCE, "waiting until {what}: it stays at {now}");
        sleep(Duration::from_millis(100)).await;
    }
}

async fn commands_waiting(database: &Database) -> anyhow::Result<u64> {
    let mut tx = begin_as(&database.pool, As::Engine).await?;
    let count: i64 =
        sqlx::query_scalar("select count(*) from command where applied_at is null").fetch_one(&mut *tx).await?;
    Ok(count.unsigned_abs())
}

/// Live cases of the engine once they are what is expected, or as they are when nothing changes any more.
async fn settled(database: &Database, expected: &BTreeSet<Row>) -> anyhow::Result<BTreeSet<Row>> {
    let since = Instant::now();
    loop {
        let live = cases(database).await?;
        if live == *expected || since.elapsed() > PATIENCE {
            return Ok(live);
        }
        sleep(Duration::from_millis(500)).await;
    }
}

async fn cases(database: &Database) -> anyhow::Result<BTreeSet<Row>> {
    let mut tx = begin_as(&database.pool, As::Engine).await?;
    let rows: Vec<Stored> = sqlx::query_as(
        "select vehicle_id, component, rule_key, opened_at, closed_at from vehicle_case
         where mode = 'live' and status <> 'withdrawn'",
    )
    .fetch_all(&mut *tx)
    .await?;
    let shown = |at: DateTime<Utc>| Time::from_micros(at.timestamp_micros()).to_string();
    let rows = rows
        .into_iter()
        .map(|(vehicle, component, rule, opened, closed)| (vehicle, component, rule, shown(opened), closed.map(shown)));
    Ok(rows.collect())
}
