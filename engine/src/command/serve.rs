//! `premend serve`: the engine, until it is told to stop.

use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::{App, Options};
use crate::clock::Clock;
use crate::config::Config;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// End another engine that runs on the same database, and go on in its place.
    #[arg(long)]
    take_over: bool,
}

pub async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    let clock = Clock::configured(&config.clock)?;
    let app = App::build(&config, clock, Options { take_over: args.take_over }).await?;
    if let Some(mqtt) = app.mqtt {
        tracing::info!(mqtt.listen = %mqtt, http.listen = %app.http, "engine built");
        // For whoever started us on port 0.
        println!("mqtt {mqtt}");
    }
    println!("http {}", app.http);
    app.run(until_told()?).await?;
    Ok(ExitCode::SUCCESS)
}

/// Cancelled by SIGINT or SIGTERM.
pub fn until_told() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: committing what was taken");
        told.cancel();
    });
    Ok(stop)
}
