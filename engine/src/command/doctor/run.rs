//! The command itself: all areas in order, then the answer.

use std::process::ExitCode;
use std::time::Duration;

use sqlx::postgres::PgPoolOptions;

use super::check::{Check, Verdict, render};
use super::{broker, database, machine, people, work};
use crate::config::Config;
use crate::store::pool;

/// A set-up is looked at by a person who waits.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Answer as a JSON list.
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    let checks = look(&config).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&checks)?);
    } else {
        print!("{}", render(&checks));
        println!("{}", verdict_of(&checks));
    }
    let wrong = checks.iter().any(|check| check.verdict == Verdict::Wrong);
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Looks at everything that can be looked at; what needs the database is left out when it is away.
pub async fn look(config: &Config) -> anyhow::Result<Vec<Check>> {
    let mut checks = Vec::new();
    machine::look(config, &mut checks);
    people::look_at_keys(config, &mut checks);
    let options = pool::options(&config.database)?;
    let opened =
        PgPoolOptions::new().max_connections(2).acquire_timeout(CONNECT_WITHIN).connect_with(options.clone()).await;
    let pool = match opened {
        Ok(pool) => pool,
        Err(error) => {
            checks.push(database::unreachable(&options, &error));
            broker::look(config, None, false, &mut checks).await;
            return Ok(checks);
        }
    };
    let migrated = database::look(&pool, &options, config, &mut checks).await;
    let commit_time = database::commit_time(&pool).await;
    let mut engine_runs = false;
    if migrated {
        engine_runs = work::look_at_engine(&pool, &mut checks).await;
        work::look(&pool, config, engine_runs, &mut checks).await;
        people::look_at_rows(&pool, config, &mut checks).await;
    }
    broker::look(config, commit_time, engine_runs, &mut checks).await;
    pool.close().await;
    Ok(checks)
}

fn verdict_of(checks: &[Check]) -> String {
    let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    match (count(Verdict::Wrong), count(Verdict::Doubtful)) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, doubtful) => format!("nothing is wrong, {doubtful} to think about"),
        (wrong, _) => format!("{wrong} of {} things are wrong", checks.len()),
    }
}
