//! `premend simulate`: vehicles on the air, until their time is up or they are told to stop.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use ingest::secret::Secret;
use rules::unit::{Span, Time};
use serde::Serialize;
use simulator::fleet::{FleetPlan, PlantedIn};
use simulator::publisher::{self, Link, Pace, UnitReport, VirtualClock};
use simulator::trouble::Troubles;
use simulator::{model, truth};
use tokio_util::sync::CancellationToken;

use super::serve::until_told;
use crate::clock::Clock;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The broker's address.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:1883")]
    broker: String,
    #[arg(long, default_value_t = 10)]
    vehicles: u32,
    /// Same seed, same vehicles, drivers, noise and troubles.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Vehicle ids begin with this.
    #[arg(long, default_value = "sim-")]
    prefix: String,
    /// All vehicles of this model; without it, a mixed fleet.
    #[arg(long, value_name = "KEY")]
    model: Option<String>,
    /// Virtual seconds per second, or `max`: as fast as the engine commits.
    #[arg(long, default_value = "1")]
    rate: String,
    /// When the vehicles' life and the virtual clock begin; without it, now.
    #[arg(long, value_name = "TIME", conflicts_with = "history")]
    start: Option<String>,
    /// Life begins so long before now; what is past is sent as fast as it is committed.
    #[arg(long, value_name = "SPAN")]
    history: Option<String>,
    /// How long their life is; without it, until stopped.
    #[arg(long, value_name = "SPAN")]
    duration: Option<String>,
    /// Plant a fault: FAULT@TIME or FAULT@SPAN from the beginning, and `:N` for the vehicle's number.
    #[arg(long = "fault", value_name = "FAULT@TIME[:N]")]
    faults: Vec<String>,
    /// What goes wrong with deliveries, as in `late=0.05:10m,doubled=0.05,corrupt=0.001`.
    #[arg(long, value_name = "KEY=AMOUNT,..", default_value = "")]
    trouble: String,
    /// Write the truth about planted faults to this file, as NDJSON.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Keep outboxes in this folder and go on where the last run stopped.
    #[arg(long, value_name = "FOLDER")]
    outbox: Option<PathBuf>,
    /// Frames per message.
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// The stream of vehicles without an outbox file; without it, the present second.
    #[arg(long)]
    stream: Option<u64>,
    /// Vehicles prove who they are with a token under this secret.
    #[arg(long, env = "PREMEND_VEHICLE_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

/// What a run did.
#[derive(Debug, Serialize)]
struct Summary {
    vehicles: usize,
    published: u64,
    committed: u64,
    waiting: u64,
    unreadable: u64,
    notices: u64,
    connects: u64,
    faults: u64,
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let now = Clock::wall();
    let plan = plan(&args, now)?;
    let link = Arc::new(link(&args, &plan, now)?);
    let vehicles = plan.build().context("build the fleet")?;
    let stop = until_told()?;
    let done = CancellationToken::new();
    let watcher = tokio::spawn(watch(Arc::clone(&link), args.truth.clone(), done.clone()));
    let reports = publisher::run(vehicles, &link, &stop).await;
    done.cancel();
    let faults = watcher.await.context("the watching task died")??;
    let summary = summary(&reports?, faults);
    if args.json {
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        println!(
            "{} vehicles: {} messages committed, {} waiting, {} unreadable, {} notices shown, {} faults begun",
            summary.vehicles, summary.committed, summary.waiting, summary.unreadable, summary.notices, summary.faults
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(args: &Args, now: Time) -> anyhow::Result<FleetPlan> {
    let span = |text: &Option<String>| text.as_deref().map(Span::parse).transpose();
    let history = span(&args.history).context("--history")?.unwrap_or(Span::ZERO);
    let start = args.start.as_deref().map(Time::parse).transpose().context("--start")?;
    let mut plan = FleetPlan::new(args.seed, args.vehicles, start.unwrap_or(now - history));
    plan.prefix.clone_from(&args.prefix);
    plan.end = span(&args.duration).context("--duration")?.map(|duration| plan.start + duration);
    plan.troubles = Troubles::parse(&args.trouble).context("--trouble")?;
    if let Some(key) = &args.model {
        let known = || model::MODELS.iter().map(|(model, _)| model.key).collect::<Vec<_>>().join(", ");
        plan.model =
            Some(model::model(key).with_context(|| format!("there is no model `{key}`; there are {}", known()))?);
    }
    for text in &args.faults {
        plan.faults.push(PlantedIn::parse(text, plan.start).with_context(|| format!("--fault {text}"))?);
    }
    Ok(plan)
}

fn link(args: &Args, plan: &FleetPlan, now: Time) -> anyhow::Result<Link> {
    let (host, port) = args.broker.rsplit_once(':').context("--broker is HOST:PORT")?;
    let pace = match args.rate.as_str() {
        "max" => Pace::AsCommitted,
        number => Pace::Times(number.parse().context("--rate is a number or `max`")?),
    };
    if let Pace::Times(rate) = pace {
        ensure!(rate > 0.0 && rate.is_finite(), "--rate must be above 0");
    }
    ensure!(args.batch > 0, "--batch must be at least 1");
    let origin = if args.start.is_some() { plan.start } else { now };
    let clock = VirtualClock::starting_now(origin, pace);
    let mut link = Link::new(host, port.parse().context("--broker is HOST:PORT")?, clock);
    link.secret = args.secret.as_deref().map(Secret::new);
    link.frames_per_message = args.batch;
    link.end = plan.end;
    link.seed = args.seed;
    link.troubles = plan.troubles;
    link.stream = args.stream.unwrap_or(now.micros().unsigned_abs() / 1_000_000);
    if let Some(folder) = &args.outbox {
        std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        link.folder = Some(folder.clone());
    }
    Ok(link)
}

/// Says how it goes, and writes down what becomes known; returns how many faults began.
async fn watch(link: Arc<Link>, truth: Option<PathBuf>, done: CancellationToken) -> anyhow::Result<u64> {
    let mut began = std::collections::BTreeSet::new();
    let mut ticks = 0_u64;
    loop {
        let over = done.is_cancelled();
        for known in link.take_truths() {
            if let Some(path) = &truth {
                append(path, &known)?;
            }
            began.insert((known.vehicle, known.fault, known.start));
        }
        if over {
            return Ok(began.len() as u64);
        }
        ticks += 1;
        if ticks.is_multiple_of(5) {
            let traffic = &link.traffic;
            tracing::info!(published = traffic.published(), committed = traffic.committed(), "on the air");
        }
        let _ = tokio::time::timeout(Duration::from_secs(1), done.cancelled()).await;
    }
}

fn append(path: &Path, known: &truth::Truth) -> anyhow::Result<()> {
    let context = || format!("write {}", path.display());
    let mut file = OpenOptions::new().create(true).append(true).open(path).with_context(context)?;
    truth::write(&mut file, known).with_context(context)?;
    file.flush().with_context(context)
}

fn summary(reports: &[UnitReport], faults: u64) -> Summary {
    let sum = |count: fn(&UnitReport) -> u64| reports.iter().map(count).sum();
    Summary {
        vehicles: reports.len(),
        published: sum(|report| report.published),
        committed: sum(|report| report.committed),
        waiting: sum(|report| report.waiting as u64),
        unreadable: sum(|report| report.unreadable),
        notices: sum(|report| report.notices as u64),
        connects: sum(|report| report.connects),
        faults,
    }
}
