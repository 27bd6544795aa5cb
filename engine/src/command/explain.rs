//! `premend explain`: why a rule fired for a vehicle, or why it did not.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use rules::author::explain::{Explanation, Instance};
use rules::unit::{Time, nearest};
use rules::vehicle::VehicleId;

use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::history::explanation;
use crate::rules_in_force::activation;
use crate::store::open;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the vehicle, as in its topic.
    #[arg(value_name = "VEHICLE")]
    vehicle: String,
    /// Key of the rule.
    #[arg(value_name = "RULE")]
    rule: String,
    /// As it was at this time (RFC 3339), after everything received until then.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    let vehicle = VehicleId::try_new(&args.vehicle)?;
    let clock = Clock::system();
    let store = open::open(&config, &clock).await.context("opening the store")?;
    let set = activation::in_force(&store.pools.jobs).await?.context("no engine has run on this database yet")?;
    let at = args.at.as_deref().map(Time::parse).transpose().context("--at")?;
    let keys = set.catalogue.rules.iter().map(|rule| rule.key.as_str());
    // An older set may have had others.
    if at.is_none() && !keys.clone().any(|key| key == args.rule) {
        let near = nearest(&args.rule, keys).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        bail!("there is no rule `{}`{near}", args.rule);
    }
    let bounds = app::bounds(&config);
    let found = match at {
        Some(at) => explanation::at(&store.pools.jobs, &set, &bounds, &vehicle, &args.rule, at).await??,
        None => explanation::of(&store.pools.jobs, &set, &bounds, &vehicle, &args.rule, clock.now())
            .await?
            .with_context(|| format!("the engine does not know vehicle {vehicle}"))?,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        print(&found);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(explanation: &Explanation) {
    let Explanation { vehicle, rule, version, at, instances } = explanation;
    println!("{rule} v{version} for {vehicle}, as of {at}");
    if instances.is_empty() {
        println!("nothing to look at: the vehicle has no fault code");
    }
    for instance in instances {
        print_instance(instance);
    }
}

fn print_instance(instance: &Instance) {
    let subject = if instance.subject.is_empty() { "the rule" } else { &instance.subject };
    match &instance.open_since {
        Some(since) => println!("\n{subject} holds since {since}"),
        None => println!("\n{subject} is not open; its condition is {}", instance.verdict),
    }
    for part in &instance.parts {
        let state = if part.state.is_empty() { String::new() } else { format!("   ({})", part.state) };
        println!("  {}{} = {}{state}", "  ".repeat(part.depth), part.text.trim(), part.value);
    }
    for gate in &instance.gates {
        println!("  {} {:<11} {}", if gate.passed { "passed " } else { "STOPPED" }, gate.name, gate.because);
    }
}
