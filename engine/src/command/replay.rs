//! `premend replay`: recorded logs through MQTT like any vehicle, into a scratch database.
//!
//! Broker, lanes, store and relay are the real ones; only the clock follows the log, and consents
//! are synthetic. The scratch database is made beside the configured one and dropped at the end.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use ingest::admit::UnknownVehicle;
use prometheus::proto::MetricFamily;
use rules::catalogue::Catalogue;
use rules::unit::{Span, Text, Time};
use rules::vehicle::{Purpose, VehicleId};
use serde::Serialize;
use simulator::frame::Frame;
use simulator::publisher::{Link, Pace, Source, Unit, VirtualClock};
use simulator::replay::{Counts, Mapping, Plan, Tally};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgPool, query};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::{App, Options};
use crate::clock::Clock;
use crate::command::serve::until_told;
use crate::config::{Config, Secret};
use crate::store::session::{As, begin_as};

/// Messages under way; with the frames of each, well under the age that counts as back-fill.
const WINDOW: usize = 32;
const FRAMES_PER_MESSAGE: usize = 8;
/// Measured time granted after the last frame, for what only time brings about.
const AFTERWARDS: Span = Span::from_mins(30);
const SETTLED_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// CSV files, folders of them, or tar.gz archives; each file is a trip, in this order.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Mapping file of columns to signals, or `carobd` for the built-in one.
    #[arg(long, default_value = "carobd", value_name = "FILE")]
    mapping: String,
    /// Model of the vehicle, a key of the catalogue.
    #[arg(long, default_value = "sedan-ice-2014", value_name = "KEY")]
    model: String,
    /// When the first trip begins, RFC 3339; rows with dates of their own keep them.
    #[arg(long, default_value = "2026-03-02T00:30:00Z", value_name = "TIME")]
    start: String,
    /// `committed`: as fast as the engine commits; a number: so many times real time.
    #[arg(long, default_value = "committed", value_name = "RATE")]
    rate: String,
    /// Lay a planted fault over the log: FAULT@TIME, a span from the start, or tripN. May be repeated.
    #[arg(long, value_name = "FAULT@TIME")]
    plant: Vec<String>,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

/// What a replay came to.
#[derive(Debug, Serialize)]
struct Summary {
    log: Counts,
    messages: u64,
    /// Messages and readings let in and refused, as the engine counted them.
    admitted_messages: u64,
    rejected: BTreeMap<String, u64>,
    unused_readings: BTreeMap<String, u64>,
    settled_samples: u64,
    cases: Vec<CaseLine>,
    /// Share of the times a rule was asked that its signals were present; 0: never.
    ready: BTreeMap<String, f64>,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct CaseLine {
    component: String,
    rule: String,
    severity: i16,
    status: String,
    opened_at: Time,
    closed_at: Option<Time>,
    because: String,
}

pub async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    let plan = plan(&args)?;
    let stop = until_told()?;
    let scratch = Scratch::make(&config).await?;
    let summary = replay(&args, &plan, scratch.config(&config, &args)?, &stop).await;
    scratch.remove().await?;
    let summary = summary?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        print(&summary);
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(args: &Args) -> anyhow::Result<Plan> {
    let catalogue = Catalogue::builtin()?;
    let mapping = match args.mapping.as_str() {
        "carobd" => Mapping::carobd(&catalogue.signals)?,
        path => {
            let text = std::fs::read_to_string(path).with_context(|| format!("reading the mapping {path}"))?;
            Mapping::parse(&text, &catalogue.signals)?
        }
    };
    let start = Time::parse(&args.start).context("--start")?;
    let mut plan = Plan::open(mapping, &args.files, start)?;
    for fault in &args.plant {
        plan.plant(fault).with_context(|| format!("--plant {fault}"))?;
    }
    Ok(plan)
}

async fn replay(args: &Args, plan: &Plan, config: Config, stop: &CancellationToken) -> anyhow::Result<Summary> {
    let began = Instant::now();
    let (first, last) = plan.extent();
    let (clock, pace) = match args.rate.as_str() {
        "committed" => (Clock::following_from(first), Pace::AsCommitted),
        rate => {
            let rate: f64 = rate.parse().context("--rate is `committed` or a number")?;
            if !(rate > 0.0 && rate.is_finite()) {
                bail!("--rate must be above 0");
            }
            (Clock::starting_at(first, rate), Pace::Times(rate))
        }
    };
    let app = App::build(&config, clock.clone(), Options::default()).await?;
    let mqtt = app.mqtt.context("replay needs the embedded broker")?;
    let (pool, registry) = (app.pools.jobs.clone(), app.registry.clone());
    enrol_dealer(&pool, &config).await?;
    let engine_stop = CancellationToken::new();
    let engine = tokio::spawn(app.run(engine_stop.clone()));

    let frames = plan.replay();
    let tally = frames.tally();
    let told = clock.clone();
    let frames = frames.inspect(move |frame: &Frame| told.follow(frame.at));
    let mut link = Link::new("127.0.0.1", mqtt.port(), VirtualClock::starting_now(first, pace));
    link.window = WINDOW;
    link.frames_per_message = FRAMES_PER_MESSAGE;
    let link = Arc::new(link);
    let vehicle = VehicleId::try_new("replay-1")?;
    let unit = Unit::open(Arc::clone(&link), vehicle, 0, Source::Frames(Box::new(frames)))?;
    let watch = tokio::spawn(watch(plan.rows(), Arc::clone(&tally), args.json, stop.clone()));
    let report = unit.run(stop.child_token()).await?;
    watch.abort();
    clock.follow(last + AFTERWARDS);
    settled(&pool).await?;

    let families = registry.gather();
    let summary = Summary {
        log: tally.counts(),
        messages: report.committed,
        admitted_messages: total(&families, "premend_ingest_admitted_messages_total"),
        rejected: by_label(&families, "premend_ingest_rejections_total"),
        unused_readings: by_label(&families, "premend_rules_unused_readings_total"),
        settled_samples: total(&families, "premend_rules_settled_samples_total"),
        cases: cases(&pool).await?,
        ready: ready(&families),
        seconds: began.elapsed().as_secs_f64(),
    };
    engine_stop.cancel();
    engine.await.context("the engine broke down")??;
    if stop.is_cancelled() {
        bail!("stopped before the end");
    }
    Ok(summary)
}

/// The replayed vehicle belongs to a dealer of its own.
async fn enrol_dealer(pool: &PgPool, config: &Config) -> anyhow::Result<()> {
    let mut tx = begin_as(pool, As::Engine).await?;
    query!(
        "insert into dealer (dealer_id, name) values ($1, 'replay') on conflict do nothing",
        config.ingest.default_dealer
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

async fn watch(rows: u64, tally: Arc<Tally>, quiet: bool, stop: CancellationToken) {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(rows) };
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {percent:>3} %  {human_pos} of {human_len} rows  {per_sec}  {eta}")
    {
        bar.set_style(style);
    }
    while !stop.is_cancelled() {
        bar.set_position(tally.counts().rows);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until what only time brings about has been written down.
async fn settled(pool: &PgPool) -> anyhow::Result<()> {
    let deadline = Instant::now() + SETTLED_WITHIN;
    let (mut before, mut same) = (None, 0);
    while same < 5 && Instant::now() < deadline {
        let mut tx = begin_as(pool, As::Engine).await?;
        let row = query!(
            r#"select (select count(*) from journal) as "batches!", (select count(*) from case_change) as "changes!""#
        )
        .fetch_one(&mut *tx)
        .await?;
        let now = Some((row.batches, row.changes));
        same = if before == now { same + 1 } else { 0 };
        before = now;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// A reason of the engine's is stored in every language.
fn in_english(because: String) -> String {
    serde_json::from_str(&because).map_or(because, |text: Text| text.en)
}

async fn cases(pool: &PgPool) -> anyhow::Result<Vec<CaseLine>> {
    let mut tx = begin_as(pool, As::Engine).await?;
    let rows = query!(
        r#"select c.component, c.rule_key, c.severity, c.status, c.opened_at, c.closed_at,
                  (select because from case_change ch where ch.case_id = c.case_id and ch.change_no = 1) as because
           from vehicle_case c where c.status <> 'withdrawn' order by c.opened_at, c.component"#
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| CaseLine {
            component: row.component,
            rule: row.rule_key,
            severity: row.severity,
            status: row.status,
            opened_at: row.opened_at.into(),
            closed_at: row.closed_at.map(Time::from),
            because: in_english(row.because.unwrap_or_default()),
        })
        .collect())
}

fn family<'a>(families: &'a [MetricFamily], name: &str) -> Option<&'a MetricFamily> {
    families.iter().find(|family| family.name() == name)
}

fn total(families: &[MetricFamily], name: &str) -> u64 {
    let metrics = family(families, name).map(MetricFamily::get_metric).unwrap_or_default();
    metrics.iter().map(|metric| metric.get_counter().get_value()).sum::<f64>() as u64
}

/// Values above zero by the one label.
fn by_label(families: &[MetricFamily], name: &str) -> BTreeMap<String, u64> {
    let metrics = family(families, name).map(MetricFamily::get_metric).unwrap_or_default();
    let labelled = metrics.iter().filter_map(|metric| {
        let label = metric.get_label().first()?.value().to_owned();
        Some((label, metric.get_counter().get_value() as u64))
    });
    labelled.filter(|(_, count)| *count > 0).collect()
}

fn ready(families: &[MetricFamily]) -> BTreeMap<String, f64> {
    let yes = by_label(families, "premend_rules_ready_evaluations_total");
    let no = by_label(families, "premend_rules_not_ready_evaluations_total");
    let all =
        family(families, "premend_rules_ready_evaluations_total").map(MetricFamily::get_metric).unwrap_or_default();
    let keys = all.iter().filter_map(|metric| metric.get_label().first().map(|label| label.value().to_owned()));
    keys.map(|key| {
        let (yes, no) = (yes.get(&key).copied().unwrap_or(0) as f64, no.get(&key).copied().unwrap_or(0) as f64);
        let share = if yes + no > 0.0 { yes / (yes + no) } else { 0.0 };
        (key, share)
    })
    .collect()
}

fn print(summary: &Summary) {
    let log = &summary.log;
    println!(
        "{} trips, {} rows: {} frames, {} short rows, {} missing values, {} not numeric",
        log.trips, log.rows, log.frames, log.short_rows, log.missing, log.not_numeric
    );
    println!(
        "{} messages committed, {} admitted, {} samples settled in {:.0} s",
        summary.messages, summary.admitted_messages, summary.settled_samples, summary.seconds
    );
    for (title, counts) in [("rejected", &summary.rejected), ("not used", &summary.unused_readings)] {
        let listed: Vec<String> = counts.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        println!("{title}: {}", if listed.is_empty() { "none".to_owned() } else { listed.join(", ") });
    }
    println!("\ncases: {}", summary.cases.len());
    for case in &summary.cases {
        let closed = case.closed_at.map_or_else(|| "open".to_owned(), |at| format!("until {at}"));
        println!(
            "  S{} {:<28} {:<28} {} {closed}  {}",
            case.severity, case.component, case.rule, case.opened_at, case.because
        );
    }
    println!("\nready, share of the times asked:");
    for (rule, share) in &summary.ready {
        println!("  {:>5.1} %  {rule}", share * 100.0);
    }
}

/// A database of its own for the length of the replay.
struct Scratch {
    server: PgConnectOptions,
    name: String,
}

impl Scratch {
    async fn make(config: &Config) -> anyhow::Result<Self> {
        let server = PgConnectOptions::from_str(config.database.url.expose()).context("reading database.url")?;
        let name = format!("premend_replay_{}", Uuid::from_u128(u128::from(rand::random::<u64>())).simple());
        let mut conn = server.connect().await.context("connecting to make the scratch database")?;
        conn.execute(AssertSqlSafe(format!("create database {name}"))).await.context("making the scratch database")?;
        Ok(Self { server, name })
    }

    fn config(&self, config: &Config, args: &Args) -> anyhow::Result<Config> {
        let mut scratch = config.clone();
        scratch.database.url = Secret::new(self.server.clone().database(&self.name).to_url_lossy().as_str());
        scratch.mqtt.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        scratch.http.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        scratch.ingest.unknown_vehicle = UnknownVehicle::Register;
        scratch.ingest.default_dealer = Some(Uuid::from_u128(1));
        scratch.ingest.default_model = Some(args.model.clone());
        scratch.ingest.default_consents = vec![Purpose::Maintenance, Purpose::Diagnostics];
        scratch.person.key = Some(Secret::new(&"00".repeat(32)));
        scratch.person.key_file = None;
        Ok(scratch)
    }

    async fn remove(self) -> anyhow::Result<()> {
        let mut conn = self.server.connect().await?;
        conn.execute(AssertSqlSafe(format!("drop database if exists {} with (force)", self.name))).await?;
        Ok(())
    }
}
