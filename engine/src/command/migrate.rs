//! `premend migrate`: brings the database to this version, without starting anything.

use std::process::ExitCode;

use anyhow::Context;

use crate::clock::Clock;
use crate::config::Config;
use crate::store::{open, pool};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only say what is missing; 1 if anything is.
    #[arg(long)]
    check: bool,
}

pub async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    if args.check {
        return check(&config).await;
    }
    let clock = Clock::configured(&config.clock)?;
    let store = open::open(&config, &clock).await.context("cannot prepare the store")?;
    println!("the database is up to date, readings are kept on tier `{}`", store.tier);
    store.pools.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn check(config: &Config) -> anyhow::Result<ExitCode> {
    let pools = pool::connect(&config.database, 1).await?;
    let missing = pool::missing_migrations(&pools.jobs).await.context("cannot read the applied migrations")?;
    pools.close().await;
    if missing.is_empty() {
        println!("the database is up to date");
        return Ok(ExitCode::SUCCESS);
    }
    for migration in missing {
        println!("missing: {migration}");
    }
    Ok(ExitCode::FAILURE)
}
