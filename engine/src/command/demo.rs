//! `premend demo`: embedded broker, engine, console and a simulated fleet in one process.
//!
//! The first start lays down when the fleet's history begins and what breaks in it; every later
//! start continues there. Vehicles come with a backlog of that history, as after a long time
//! without a network, and then drive on in real time.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rules::rule_set::RuleSet;
use rules::unit::{Span, Time};
use serde::{Deserialize, Serialize};
use simulator::fleet::{FleetPlan, PlantedIn};
use simulator::model::Specification;
use simulator::publisher::{Link, Pace, Source, Unit, VirtualClock};
use simulator::vehicle::Vehicle;
use sqlx::{PgPool, query_scalar};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::services::person_keys;
use crate::app::{App, Options};
use crate::clock::Clock;
use crate::command::serve::until_told;
use crate::config::Config;
use crate::seed::demo::{DemoLogin, DemoService, DemoVehicle, seed_demo};
use crate::store::session::{As, begin_as};

/// The demo's vehicles keep their messages for the network, not for the disk: a short bound shows
/// the end of the backlog soon.
const LATENESS: Span = Span::from_secs(15);
/// Frames a vehicle packs into one message while it works off its backlog.
const FRAMES_PER_MESSAGE: usize = 30;
/// How long a car that breaks before an audience has been driving when one begins to look.
const WARM_UP: Span = Span::from_mins(12);
const REGISTERED_WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub struct Args {}

/// What the first start laid down, in `demo.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Story {
    seed: u64,
    vehicles: u32,
    start: Time,
    /// Faults as `premend simulate --fault` takes them.
    faults: Vec<String>,
    /// Drives that happen whatever the hour: number of the vehicle, when, how many km.
    #[serde(default)]
    errands: Vec<(u32, Time, f64)>,
}

pub async fn run(_args: Args, mut config: Config) -> anyhow::Result<ExitCode> {
    config.lanes.lateness_bound = LATENESS;
    let story = story(&config)?;
    let plan = story.plan()?;
    let vehicles = plan.build().context("building the fleet")?;
    let stop = until_told()?;

    let app = App::build(&config, Clock::system(), Options::default()).await?;
    let Some(mqtt) = app.mqtt else { bail!("the demo needs the embedded broker: set mqtt.source = \"embedded\"") };
    let demo_vehicles: Vec<DemoVehicle> =
        vehicles.iter().map(|vehicle| enrolled(&vehicle.spec, story.start, &app.set)).collect();
    let logins = seed(&app.pools.jobs, &config, &demo_vehicles).await?;
    let (http, pool) = (app.http, app.pools.jobs.clone());

    let engine_stop = CancellationToken::new();
    let engine = tokio::spawn(app.run(engine_stop.clone()));
    registered(&pool, &stop).await?;
    announce(&format!("http://{http}"), mqtt.port(), &story, &logins);
    let units_stop = CancellationToken::new();
    let units = fly(vehicles, &story, &config.demo.directory, mqtt.port(), &units_stop)?;

    let ended = wait_for(engine, &stop, units_stop, units, engine_stop).await;
    println!("stopped; `make demo` continues here, `make clean` forgets");
    ended.map(|()| ExitCode::SUCCESS)
}

/// Waits to be told, then lets the vehicles go off the air before the engine drains.
async fn wait_for(
    engine: tokio::task::JoinHandle<anyhow::Result<()>>,
    stop: &CancellationToken,
    units_stop: CancellationToken,
    mut units: JoinSet<()>,
    engine_stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut engine = engine;
    let early = tokio::select! {
        () = stop.cancelled() => None,
        ended = &mut engine => Some(ended),
    };
    units_stop.cancel();
    while units.join_next().await.is_some() {}
    engine_stop.cancel();
    match early {
        Some(ended) => ended.context("the engine broke down")?,
        None => engine.await.context("the engine broke down")?,
    }
}

impl Story {
    fn plan(&self) -> anyhow::Result<FleetPlan> {
        let mut plan = FleetPlan { prefix: "demo-".to_owned(), ..FleetPlan::new(self.seed, self.vehicles, self.start) };
        plan.errands.clone_from(&self.errands);
        for fault in &self.faults {
            plan.faults.push(PlantedIn::parse(fault, self.start).with_context(|| format!("planting {fault}"))?);
        }
        Ok(plan)
    }
}

/// Reads the story, or begins one.
fn story(config: &Config) -> anyhow::Result<Story> {
    let directory = &config.demo.directory;
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    let path = directory.join("demo.json");
    if let Ok(text) = fs::read_to_string(&path) {
        return serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()));
    }
    let now = Clock::wall();
    let start = now - Span::from_days(i64::from(config.demo.history_days));
    let (faults, errands) = faults(config, start, now);
    let story = Story { seed: config.demo.seed, vehicles: config.demo.vehicles, start, faults, errands };
    write(&path, &story)?;
    Ok(story)
}

fn write(path: &Path, story: &Story) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(story).context("writing down the story")?;
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

/// What breaks: some things during the history, so that the board has work, and some soon, so that
/// there is something to see. The urgent ones go to cars that are sent on the road for it, at any hour.
fn faults(config: &Config, start: Time, now: Time) -> (Vec<String>, Vec<(u32, Time, f64)>) {
    let bare =
        FleetPlan { prefix: "demo-".to_owned(), ..FleetPlan::new(config.demo.seed, config.demo.vehicles, start) };
    let vehicles = bare.build().unwrap_or_default();
    // From the end: history breaks the first that can break.
    let mut cars = vehicles.iter().rev().map(|vehicle| &vehicle.spec);
    let ago = |days: i64| now - Span::from_days(days.min(i64::from(config.demo.history_days)));
    let mut planned = vec![
        ("battery-ageing", ago(12)),
        ("slow-leak", ago(9)),
        ("low-charging", ago(6)),
        ("insulation-decay", ago(10)),
        ("misfire", ago(5)),
        ("brake-fluid-loss", ago(4)),
        ("fast-leak", ago(2)),
        ("silent", ago(5)),
        ("code-storm", ago(3)),
        ("coolant-loss", ago(1)),
    ]
    .into_iter()
    .map(|(key, at)| format!("{key}@{at}"))
    .collect::<Vec<_>>();
    // A hose takes eight minutes to lose its coolant: the first car is about to overheat when the demo begins.
    let soon = [("coolant-loss", -420), ("oil-pressure-loss", 60), ("low-charging", 360)];
    let mut errands = Vec::new();
    for (key, secs) in soon {
        let Some(car) = cars.find(|spec| fits(key, spec)) else { continue };
        errands.push((car.number, now - WARM_UP, 40.0));
        planned.push(format!("{key}@{}:{}", now + Span::from_secs(secs), car.number));
    }
    planned.retain(|fault| plantable(&bare, fault));
    (planned, errands)
}

fn fits(key: &str, spec: &Specification) -> bool {
    simulator::fault::fault(key).is_some_and(|fault| fault.fits(&spec.model))
}

/// A small fleet may have no vehicle for a fault; then it does not happen.
fn plantable(bare: &FleetPlan, fault: &str) -> bool {
    PlantedIn::parse(fault, bare.start)
        .is_ok_and(|planted| FleetPlan { faults: vec![planted], ..bare.clone() }.build().is_ok())
}

/// A simulated vehicle as the dealer knows it: model, delivery, and services done in time so far.
fn enrolled(spec: &Specification, start: Time, set: &RuleSet) -> DemoVehicle {
    let attributes: BTreeMap<String, f64> = spec
        .attributes
        .iter()
        .map(|(path, value)| (path.trim_start_matches("Attribute.").to_owned(), *value))
        .collect();
    DemoVehicle {
        vehicle_id: spec.id.clone(),
        model: spec.model.key.to_owned(),
        model_year: (1970.0 + spec.delivered_at.micros() as f64 / 31_556_952e6) as u16,
        powertrain: spec.model.powertrain,
        delivered_at: spec.delivered_at,
        attributes,
        services: services(spec, start, set),
    }
}

/// The last service of every item of the plan, a differing share of its interval ago.
fn services(spec: &Specification, start: Time, set: &RuleSet) -> Vec<DemoService> {
    let Some(plan) = set.catalogue.plan_of(spec.model.key) else { return Vec::new() };
    let age = start.since(spec.delivered_at);
    let per_day = spec.odometer_km / age.days_f64().max(1.0);
    let mut done = Vec::new();
    for (index, item) in plan.items(spec.model.powertrain) {
        let interval = item.interval(true);
        let by_km = interval.km.map(|km| f64::from(km) / per_day.max(1.0));
        let by_date = interval.months.map(|months| f64::from(months) * 30.4);
        let days = by_km.into_iter().chain(by_date).fold(f64::INFINITY, f64::min);
        // Spread over the fleet without another dice: 0.05 to 0.99 of the interval ago.
        let share = 0.05 + 0.94 * f64::from((spec.number * 37 + index as u32 * 53) % 100) / 100.0;
        let ago = days * share;
        if ago.is_finite() && ago < age.days_f64() {
            done.push(DemoService {
                item: item.code.clone(),
                done_at: start - Span::from_micros((ago * 86.4e9) as i64),
                odometer_km: (spec.odometer_km - ago * per_day).max(1.0),
            });
        }
    }
    done
}

async fn seed(pool: &PgPool, config: &Config, vehicles: &[DemoVehicle]) -> anyhow::Result<Vec<DemoLogin>> {
    let keys = person_keys(config)?;
    let mut tx = begin_as(pool, As::Engine).await?;
    let logins =
        seed_demo(&mut tx, &keys, vehicles, Clock::wall().to_utc()).await.context("seeding the demo's people")?;
    tx.commit().await?;
    Ok(logins)
}

/// Waits until the lanes know every vehicle.
async fn registered(pool: &PgPool, stop: &CancellationToken) -> anyhow::Result<()> {
    let deadline = Instant::now() + REGISTERED_WITHIN;
    while !stop.is_cancelled() {
        let mut tx = begin_as(pool, As::Engine).await?;
        let waiting = query_scalar!(r#"select count(*) as "waiting!" from command where applied_at is null"#)
            .fetch_one(&mut *tx)
            .await?;
        if waiting == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{waiting} registrations are still not applied");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Puts every vehicle on the air.
fn fly(
    vehicles: Vec<Vehicle>,
    story: &Story,
    folder: &Path,
    port: u16,
    stop: &CancellationToken,
) -> anyhow::Result<JoinSet<()>> {
    let clock = VirtualClock::starting_now(Clock::wall(), Pace::Times(1.0));
    let mut link = Link::new("127.0.0.1", port, clock);
    link.frames_per_message = FRAMES_PER_MESSAGE;
    link.seed = story.seed;
    link.folder = Some(folder.to_owned());
    let link = Arc::new(link);
    let mut units = JoinSet::new();
    for (number, vehicle) in vehicles.into_iter().enumerate() {
        let id = vehicle.spec.id.clone();
        let unit = Unit::open(Arc::clone(&link), id, number as u32, Source::Vehicle(Box::new(vehicle)))
            .context("opening a vehicle's outbox")?;
        let stop = stop.clone();
        units.spawn(async move {
            if let Err(error) = unit.run(stop).await {
                tracing::error!(error = format!("{error:#}"), "a simulated vehicle went off the air");
            }
        });
    }
    Ok(units)
}

fn announce(console: &str, mqtt: u16, story: &Story, logins: &[DemoLogin]) {
    println!();
    println!("  premend demo: {} vehicles, history since {}", story.vehicles, story.start.to_utc().format("%Y-%m-%d"));
    println!();
    println!("  console   {console}");
    println!("  MQTT      127.0.0.1:{mqtt}   topics premend/v1/{{vehicle}}/telemetry and …/down");
    println!();
    println!("  log in as");
    for login in logins {
        let place = login.dealer.unwrap_or("all dealers");
        println!(
            "    {:<6} {:<16} {:<11} {place}",
            login.login,
            login.password,
            format!("{:?}", login.role).to_lowercase()
        );
    }
    println!();
    println!("  The board fills within a minute; a car overheats soon after. Ctrl-C stops.");
}
