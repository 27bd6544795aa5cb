//! Where messages come from, as configured: the broker within, or a subscription to another one.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use ingest::broker::{Broker, BrokerConfig};
use ingest::queue::LaneQueues;
use ingest::source::{Source, Status};
use ingest::subscriber::{Subscriber, SubscriberConfig};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ConfigError, Secret, SourceKind};
use crate::http::probe::readiness::Readiness;

/// What readiness calls it.
pub(super) const SOURCE: &str = "source";

pub(super) async fn open_source(
    config: &Config,
    queues: &LaneQueues,
    metrics: &ingest::metrics::Metrics,
) -> anyhow::Result<(Arc<dyn Source>, Option<SocketAddr>)> {
    match config.mqtt.source {
        SourceKind::Embedded => {
            let broker = Broker::start(&broker_config(config)?, queues.clone(), metrics)
                .context("starting the embedded broker")?;
            let address = broker.address();
            Ok((Arc::new(broker), Some(address)))
        }
        SourceKind::External => {
            let subscriber = Subscriber::start(&subscriber_config(config)?, queues.clone(), metrics)
                .context("starting the subscriber")?;
            Ok((Arc::new(subscriber), None))
        }
    }
}

/// The embedded broker as configured; what it may hold back is an eighth of what it may lose.
pub fn broker_config(config: &Config) -> Result<BrokerConfig, ConfigError> {
    Ok(BrokerConfig {
        topics: config.ingest.topics()?,
        listen: config.mqtt.listen,
        max_connections: config.mqtt.max_connections,
        log_bytes: config.mqtt.buffer_bytes,
        high_water_bytes: (config.mqtt.buffer_bytes / 8) as u64,
        credentials: config.mqtt.credentials.clone(),
        engine_password: config.mqtt.engine_password.as_ref().map(exposed),
        ..BrokerConfig::default()
    })
}

fn subscriber_config(config: &Config) -> Result<SubscriberConfig, ConfigError> {
    let external = &config.mqtt.external;
    Ok(SubscriberConfig {
        topics: config.ingest.topics()?,
        host: external.host.clone(),
        port: external.port,
        client_id: external.client_id.clone(),
        username: external.username.clone(),
        password: external.password.as_ref().map(exposed),
        window: external.window,
        ..SubscriberConfig::default()
    })
}

fn exposed(secret: &Secret) -> ingest::secret::Secret {
    ingest::secret::Secret::new(secret.expose())
}

/// Keeps readiness true to the source.
pub(super) async fn follow(
    mut status: watch::Receiver<Status>,
    readiness: Arc<Readiness>,
    end: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        match *status.borrow_and_update() {
            Status::Ready => readiness.met(SOURCE),
            Status::Connecting => readiness.unmet(SOURCE, "connecting to the broker"),
            Status::Ended => {
                readiness.unmet(SOURCE, "ended");
                if !end.is_cancelled() {
                    return Err(anyhow!("the source of messages ended"));
                }
            }
        }
        tokio::select! {
            () = end.cancelled() => return Ok(()),
            changed = status.changed() => if changed.is_err() { end.cancelled().await },
        }
    }
}
