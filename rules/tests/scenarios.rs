//! Scenarios of the estimators, for people who know cars: what happens day by day, and what comes of it.
//!
//! A file of `scenarios/<estimator>/` tells a story in its first lines. `vehicle ice` says what kind of car, `name is
//! PATH` gives a signal a short name, `days 1 to 30` begins a part in which the lines below it happen every day (`weekly
//! 1 to 30`: every seventh). A line is one of a rule's examples: a time of the day, perhaps `x20 every 30s`, and signals;
//! a value may move and scatter: `250-2/d~1` falls by 2 a day and scatters by 1, `20+0.3/n` rises from time to time. `watch PATH` shows a signal at the end.
//! Below `====` stands what comes of it, written by the test when it is run with `PREMEND_SCENARIOS=write`: read what
//! it wrote before you believe it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a scenario that cannot be read is a failed test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rules::author::example::{self, START};
use rules::author::trial::Trial;
use rules::catalogue::Catalogue;
use rules::entry::rule::Mode;
use rules::entry::story;
use rules::estimate::ESTIMATORS;
use rules::learned::forecast::Forecast;
use rules::rule_set::RuleSet;
use rules::stage::effect::{CaseEffect, Effect, Effects};
use rules::stage::estimate::calibrated;
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::unit::{Span, Time};
use rules::vehicle::Powertrain;

static SET: LazyLock<RuleSet> = LazyLock::new(|| {
    RuleSet::compile(Arc::new(Catalogue::builtin().unwrap()), [0; 32]).unwrap_or_else(|errors| panic!("{errors:?}"))
});

const RULER: &str = "====\n";
/// What scatters does so evenly, and always the same.
const SCATTER: [f64; 7] = [0.3, -1.0, 0.8, -0.2, 1.0, -0.9, 0.0];

#[derive(Default)]
struct Scenario {
    powertrain: Option<Powertrain>,
    names: BTreeMap<String, String>,
    parts: Vec<Part>,
    watched: Vec<String>,
}

/// Lines that happen every so many days.
struct Part {
    first: i64,
    last: i64,
    every: i64,
    lines: Vec<String>,
}

fn read(text: &str) -> Scenario {
    let mut scenario = Scenario::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["vehicle", kind] => scenario.powertrain = Some(powertrain(kind)),
            ["watch", path] => scenario.watched.push((*path).to_owned()),
            [name, "is", path] => drop(scenario.names.insert((*name).to_owned(), (*path).to_owned())),
            [how @ ("days" | "weekly"), first, "to", last] => scenario.parts.push(Part {
                first: first.parse().expect("a day"),
                last: last.parse().expect("a day"),
                every: if *how == "weekly" { 7 } else { 1 },
                lines: Vec::new(),
            }),
            _ => scenario.parts.last_mut().expect("`days 1 to 30` first").lines.push(line.to_owned()),
        }
    }
    scenario
}

fn powertrain(kind: &str) -> Powertrain {
    match kind {
        "ice" => Powertrain::Ice,
        "hev" => Powertrain::Hev,
        "bev" => Powertrain::Bev,
        _ => panic!("`{kind}` is no powertrain of a scenario"),
    }
}

impl Scenario {
    /// The lines of a rule's example, by day.
    fn day(&self, day: i64) -> Vec<String> {
        let of = |part: &Part| {
            let into = day - part.first;
            let lines =
                if day <= part.last && into >= 0 && into % part.every == 0 { part.lines.clone() } else { Vec::new() };
            lines.iter().flat_map(|line| repeated(&self.line(line, into))).collect::<Vec<_>>()
        };
        self.parts.iter().flat_map(of).collect()
    }

    fn line(&self, line: &str, into: i64) -> String {
        let word = |word: &str| match word.split_once('=') {
            Some((name, value)) => {
                let path = self.names.get(name).map_or(name, String::as_str);
                format!("{path}={}", moved(value, into))
            }
            None => word.to_owned(),
        };
        line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
    }

    fn last_day(&self) -> i64 {
        self.parts.iter().map(|part| part.last).max().unwrap_or_default()
    }

    fn play(&self) -> String {
        let bounds = Bounds::default();
        let vehicle = example::vehicle(&SET, self.powertrain).unwrap();
        let (mut trial, mut effects) = (Trial::new(vehicle, &SET, &bounds), Effects::default());
        let mut index = 0;
        for day in 1..=self.last_day() {
            let lines = self.day(day);
            let steps =
                if lines.is_empty() { Vec::new() } else { story::parse(&lines, &SET.catalogue.signals).unwrap() };
            for step in steps {
                let at = START + Span::from_days(day - 1) + step.at;
                index += 1;
                let input = match step.act.clone() {
                    Some(act) => act.command(at),
                    None => step.message(index, at),
                };
                trial.take(input, &SET, &bounds, &mut effects);
            }
        }
        trial.pass_time(START + Span::from_days(self.last_day()), &SET, &bounds, &mut effects);
        self.outcome(&trial.vehicle, &effects)
    }

    fn outcome(&self, vehicle: &Vehicle, effects: &Effects) -> String {
        let mut text = String::new();
        for effect in &effects.written {
            case(effect, &mut text);
        }
        for path in &self.watched {
            let signal = SET.catalogue.signals.by_path(path).unwrap_or_else(|| panic!("no signal `{path}`"));
            let last = vehicle.last(SET.catalogue.signals.slot_of(signal.no));
            let value = if last.at == Time::NEVER { "not known".to_owned() } else { figure(last.value) };
            writeln!(text, "{path} {value}").unwrap();
        }
        for forecast in calibrated(vehicle, &SET) {
            foretold(&forecast, &mut text);
        }
        text
    }
}

/// A repeated line whose values move from time to time, written out.
fn repeated(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [at, count, "every", every, rest @ ..] = words.as_slice() else { return vec![line.to_owned()] };
    if !line.contains("/n") {
        return vec![line.to_owned()];
    }
    let count: i64 = count.trim_start_matches('x').parse().expect("x20");
    let (at, every) = (Span::parse(at).unwrap(), Span::parse(every).unwrap());
    let moved = |word: &str, time: i64| match word
        .split_once('=')
        .and_then(|(name, value)| Some((name, value.strip_suffix("/n")?)))
    {
        Some((name, moving)) => {
            let (start, pace) = moving.split_at(moving.rfind(['+', '-']).expect("`20+0.3/n`"));
            let (start, pace): (f64, f64) = (start.parse().unwrap(), pace.parse().unwrap());
            format!("{name}={:.4}", start + pace * time as f64)
        }
        None => word.to_owned(),
    };
    let one = |time: i64| {
        let at = Span::from_micros(at.micros() + every.micros() * time);
        format!("{at} {}", rest.iter().map(|word| moved(word, time)).collect::<Vec<_>>().join(" "))
    };
    (0..count).map(one).collect()
}

/// `250-2/d~1` after so many days.
fn moved(value: &str, days: i64) -> String {
    let (steady, scatter) = value.split_once('~').unwrap_or((value, "0"));
    let (start, pace) = match steady.strip_suffix("/d") {
        Some(moving) => moving.split_at(moving.rfind(['+', '-']).expect("`250-2/d`")),
        None => (steady, "0"),
    };
    match (start.parse::<f64>(), pace.parse::<f64>(), scatter.parse::<f64>()) {
        (Ok(start), Ok(pace), Ok(scatter)) => {
            let chance = SCATTER[(days % 7) as usize];
            format!("{:.4}", start + pace * days as f64 + scatter * chance)
        }
        _ => value.to_owned(),
    }
}

fn case(effect: &Effect, text: &mut String) {
    let day = |at: Time| at.since(START).days_f64().floor() + 1.0;
    match effect {
        Effect::Case(CaseEffect::Open { component, rule, severity, opened_at, mode: Mode::Live, .. }) => {
            writeln!(text, "day {}: {rule} opens a case on {component}, {severity:?}", day(*opened_at)).unwrap();
        }
        Effect::Case(CaseEffect::End { at, .. }) => writeln!(text, "day {}: a case ends", day(*at)).unwrap(),
        _ => {}
    }
}

fn foretold(forecast: &Forecast, text: &mut String) {
    let Forecast { component, what, value, unit, low, high, .. } = forecast;
    write!(text, "{component}: {what} {} {unit} ({} to {})", figure(*value), figure(*low), figure(*high)).unwrap();
    if let Some(due) = forecast.due {
        write!(text, ", at its limit in {} days ({} to {})", figure(due.central), figure(due.early), figure(due.late))
            .unwrap();
    }
    if let Some([week, fortnight, month]) = forecast.within.map(|within| within.map(|chance| (chance * 100.0).round()))
    {
        write!(text, ", within 7, 14, 30 days {week} %, {fortnight} %, {month} %").unwrap();
    }
    writeln!(text, "{}", if forecast.learning { ", still learning" } else { "" }).unwrap();
}

/// Three digits are what a person reads.
fn figure(value: f64) -> String {
    let digits = if value.is_finite() && value != 0.0 { 2 - value.abs().log10().floor() as i32 } else { 0 };
    let shown = format!("{value:.*}", digits.clamp(0, 4) as usize);
    if shown.trim_start_matches('-').chars().all(|c| c == '0' || c == '.') { "0".to_owned() } else { shown }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let mut all: Vec<PathBuf> = entries(&folder).iter().flat_map(|estimator| entries(estimator)).collect();
    all.sort();
    all
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may be told to write its files")]
fn scenarios_come_out_as_they_are_written() {
    let write = std::env::var("PREMEND_SCENARIOS").is_ok_and(|how| how == "write");
    let mut wrong = String::new();
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let (told, expected) = text.split_once(RULER).unwrap_or((text.as_str(), ""));
        let found = read(told).play();
        if write {
            fs::write(&file, format!("{told}{RULER}{found}")).unwrap();
        } else if found != expected {
            write!(wrong, "{}\nexpected:\n{expected}found:\n{found}\n", file.display()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_folder_is_of_an_estimator_or_of_what_they_lead_to() {
    for file in files() {
        let folder = file.parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned();
        let is_known = ESTIMATORS.iter().any(|entry| entry.key == folder) || OTHERS.contains(&&*folder);
        assert!(is_known, "{folder}");
    }
}

/// The service plan is no estimator; what is charged is the 12 V battery's, and is replaced apart from it.
const OTHERS: [&str; 2] = ["charging", "usage"];
