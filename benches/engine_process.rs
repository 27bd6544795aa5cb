//! The real binary under load: started, asked over HTTP, stopped.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::built::binary;
use crate::database::{DEALER, Database};

const START: Duration = Duration::from_secs(120);

/// A running `premend serve`.
pub struct Engine {
    pub child: Child,
    pub mqtt: Option<SocketAddr>,
    http: SocketAddr,
    client: reqwest::Client,
}

impl Engine {
    /// Starts it on the database; `settings` are more `PREMEND_*` variables. Waits until it is ready.
    pub async fn start(database: &Database, settings: &[(&str, String)]) -> anyhow::Result<Self> {
        let binary = binary()?;
        // It ends with us, however we end: a forgotten one would spoil every measurement after it.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(&binary)
            .arg("serve")
            .env("PREMEND_DATABASE__URL", &database.url)
            .env("PREMEND_MQTT__LISTEN", "127.0.0.1:0")
            .env("PREMEND_HTTP__LISTEN", "127.0.0.1:0")
            .env("PREMEND_PERSON__KEY", "0b".repeat(32))
            .env("PREMEND_INGEST__UNKNOWN_VEHICLE", "register")
            .env("PREMEND_INGEST__DEFAULT_DEALER", DEALER.to_string())
            .env("PREMEND_INGEST__DEFAULT_MODEL", "compact-ice")
            .env("PREMEND_INGEST__DEFAULT_CONSENTS", "[maintenance, diagnostics]")
            .env("PREMEND_LOG__FILTER", "warn")
            .envs(settings.iter().map(|(name, value)| (*name, value)))
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let said = child.stdout.take().context("its output is lost")?;
        let (mut mqtt, mut http) = (None, None);
        for line in BufReader::new(said).lines() {
            match line?.split_once(' ') {
                Some(("mqtt", address)) => mqtt = Some(address.parse()?),
                Some(("http", address)) => {
                    http = Some(address.parse()?);
                    break;
                }
                _ => {}
            }
        }
        let Some(http) = http else { bail!("premend ended before it was built: {}", child.wait()?) };
        let engine = Self { child, mqtt, http, client: reqwest::Client::new() };
        engine.ready().await?;
        Ok(engine)
    }

    /// All samples of `/metrics` by name and labels.
    pub async fn metrics(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let text =
            self.client.get(format!("http://{}/metrics", self.http)).send().await?.error_for_status()?.text().await?;
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        Ok(samples.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
    }

    /// What moved of the counters that must not: losses, jumps and rejections.
    pub async fn losses(&self) -> anyhow::Result<Vec<String>> {
        const MUST_NOT_MOVE: [&str; 3] = [
            "premend_ingest_broker_lost_messages_total",
            "premend_ingest_rejections_total",
            "premend_engine_commits_total{outcome=\"refused\"}",
        ];
        let moved = self
            .metrics()
            .await?
            .into_iter()
            .filter(|(name, value)| *value != 0.0 && MUST_NOT_MOVE.iter().any(|counter| name.starts_with(counter)));
        Ok(moved.map(|(name, value)| format!("{name} = {value}")).collect())
    }

    /// Ends it as an operator would; it commits and acknowledges what it has taken.
    pub fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().context("stopping premend")?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("premend ended with {status}");
        }
        Ok(())
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let since = Instant::now();
        while since.elapsed() < START {
            let asked = self.client.get(format!("http://{}/readyz", self.http)).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("premend is not ready after {START:?}")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // After an error; one that was stopped is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
