//! `premend backtest`: what rules would have done with recorded messages.

use std::collections::HashMap;
use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ingest::admit::Admission;
use rules::catalogue::Catalogue;
use rules::rule_set::RuleSet;
use rules::state::settle::Bounds;
use rules::unit::{Locale, Time};
use rules::vehicle::{Attributes, Contact, Particulars, Profile, Purpose};
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use simulator::replay::Mapping;
use uuid::Uuid;

use crate::app;
use crate::backtest::{
    Columns, Common, Finished, Plan, Profiles, Stored, draw_up, page, run as run_backtest, run_stored,
};
use crate::clock::Clock;
use crate::config::Config;
use crate::history::journal;
use crate::rules_in_force::{activation, overlay};
use crate::store::open;

/// Later than anything that is stored: the year 9999.
const END_OF_TIME: Time = Time::from_secs(253_402_300_799);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What vehicles said: .ndjson (the wire's shape with a key `vehicle`), .csv or .parquet; the
    /// first two may be packed as .gz or .zst.
    #[arg(value_name = "FILE", required_unless_present = "store")]
    files: Vec<PathBuf>,
    /// What the engine has kept itself, out of the database, instead of files: vehicles begin as they were
    /// at `--from`, by time of reception, and what people did is done. The newest hour is not in it.
    #[arg(long, conflicts_with_all = ["files", "mapping", "vehicles", "model", "snapshots"])]
    store: bool,
    /// Rules to try instead of those in force: a directory of rule files, or one laid out like
    /// `rules/catalogue/`, whose other files are laid over the built-in ones.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Rules to compare them with: a directory, or `builtin`.
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Mapping of the columns of tables to signals.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Only what was measured at or after this time, RFC 3339.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only what was measured before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Model of vehicles that `--vehicles` does not name, a key of the catalogue.
    #[arg(long, value_name = "KEY", default_value = "compact-ice")]
    model: String,
    /// CSV with the columns vehicle, model, and if known model_year, region, delivered_at.
    #[arg(long, value_name = "FILE")]
    vehicles: Option<PathBuf>,
    /// Coverage of what a rule needs, below which nothing is said about it; 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    coverage: f64,
    /// Threads; without it, one per core.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Directory to write state to every 10 s; a back-test that was interrupted goes on from there.
    #[arg(long, value_name = "DIR")]
    snapshots: Option<PathBuf>,
    /// Write the report as JSON; `-` prints it instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as a page with plots.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// A row of `--vehicles`.
#[derive(Debug, Deserialize)]
struct VehicleRow {
    vehicle: String,
    model: String,
    #[serde(default)]
    model_year: Option<u16>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    delivered_at: Option<String>,
}

pub fn run(args: &Args, config: &Config) -> anyhow::Result<ExitCode> {
    ensure!((0.0..=1.0).contains(&args.coverage), "--coverage is a share from 0 to 1");
    if args.store {
        return run_from_store(args, config);
    }
    let named = names(args, config);
    let sets = sets(args, config)?;
    let first = Arc::clone(&sets[0]);
    let mapping = args
        .mapping
        .as_deref()
        .map(|path| {
            let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            Mapping::parse(&text, &first.catalogue.signals).with_context(|| format!("in {}", path.display()))
        })
        .transpose()?;
    let threads = threads(args);
    let columns = Columns::new(mapping.as_ref(), &first.catalogue.signals)?;
    let plan = Plan { files: args.files.clone(), columns, threads, snapshots: args.snapshots.clone() };
    let model = mapping.as_ref().map_or(&args.model, |mapping| &mapping.model);
    let common = Common {
        admission: Admission::new(&first.catalogue.signals).received_when_measured(),
        bounds: Bounds::default(),
        profiles: profiles(args, model, &first.catalogue)?,
        from: args.from.as_deref().map(Time::parse).transpose().context("--from")?,
        to: args.to.as_deref().map(Time::parse).transpose().context("--to")?,
        sets,
    };
    let progress = progress(&args.files);
    let finished = run_backtest(&plan, &common, &progress)?;
    progress.finish_and_clear();
    tell(args, finished, named, &common, threads)
}

fn run_from_store(args: &Args, config: &Config) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let (pool, in_force) = runtime.block_on(async {
        let store = open::open(config, &Clock::system()).await.context("opening the store")?;
        let set = activation::in_force(&store.pools.jobs).await?.context("no engine has run on this database yet")?;
        anyhow::Ok((store.pools.jobs, set))
    })?;
    let mut named = names(args, config);
    let mut sets = sets(args, config)?;
    if args.rules.is_none() {
        // Not what lies on disk: what was agreed to.
        (named[0], sets[0]) = ("in force".to_owned(), compile((*in_force.catalogue).clone())?);
    }
    let bounds = app::bounds(config);
    let stored = Stored {
        pool,
        set: in_force,
        bounds,
        from: args.from.as_deref().map(Time::parse).transpose().context("--from")?.unwrap_or(Time::from_micros(0)),
        to: args.to.as_deref().map(Time::parse).transpose().context("--to")?.unwrap_or(END_OF_TIME),
        runtime,
    };
    let common = Common {
        admission: Admission::new(&sets[0].catalogue.signals),
        bounds,
        profiles: Profiles { other: profile(&args.model, &sets[0].catalogue)?, named: HashMap::new() },
        from: None,
        to: None,
        sets,
    };
    let threads = threads(args);
    let progress = ProgressBar::no_length();
    let finished = run_stored(&stored, threads, &common, &progress)?;
    progress.finish_and_clear();
    tell(args, finished, named, &common, threads)
}

fn threads(args: &Args) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.unwrap_or(cores).max(1)
}

/// Prints and writes what was asked for.
fn tell(
    args: &Args,
    finished: Finished,
    named: Vec<String>,
    common: &Common,
    threads: usize,
) -> anyhow::Result<ExitCode> {
    let sets: Vec<(String, &RuleSet)> =
        named.into_iter().zip(&common.sets).map(|(name, set)| (name, set.as_ref())).collect();
    let report = draw_up(finished, &sets, args.coverage, threads, cpu_seconds());
    if let Some(path) = &args.html {
        fs::write(path, page(&report)?).with_context(|| format!("writing {}", path.display()))?;
    }
    match &args.json {
        Some(path) if path == Path::new("-") => println!("{}", serde_json::to_string_pretty(&report)?),
        Some(path) => {
            fs::write(path, serde_json::to_vec_pretty(&report)?)
                .with_context(|| format!("writing {}", path.display()))?;
            print!("{}", report.table());
        }
        None => print!("{}", report.table()),
    }
    Ok(ExitCode::SUCCESS)
}

fn names(args: &Args, config: &Config) -> Vec<String> {
    let name = |path: &Path| path.display().to_string();
    let in_force = config.catalogue.overlay.as_deref().map_or_else(|| "builtin".to_owned(), name);
    let mut names = vec![args.rules.as_deref().map_or(in_force, name)];
    names.extend(args.against.as_deref().map(name));
    names
}

fn sets(args: &Args, config: &Config) -> anyhow::Result<Vec<Arc<RuleSet>>> {
    let tried = match &args.rules {
        Some(directory) => set_of(directory)?,
        None => overlay::catalogue(config.catalogue.overlay.as_deref())?,
    };
    let mut sets = vec![compile(tried)?];
    if let Some(against) = &args.against {
        sets.push(compile(set_of(against)?)?);
    }
    Ok(sets)
}

fn set_of(directory: &Path) -> anyhow::Result<Catalogue> {
    let builtin = Catalogue::builtin()?;
    if directory == Path::new("builtin") {
        return Ok(builtin);
    }
    ensure!(directory.is_dir(), "{} is no directory of rules", directory.display());
    Ok(builtin.with_rules_of(&overlay::read(directory)?)?)
}

fn compile(catalogue: Catalogue) -> anyhow::Result<Arc<RuleSet>> {
    journal::rule_set(Arc::new(catalogue.all_live())).context("compiling the rules")
}

fn profiles(args: &Args, model: &str, catalogue: &Catalogue) -> anyhow::Result<Profiles> {
    let mut named = HashMap::new();
    if let Some(path) = &args.vehicles {
        let mut reader = csv::Reader::from_path(path).with_context(|| format!("reading {}", path.display()))?;
        for row in reader.deserialize() {
            let row: VehicleRow = row.with_context(|| format!("reading {}", path.display()))?;
            let mut profile = profile(&row.model, catalogue)?;
            profile.model_year = row.model_year.unwrap_or(profile.model_year);
            profile.region = row.region.unwrap_or_default();
            if let Some(at) = row.delivered_at {
                profile.delivered_at = Time::parse(&at).with_context(|| format!("delivered_at of {}", row.vehicle))?;
            }
            named.insert(row.vehicle, profile);
        }
    }
    Ok(Profiles { other: profile(model, catalogue)?, named })
}

/// A vehicle whose owner agrees to everything that rules are for.
fn profile(model: &str, catalogue: &Catalogue) -> anyhow::Result<Profile> {
    let known = catalogue.model(model).with_context(|| {
        let keys: Vec<&str> = catalogue.models.keys().map(String::as_str).collect();
        format!("there is no model `{model}`; there are {}", keys.join(", "))
    })?;
    Ok(Profile::new(Particulars {
        model: model.to_owned(),
        model_year: 0,
        powertrain: known.powertrain,
        region: String::new(),
        software: String::new(),
        tier: String::new(),
        dealer: Uuid::nil(),
        owner: Some(Contact { person: Uuid::nil(), locale: Locale::En }),
        consents: [Purpose::Maintenance, Purpose::Diagnostics].into(),
        allowed: None,
        delivered_at: Time::from_micros(0),
        attributes: Attributes::default(),
    }))
}

fn progress(files: &[PathBuf]) -> ProgressBar {
    let bytes = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|metadata| metadata.len()).sum();
    let bar = ProgressBar::new(bytes);
    let style = ProgressStyle::with_template("{elapsed_precise} {bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

/// Of all threads of this process so far.
fn cpu_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}
