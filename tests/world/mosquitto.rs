//! An external MQTT broker: Debian's mosquitto on a free port, with its queue on disk.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use rustix::process::geteuid;
use tempfile::TempDir;

use super::{Process, eventually, free_port};

/// A running broker; killed with this value.
#[derive(Debug)]
pub struct Mosquitto {
    process: Process,
    directory: TempDir,
    port: u16,
}

impl Mosquitto {
    pub async fn start() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let port = free_port()?;
        let process = launch(directory.path(), port)?;
        let mut broker = Self { process, directory, port };
        broker.listening().await?;
        Ok(broker)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill()
    }

    /// Stops it with SIGTERM: it writes its queue down.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.process.terminate(Duration::from_secs(20)).await?;
        Ok(())
    }

    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process = launch(self.directory.path(), self.port)?;
        self.listening().await
    }

    async fn listening(&mut self) -> anyhow::Result<()> {
        let port = self.port;
        let process = &mut self.process;
        eventually("mosquitto", Duration::from_secs(20), || {
            let ended = process.try_ended();
            async move {
                if let Some(status) = ended? {
                    anyhow::bail!("mosquitto ended with {status}");
                }
                Ok(TcpStream::connect(("127.0.0.1", port)).ok().map(drop))
            }
        })
        .await
    }
}

/// The settings of `deploy/mosquitto.conf` that matter to a test, on a port and in a folder of its own.
fn launch(directory: &Path, port: u16) -> anyhow::Result<Process> {
    let mut settings = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\n\
         autosave_interval 1\nautosave_on_changes true\nmax_queued_messages 0\nmax_inflight_messages 0\n\
         message_size_limit 131072\nset_tcp_nodelay true\nlog_dest stderr\n",
        directory.display()
    );
    if geteuid().is_root() {
        // It would otherwise become a user that cannot write here.
        settings.push_str("user root\n");
    }
    let file = directory.join("mosquitto.conf");
    fs::write(&file, settings)?;
    Process::start("mosquitto", Path::new("/usr/sbin/mosquitto"), &directory.join("mosquitto.log"), |command| {
        command.arg("-c").arg(&file);
    })
}
