//! `premend broker`: the embedded broker alone. Engines subscribe to it as to any external one.

use std::process::ExitCode;

use anyhow::Context as _;
use ingest::broker::Broker;
use ingest::metrics::Metrics;
use ingest::source::Source as _;
use prometheus::Registry;

use crate::app::broker_config;
use crate::command::serve::until_told;
use crate::config::Config;

pub async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let stop = until_told()?;
    let metrics = Metrics::new(&Registry::new())?;
    let broker = Broker::start_alone(&broker_config(&config)?, &metrics).context("starting the broker")?;
    println!("mqtt {}", broker.address());
    stop.cancelled().await;
    broker.stop_reading();
    broker.close();
    Ok(ExitCode::SUCCESS)
}
