//! The commands of `premend`, one file each: its arguments and its `run`.
//!
//! Every command begins with the configuration, which opens nothing; only then does it connect.

pub mod backtest;
pub mod broker;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod erase;
pub mod explain;
pub mod migrate;
pub mod replay;
pub mod rules;
pub mod score;
pub mod serve;
pub mod simulate;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::app::telemetry;
use crate::config::{Config, ConfigError};

/// Solves vehicle problems before the owner complains.
#[derive(Debug, Parser)]
#[command(name = "premend", version, max_term_width = 100)]
pub struct Cli {
    /// Configuration file; without it, built-in values and PREMEND_* of the environment.
    #[arg(long, short, global = true, env = "PREMEND_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the embedded broker alone, for engines that connect from outside.
    Broker,
    /// Say why a rule fired for a vehicle, or why it did not.
    Explain(explain::Args),
    /// Forget everything that a vehicle said.
    Erase(erase::Args),
    /// Try rules on what vehicles have said, and compare them.
    Backtest(backtest::Args),
    /// Check, test or list rules.
    Rules(rules::Args),
    /// Play recorded logs through the whole way, into a scratch database.
    Replay(replay::Args),
    /// Run everything with a simulated fleet, to see it work.
    Demo(demo::Args),
    /// Run the engine: broker or subscriber, lanes, relay, console.
    Serve(serve::Args),
    /// Measure what is found and forecast, on vehicles, trips and cells whose truth is known.
    Score(score::Args),
    /// Put simulated vehicles on the air, with faults planted in them.
    Simulate(simulate::Args),
    /// Apply the migrations that are missing and prepare the store.
    Migrate(migrate::Args),
    /// Say what is wrong with a set-up, and what to do.
    Doctor(doctor::Args),
    /// Check or print the configuration.
    Config(config::Args),
}

/// Runs what was asked for.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = Config::load(cli.config.as_deref(), std::env::vars())?;
    telemetry::start(&config.log);
    match cli.command {
        Command::Broker => block_on(broker::run(config)),
        Command::Erase(args) => block_on(erase::run(args, config)),
        Command::Explain(args) => block_on(explain::run(args, config)),
        Command::Backtest(args) => backtest::run(&args, &config),
        Command::Rules(args) => block_on(rules::run(args, config)),
        Command::Replay(args) => block_on(replay::run(args, config)),
        Command::Demo(args) => block_on(demo::run(args, config)),
        Command::Score(args) => score::run(&args),
        Command::Serve(args) => block_on(serve::run(args, config)),
        Command::Simulate(args) => block_on(simulate::run(args)),
        Command::Migrate(args) => block_on(migrate::run(args, config)),
        Command::Doctor(args) => block_on(doctor::run(args, config)),
        Command::Config(args) => config::run(&args, &config),
    }
}

/// 64 for bad configuration, 1 for everything else.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(|cause| cause.downcast_ref::<ConfigError>().is_some()) {
        ExitCode::from(64)
    } else {
        ExitCode::FAILURE
    }
}

fn block_on(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(command)
}
