//! `premend` as a process: started with a configuration, waited for, killed, started again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use super::{Process, eventually};

/// How long a start may take, replay included.
const READY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(30);

/// What a process is started with: a command, `PREMEND_*` settings, other variables.
#[derive(Clone, Debug)]
pub struct Setup {
    arguments: Vec<String>,
    settings: BTreeMap<String, String>,
}

impl Setup {
    /// `premend serve` on this database, embedded broker and console on free ports.
    pub fn serve(database_url: &str) -> Self {
        Self { arguments: vec!["serve".to_owned()], settings: BTreeMap::new() }
            .set("database.url", database_url)
            .set("mqtt.listen", "127.0.0.1:0")
            .set("http.listen", "127.0.0.1:0")
            .set("http.secure_cookies", "false")
            .set("person.key", &"5a".repeat(32))
            .set("log.filter", "info,sqlx=warn,rumqttd=error,rumqttc=warn")
    }

    /// Another command with the same settings.
    pub fn command(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        self
    }

    /// A variable of its environment that is no setting.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// One setting by its key in the file, such as `lanes.lateness_bound`.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        let variable = format!("PREMEND_{}", key.replace('.', "__").to_ascii_uppercase());
        self.settings.insert(variable, value.to_owned());
        self
    }
}

/// A running `premend`.
#[derive(Debug)]
pub struct Premend {
    setup: Setup,
    process: Process,
    directory: TempDir,
    http: SocketAddr,
    mqtt: Option<SocketAddr>,
    client: reqwest::Client,
    starts: usize,
}

impl Premend {
    /// Starts it and waits until it is ready.
    pub async fn start(setup: Setup) -> anyhow::Result<Self> {
        let premend = Self::start_unready(setup).await?;
        premend.ready().await?;
        Ok(premend)
    }

    /// Starts it and waits only until it listens.
    pub async fn start_unready(setup: Setup) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        let process = launch(&setup, directory.path(), 0)?;
        let http = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut premend = Self { setup, process, directory, http, mqtt: None, client, starts: 0 };
        premend.learn_addresses().await?;
        // A restart keeps its addresses: vehicles and browsers come back to them.
        premend.setup = premend.setup.clone().set("http.listen", &premend.http.to_string());
        if let Some(mqtt) = premend.mqtt {
            premend.setup = premend.setup.clone().set("mqtt.listen", &mqtt.to_string());
        }
        Ok(premend)
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill()
    }

    /// Starts it again after it ended, and waits until it is ready.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.restart_with(self.setup.clone()).await
    }

    /// Starts it again with other settings.
    pub async fn restart_with(&mut self, setup: Setup) -> anyhow::Result<()> {
        self.launch_with(setup)?;
        self.learn_addresses().await?;
        self.ready().await
    }

    /// Starts it again and waits for nothing; its addresses stay what they were.
    pub fn launch_with(&mut self, setup: Setup) -> anyhow::Result<()> {
        anyhow::ensure!(self.process.try_ended()?.is_some(), "premend still runs");
        self.starts += 1;
        self.setup = setup;
        self.process = launch(&self.setup, self.directory.path(), self.starts)?;
        Ok(())
    }

    /// Stops it with SIGTERM and waits until it has drained.
    pub async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        self.process.terminate(STOPPED_WITHIN).await
    }

    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    pub fn http(&self) -> SocketAddr {
        self.http
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// Address of the embedded broker.
    pub fn mqtt(&self) -> anyhow::Result<SocketAddr> {
        self.mqtt.context("this premend has no embedded broker")
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Waits until `/readyz` says 200.
    pub async fn ready(&self) -> anyhow::Result<()> {
        eventually("readiness", READY_WITHIN, || async { Ok(self.is_ready().await?.then_some(())) }).await
    }

    pub async fn is_ready(&self) -> anyhow::Result<bool> {
        Ok(self.client.get(self.url("/readyz")).send().await?.status().is_success())
    }

    /// What `/readyz` says, ready or not.
    pub async fn readiness(&self) -> anyhow::Result<serde_json::Value> {
        Ok(self.client.get(self.url("/readyz")).send().await?.json().await?)
    }

    /// The text of `/metrics`.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        Ok(self.client.get(self.url("/metrics")).send().await?.error_for_status()?.text().await?)
    }

    /// One sample of `/metrics`, by its name with labels; sums over labels when named without.
    pub async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = self.metrics().await?;
        let values = text.lines().filter_map(|line| {
            let (sample, value) = line.rsplit_once(' ')?;
            let bare = sample.split('{').next()?;
            (sample == name || bare == name).then(|| value.parse::<f64>().ok()).flatten()
        });
        let values: Vec<f64> = values.collect();
        anyhow::ensure!(!values.is_empty(), "no metric {name}");
        Ok(values.iter().sum())
    }

    async fn learn_addresses(&mut self) -> anyhow::Result<()> {
        let log = log_file(self.directory.path(), self.starts);
        let process = &mut self.process;
        let (http, mqtt) = eventually("the addresses of premend", READY_WITHIN, || {
            let ended = process.try_ended();
            let output = process.output();
            let log = log.clone();
            async move {
                if let Some(status) = ended? {
                    anyhow::bail!("premend ended with {status} ({})", log.display());
                }
                let Some(http) = address(&output, "http ") else { return Ok(None) };
                Ok(Some((http, address(&output, "mqtt "))))
            }
        })
        .await?;
        self.http = http;
        self.mqtt = mqtt;
        Ok(())
    }
}

/// Runs a command of `premend` to its end: exit status and everything it wrote.
pub async fn run(setup: &Setup, within: Duration) -> anyhow::Result<(ExitStatus, String)> {
    let directory = tempfile::tempdir()?;
    let mut process = launch(setup, directory.path(), 0)?;
    let status = process.ended(within).await?;
    Ok((status, process.output()))
}

fn launch(setup: &Setup, directory: &Path, starts: usize) -> anyhow::Result<Process> {
    let program = program()?;
    Process::start("premend", &program, &log_file(directory, starts), |command| {
        command.args(&setup.arguments).current_dir(directory);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PREMEND_")) {
            command.env_remove(name);
        }
        command.envs(&setup.settings).env("RUST_BACKTRACE", "1");
    })
}

fn log_file(directory: &Path, starts: usize) -> PathBuf {
    directory.join(format!("premend.{starts}.log"))
}

/// After `http ` and `mqtt ` for programs, or as the demo tells people.
fn address(output: &str, label: &str) -> Option<SocketAddr> {
    let for_people = if label == "http " { "console   http://" } else { "MQTT      " };
    output.lines().map(str::trim).find_map(|line| {
        let rest = line.strip_prefix(label).or_else(|| line.strip_prefix(for_people))?;
        rest.split_whitespace().next()?.parse().ok()
    })
}

/// The binary beside this test, as `cargo build --workspace --bins` left it.
pub fn program() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let profile = test.parent().and_then(Path::parent).context("tests run in target/<profile>/deps")?;
    let program = profile.join("premend");
    anyhow::ensure!(program.is_file(), "{} is not built: cargo build --bin premend", program.display());
    Ok(program)
}
