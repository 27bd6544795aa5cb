//! `make bench`, fourth part: what the rules cost a message.
//!
//! Messages of a simulated fleet that has lived for some days go through the recipe of a lane
//! (settle, fold, evaluate, decide, respond), once with 60 rules and once with ten times as many, of
//! which the others read signals that nobody sends; and once through admission too, on buffers that
//! messages before them have used, under an allocator that counts.

use std::time::Instant;

use anyhow::Context as _;
use ingest::admit::{Admission, Envelope};
use rules::catalogue::Catalogue;
use rules::rule_set::{EstimatorSet, RuleSet};
use rules::stage::effect::Effects;
use rules::stage::recipe::take;
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::vehicle::{Message, What};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use uuid::Uuid;

mod figures;
mod settled;

use figures::Figures;
use settled::{Day, Settled};

#[global_allocator]
static COUNTED: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

const VEHICLES: u32 = 60;
const WARM_UP_DAYS: i64 = 5;
const DAYS: i64 = 3;
const ROUNDS: usize = 5;
const FEW: usize = 60;
const MANY: usize = 600;

fn main() -> anyhow::Result<()> {
    let mut figures = Figures::default();
    let few = Lived::with(FEW)?;
    let many = Lived::with(MANY)?;
    // In turns, so that a busy neighbour disturbs both.
    let mut rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (few.round(), many.round())).collect();
    let how = |count: usize, instances: usize| {
        format!(
            "one thread, the whole recipe without admission; {} messages of {VEHICLES} vehicles in {DAYS} days after {WARM_UP_DAYS} to warm up; {count} rules in {instances} instances; median of {ROUNDS} rounds",
            few.day.messages.len()
        )
    };
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    figures.add("rules_us_per_msg_60", rounds[ROUNDS / 2].0, "us", how(FEW, few.settled.set.rules.len()));
    rounds.sort_by(|one, other| one.1.total_cmp(&other.1));
    figures.add("rules_us_per_msg_600", rounds[ROUNDS / 2].1, "us", how(MANY, many.settled.set.rules.len()));
    let all = Lived::with(Catalogue::builtin()?.rules.len())?;
    let mut silent = RuleSet::clone(&all.settled.set);
    silent.estimators = EstimatorSet::default();
    // In turns again: what is compared is a difference.
    let mut costs: Vec<f64> = (0..ROUNDS).map(|_| all.round() - all.round_under(&silent)).collect();
    costs.sort_by(f64::total_cmp);
    let how = "the whole library with its estimators less the same without them, rules over what they find included";
    figures.add("estimators_us_per_msg", costs[ROUNDS / 2], "us", how);
    let (mean, none) = few.allocations()?;
    let how = format!(
        "admission and recipe on recycled buffers, the same messages; opened cases included; {:.3} % of the messages allocated nothing",
        none * 100.0
    );
    figures.add("allocations_per_msg", mean, "allocations", how);
    figures.keep()
}

/// A fleet that has lived, and what it says next.
struct Lived {
    settled: Settled,
    day: Day,
}

impl Lived {
    fn with(rules: usize) -> anyhow::Result<Self> {
        let catalogue = catalogue(rules)?;
        let (settled, day) = Settled::simulate(catalogue, VEHICLES, WARM_UP_DAYS, DAYS, Uuid::nil())?;
        Ok(Self { settled, day })
    }

    /// Microseconds per message of one round, on copies of the vehicles.
    fn round(&self) -> f64 {
        self.round_under(&self.settled.set)
    }

    fn round_under(&self, set: &RuleSet) -> f64 {
        let mut vehicles: Vec<Vehicle> = self.settled.vehicles.clone();
        let messages: Vec<(usize, Message)> = self.day.messages.iter().map(|(n, _, one)| (*n, one.clone())).collect();
        let count = messages.len();
        let bounds = Bounds::default();
        let mut effects = Effects::default();
        let since = Instant::now();
        for (number, message) in messages {
            effects.clear();
            take(&mut vehicles[number], What::Message(message), set, &bounds, &mut effects);
        }
        since.elapsed().as_secs_f64() * 1e6 / count as f64
    }

    /// Mean of all messages, and the share of those without any.
    fn allocations(&self) -> anyhow::Result<(f64, f64)> {
        let mut vehicles = self.settled.vehicles.clone();
        let admission = Admission::new(&self.settled.set.catalogue.signals);
        let bounds = Bounds::default();
        let mut effects = Effects::default();
        let (mut count, mut none, mut all) = (0_u64, 0_u64, 0_usize);
        for (place, (number, payload, message)) in self.day.messages.iter().enumerate() {
            let vehicle = &mut vehicles[*number];
            let topic = ingest::topic::telemetry(vehicle.id.as_str());
            let envelope = Envelope {
                topic: &topic,
                client: None,
                vehicle: Some(&vehicle.id),
                payload,
                received_at: message.received_at,
            };
            effects.clear();
            let region = Region::new(COUNTED);
            let admitted = admission
                .admit(&envelope, Some(&vehicle.profile), &mut effects.shelf)
                .ok()
                .context("a message is refused")?;
            take(vehicle, What::Message(admitted.message), &self.settled.set, &bounds, &mut effects);
            let change = region.change();
            // The first tenth fills the buffers.
            if place >= self.day.messages.len() / 10 {
                count += 1;
                none += u64::from(change.allocations + change.reallocations == 0);
                all += change.allocations + change.reallocations;
            }
        }
        Ok((all as f64 / count as f64, none as f64 / count as f64))
    }
}

/// The first rules of the library, and others about signals that nobody sends.
fn catalogue(rules: usize) -> anyhow::Result<Catalogue> {
    let builtin = Catalogue::builtin()?;
    let files: Vec<(String, String)> =
        builtin.files().iter().filter(|(path, _)| !path.starts_with("rules/")).cloned().collect();
    let mut own = toml::Table::new();
    let library = builtin.rules.iter().take(FEW).map(toml::Value::try_from).collect::<Result<Vec<_>, _>>()?;
    let mut list: Vec<toml::Value> = library;
    let pattern = builtin.rules.iter().find(|rule| rule.key == "coolant.low").unwrap_or(&builtin.rules[0]);
    for number in FEW..rules {
        let mut rule = pattern.clone();
        rule.key = format!("bench.other_{number}");
        rule.each.clear();
        rule.when = format!("Vehicle.Bench.Signal{} > 5.0", number % 40);
        rule.clear = None;
        rule.clear_for = None;
        rule.shows.clear();
        rule.examples.clear();
        list.push(toml::Value::try_from(rule)?);
    }
    own.insert("rule".to_owned(), toml::Value::Array(list));
    let mut all = files;
    all.push(("rules/bench.toml".to_owned(), toml::to_string(&own)?));
    all.push(("overlay/signals.toml".to_owned(), signals()));
    Ok(Catalogue::load(&all)?)
}

fn signals() -> String {
    let one = |number: u32| {
        format!(
            "[[signal]]\nno = {}\npath = \"Vehicle.Bench.Signal{number}\"\ntitle = {{ zh-CN = \"测\", en = \"bench\" }}\nunit = \"km\"\nkind = \"number\"\nrange = [0.0, 100.0]\nmax_gap = \"10m\"\npurpose = \"diagnostics\"\ncustom = true\nsource = \"bench\"\n",
            900 + number
        )
    };
    (0..40).map(one).collect()
}
