//! A child process that ends with its fixture and whose output is kept.

use std::fs::{self, File};
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use super::eventually;

/// Lines of a log that a failed test prints.
const TAIL: usize = 120;

/// A running child. It dies with the thread that started it, so that a killed test leaves nothing behind.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program`; what it writes goes to `log`, behind what is there already.
    pub fn start(name: &str, program: &Path, log: &Path, configure: impl FnOnce(&mut Command)) -> anyhow::Result<Self> {
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("opening {}", log.display()))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        configure(&mut command);
        let child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().with_context(|| format!("killing {}", self.name))?;
        self.child.wait().with_context(|| format!("waiting for {}", self.name))?;
        Ok(())
    }

    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_raw(self.child.id() as i32).context("a process has an id")?;
        kill_process(pid, signal).with_context(|| format!("signalling {}", self.name))
    }

    /// Asks it to end and waits until it has.
    pub async fn terminate(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.ended(within).await
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        let child = &mut self.child;
        eventually(what, within, || {
            let status = child.try_wait();
            async move { Ok(status?) }
        })
        .await
    }

    /// The exit status, if it has ended.
    pub fn try_ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Everything it has written so far.
    pub fn output(&self) -> String {
        let mut text = String::new();
        let read = File::open(&self.log).and_then(|mut file| file.read_to_string(&mut text));
        read.map_or_else(|error| error.to_string(), |_| text)
    }

    /// Resident memory now.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        self.status_kb("VmRSS:").map(|kb| kb * 1024)
    }

    /// The most resident memory it ever had.
    pub fn peak_resident_bytes(&self) -> anyhow::Result<u64> {
        self.status_kb("VmHWM:").map(|kb| kb * 1024)
    }

    fn status_kb(&self, field: &str) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).context("reading its status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)).context("a process has memory")?;
        line.trim().trim_end_matches(" kB").parse().context("reading its memory")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> = output.lines().collect();
            eprintln!("---- end of the log of {} ----", self.name);
            for line in &lines[lines.len().saturating_sub(TAIL)..] {
                eprintln!("{line}");
            }
        }
    }
}

/// A port nobody listens on, below the range from which the kernel takes ports of its own.
pub fn free_port() -> anyhow::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    for _ in 0..2_000 {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let offset = (std::process::id().wrapping_mul(97) as u16).wrapping_add(step.wrapping_mul(7)) % 11_000;
        let port = 20_000 + offset;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port between 20000 and 31000")
}
