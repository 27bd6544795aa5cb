//! `premend score`: what the product finds and forecasts, where the truth is known.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use rules::catalogue::Catalogue;
use rules::rule_set::RuleSet;
use rules::unit::Time;
use serde::Deserialize;
use simulator::replay::{Mapping, Plan as Trips};
use simulator::score::plan::{FIRST_SEED, Plan};
use simulator::score::{Whole, bad, battery, page, score, stop, trips};

/// When recorded trips without dates begin.
const TRIPS_BEGIN: &str = "2026-03-02T00:30:00Z";

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    fleet: Fleet,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Recorded trips of a sound vehicle: false cases, and faults laid over them.
    Trips {
        /// CSV files, folders of them, or tar.gz archives; each file is a trip.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Mapping file of columns to signals, or `carobd` for the built-in one.
        #[arg(long, default_value = "carobd", value_name = "FILE")]
        mapping: String,
        /// Model of the vehicle, a key of the catalogue.
        #[arg(long, default_value = "sedan-ice-2014", value_name = "KEY")]
        model: String,
    },
    /// Capacities of cells, cycle by cycle: `dataset,cell,cycle,capacity_ah`, also packed as .gz.
    Battery {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
struct Fleet {
    /// Seed of the simulated vehicles; below 1000 are those that estimators were tuned on.
    #[arg(long, default_value_t = FIRST_SEED, value_name = "N")]
    seed: u64,
    /// A few vehicles instead of hundreds.
    #[arg(long)]
    short: bool,
    /// Folder with recorded data: `carobd/` and `battery/`; what is not there is left out.
    #[arg(long, value_name = "DIR")]
    recorded: Option<PathBuf>,
    /// Write all figures here, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page with plots here.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Fail if a figure is worse than these floors: TOML, by the path of the figure `{ least = …, most = … }`.
    #[arg(long, value_name = "FILE")]
    floors: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let catalogue = Arc::new(Catalogue::builtin()?);
    let set = RuleSet::compile(Arc::clone(&catalogue), [0; 32])
        .map_err(|errors| anyhow::anyhow!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    match &args.what {
        Some(What::Trips { files, mapping, model }) => {
            let score = recorded_trips(files, mapping, model, &set)?;
            println!("{}", serde_json::to_string_pretty(&score)?);
            Ok(ExitCode::SUCCESS)
        }
        Some(What::Battery { files }) => {
            println!("{}", serde_json::to_string_pretty(&cells(files)?.datasets)?);
            Ok(ExitCode::SUCCESS)
        }
        None => whole(&args.fleet, &set),
    }
}

fn recorded_trips(files: &[PathBuf], mapping: &str, model: &str, set: &RuleSet) -> anyhow::Result<trips::TripScore> {
    let signals = &set.catalogue.signals;
    let mapping = if mapping == "carobd" {
        Mapping::carobd(signals)?
    } else {
        let text = fs::read_to_string(mapping).with_context(|| format!("reading the mapping {mapping}"))?;
        Mapping::parse(&text, signals)?
    };
    let mut plan = Trips::open(mapping, files, Time::parse(TRIPS_BEGIN)?)?;
    trips::score(&mut plan, model, set)
}

fn cells(files: &[PathBuf]) -> anyhow::Result<battery::BatteryScore> {
    let mut cells = Vec::new();
    for file in files {
        cells.extend(battery::read(file)?);
    }
    Ok(battery::score(&cells))
}

fn whole(args: &Fleet, set: &RuleSet) -> anyhow::Result<ExitCode> {
    let plan = if args.short { Plan::short(args.seed) } else { Plan::whole(args.seed) };
    let bar =
        ProgressBar::new(0).with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} vehicles, {eta} left")?);
    let fleet = score(&plan, set, |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let (vehicles, days, twin_days) = if args.short { (2, 14, 190) } else { (6, 60, 190) };
    let bad = bad::score(args.seed, vehicles, days, twin_days, set)?;
    let s1 = stop::score(args.seed, if args.short { 1 } else { 8 }, set);
    let mut whole = Whole { score: fleet, s1, bad_data_cases: bad.bad_data_cases, bad, ..Whole::default() };
    if let Some(folder) = &args.recorded {
        recorded(folder, set, &mut whole)?;
    }
    print(&whole);
    let json = serde_json::to_value(&whole)?;
    if let Some(path) = &args.json {
        write(path, &serde_json::to_string_pretty(&json)?)?;
    }
    if let Some(path) = &args.html {
        write(path, &page::page(&whole))?;
    }
    match &args.floors {
        Some(path) => judge(path, &json),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// What is measured on real data, as far as it is there.
fn recorded(folder: &Path, set: &RuleSet, whole: &mut Whole) -> anyhow::Result<()> {
    let trips = folder.join("carobd/carobd.tar.gz");
    if trips.exists() {
        whole.carobd = Some(recorded_trips(&[trips], "carobd", "sedan-ice-2014", set)?);
    } else {
        eprintln!("premend: no {}: the trips are left out", trips.display());
    }
    let files = ["battery/mit_capacity.csv.gz", "battery/nasa_capacity.csv"].map(|name| folder.join(name));
    let there: Vec<PathBuf> = files.into_iter().filter(|file| file.exists()).collect();
    if there.is_empty() {
        eprintln!("premend: no cells in {}: they are left out", folder.display());
        return Ok(());
    }
    whole.battery = cells(&there)?.datasets;
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

fn print(whole: &Whole) {
    let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    let of = &whole.score;
    println!(
        "{:<24}{:>8}{:>8}{:>11}{:>20}{:>10}",
        "fault", "planted", "recall", "precision", "lead p10/p50/p90", "10 trips"
    );
    for (key, fault) in &of.faults {
        let lead = [fault.lead_days_p10, fault.lead_days_p50, fault.lead_days_p90].map(shown).join("/");
        let ten = fault.by_magnitude.get("typical").and_then(|typical| typical.recall_10_trips);
        let (recall, precision, ten) = (shown(fault.recall), shown(fault.precision), shown(ten));
        println!("{key:<24}{:>8}{recall:>8}{precision:>11}{lead:>20}{ten:>10}", fault.planted);
    }
    let sound = &of.sound;
    println!(
        "sound: {:.0} vehicle-months, {} false orders ({:.2} per 1,000, at most {:.2}), {} false cases {:?}",
        sound.vehicle_months,
        sound.false_orders,
        sound.false_orders_per_1000_vehicle_months,
        sound.false_orders_upper95,
        sound.false_cases,
        sound.false_cases_by_rule
    );
    let due = &of.due_date;
    let errors = [due.median_days_14, due.median_days_30, due.median_days_60, due.p90_days_30].map(shown).join(" / ");
    println!("due date: median error 14/30/60 d, p90 at 30 d: {errors}; coverage {}", shown(due.coverage80));
    println!("pads: relative error {} of {}", shown(of.pads.km_left_median_error), of.pads.judged);
    let soh = &of.soh;
    let health = [soh.rmse_12m, soh.rmse_24m, soh.rmse_36m].map(shown).join(" / ");
    println!(
        "health: rmse 12/24/36 months {health} %; age of 80 %: error {} years, coverage {}",
        shown(soh.t80_median_error_years_36m),
        shown(soh.t80_coverage80)
    );
    println!(
        "S1: recall {} of {}, delay p99 {} s, missed {:?}",
        shown(whole.s1.recall),
        whole.s1.planted,
        shown(whole.s1.delay_s_p99),
        whole.s1.missed
    );
    let bad = &whole.bad;
    println!(
        "bad data: {} cases {:?}; twins {} of {} {:?}",
        bad.bad_data_cases, bad.cases, bad.twins_found, bad.twins_total, bad.missed
    );
    if let Some(trips) = &whole.carobd {
        println!(
            "real trips: {} false cases in {:.1} h ({:?}), planted {:?}",
            trips.false_cases, trips.hours, trips.false_cases_by_rule, trips.planted
        );
    }
    for (name, set) in &whole.battery {
        println!("cells {name}: {}", serde_json::to_string(set).unwrap_or_default());
    }
}

/// The worst a figure may be.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Floor {
    least: Option<f64>,
    most: Option<f64>,
}

fn judge(path: &Path, json: &serde_json::Value) -> anyhow::Result<ExitCode> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let floors: BTreeMap<String, Floor> =
        toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    let mut below = Vec::new();
    for (figure, floor) in floors {
        let found = json.pointer(&format!("/{}", figure.replace('.', "/"))).and_then(serde_json::Value::as_f64);
        let value = found.with_context(|| format!("{}: there is no figure `{figure}`", path.display()))?;
        if floor.least.is_some_and(|least| value < least) || floor.most.is_some_and(|most| value > most) {
            below.push(format!("{figure} is {value:.4}, the floor is {floor:?}"));
        }
    }
    ensure!(below.is_empty(), "the score is worse than its floors:\n  {}", below.join("\n  "));
    Ok(ExitCode::SUCCESS)
}
