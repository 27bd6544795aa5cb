//! The same load through an external broker: Debian's mosquitto, and the engine subscribed to it.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use simulator::load::LoadPlan;
use tempfile::NamedTempFile;

use super::Bench;
use super::parts::{Run, load_of, plan};
use crate::figures::Figures;

/// Messages that mosquitto lets the engine have unacknowledged; the most that MQTT can count.
const WINDOW: u16 = 65_535;
const START: Duration = Duration::from_secs(10);

pub fn measure(bench: &Bench<'_>, figures: &mut Figures) -> anyhow::Result<()> {
    let mosquitto = Mosquitto::start()?;
    let settings = [
        ("PREMEND_MQTT__SOURCE", "external".to_owned()),
        ("PREMEND_MQTT__EXTERNAL__HOST", Ipv4Addr::LOCALHOST.to_string()),
        ("PREMEND_MQTT__EXTERNAL__PORT", mosquitto.port.to_string()),
    ];
    let run = Run::start(bench, "external", &settings)?;
    let plan = LoadPlan { port: mosquitto.port, ..plan(bench, "ext-") };
    let report = run.put_on(bench, &plan)?;
    run.finish(bench)?;
    let how = format!(
        "{}; mosquitto from Debian, persistent session, manual acknowledgements after commit",
        load_of(&plan, &report)
    );
    figures.add("rumqttc_committed_msgs_per_s", report.messages_per_sec(), "msg/s", how);
    Ok(())
}

/// A mosquitto of our own on a free port.
struct Mosquitto {
    child: Child,
    port: u16,
    _settings: NamedTempFile,
}

impl Mosquitto {
    fn start() -> anyhow::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut settings = NamedTempFile::new()?;
        write!(
            settings,
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n\
             max_inflight_messages {WINDOW}\nmax_queued_messages 0\nlog_type error\n"
        )?;
        let sbin = Path::new("/usr/sbin/mosquitto");
        let program = if sbin.is_file() { sbin } else { Path::new("mosquitto") };
        let child = Command::new(program)
            .arg("-c")
            .arg(settings.path())
            .stdout(Stdio::null())
            .spawn()
            .context("starting mosquitto; it is the Debian package `mosquitto`")?;
        let mosquitto = Self { child, port, _settings: settings };
        let since = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if since.elapsed() > START {
                bail!("mosquitto does not listen after {START:?}");
            }
            #[expect(clippy::disallowed_methods, reason = "a pause between two looks, with a deadline")]
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(mosquitto)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It holds nothing that anybody needs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
