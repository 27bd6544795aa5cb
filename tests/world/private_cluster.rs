//! A PostgreSQL of one test's own: stopped, crashed and started again.
//!
//! Works as root by acting as the user postgres, as `deploy/setup/cluster.sh` does. Durable: what it
//! confirmed survives `crash`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use rustix::process::geteuid;

use super::free_port;

/// A private cluster; stopped and removed with this value.
#[derive(Debug)]
pub struct PrivateCluster {
    bin: PathBuf,
    home: PathBuf,
    port: u16,
    password: String,
    /// Variables that the server is started with, as `NAME=value`.
    environment: Vec<String>,
}

impl PrivateCluster {
    /// Makes and starts it, with a role and a database `premend`.
    pub fn start_new() -> anyhow::Result<Self> {
        Self::start_with(Vec::new())
    }

    /// The same with more variables in the server's environment.
    pub fn start_with(environment: Vec<String>) -> anyhow::Result<Self> {
        let bin = server_programs()?;
        let home = act(Path::new("mktemp"), &["-d", "/tmp/premend-cluster-XXXXXXXX"], None)?;
        let home = PathBuf::from(home.trim());
        let password = format!("{:016x}{:016x}", rand::random::<u64>(), rand::random::<u64>());
        let cluster = Self { bin, home, port: free_port()?, password, environment };
        cluster.create()?;
        cluster.start()?;
        cluster.provide_database()?;
        Ok(cluster)
    }

    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same database behind a proxy's port.
    pub fn url_at(&self, port: u16) -> String {
        format!("postgres://premend:{}@127.0.0.1:{port}/premend", self.password)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn start(&self) -> anyhow::Result<()> {
        let log = self.home.join("log");
        let port = format!("-p {}", self.port);
        self.pg_ctl(&["-l", &log.to_string_lossy(), "-w", "-t", "60", "-o", &port, "start"])
    }

    /// Stops it as an administrator would: sessions end, everything is written.
    pub fn stop(&self) -> anyhow::Result<()> {
        self.pg_ctl(&["-m", "fast", "-w", "-t", "60", "stop"])
    }

    /// Stops it as a power cut would: the next start recovers.
    pub fn crash(&self) -> anyhow::Result<()> {
        self.pg_ctl(&["-m", "immediate", "-w", "-t", "60", "stop"])
    }

    fn create(&self) -> anyhow::Result<()> {
        let pwfile = self.home.join("pw");
        let write = format!("umask 077 && cat > '{}'", pwfile.display());
        act(Path::new("sh"), &["-c", &write], Some(&self.password))?;
        let (pgdata, pwfile) = (self.pgdata(), pwfile.to_string_lossy().into_owned());
        let initdb = self.bin.join("initdb");
        let arguments = [
            "-D",
            &pgdata,
            "--username=postgres",
            "--pwfile",
            &pwfile,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ];
        act(&initdb, &arguments, None).context("initdb")?;
        let settings = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nshared_buffers = 128MB\n\
                        max_connections = 60\ntimezone = UTC\nlog_timezone = UTC\nmax_wal_size = 2GB\n";
        act(Path::new("sh"), &["-c", &format!("cat >> '{pgdata}/postgresql.conf'")], Some(settings))?;
        Ok(())
    }

    fn provide_database(&self) -> anyhow::Result<()> {
        let statements = format!(
            "create role premend login createdb createrole password '{}';\ncreate database premend owner premend;\n",
            self.password
        );
        let mut command = Command::new(self.bin.join("psql"));
        command.args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-d",
            "postgres",
            "-p",
        ]);
        command.arg(self.port.to_string()).env("PGPASSWORD", &self.password);
        run(command, Some(&statements)).context("creating the database")?;
        Ok(())
    }

    fn pg_ctl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let pgdata = self.pgdata();
        let program = self.bin.join("pg_ctl");
        let mut all: Vec<&str> = self.environment.iter().map(String::as_str).collect();
        let program = program.to_string_lossy();
        all.extend([&*program, "-D", pgdata.as_str(), "-s"]);
        all.extend(arguments);
        act(Path::new("env"), &all, None).with_context(|| format!("pg_ctl {arguments:?}"))?;
        Ok(())
    }

    fn pgdata(&self) -> String {
        self.home.join("pgdata").to_string_lossy().into_owned()
    }
}

impl Drop for PrivateCluster {
    fn drop(&mut self) {
        let _ = self.crash();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.home.join("log")).unwrap_or_default();
            eprintln!("---- log of the private cluster ----\n{log}");
        }
        let _ = act(Path::new("rm"), &["-rf", &self.home.to_string_lossy()], None);
    }
}

/// The newest server programs, as `deploy/setup/common.sh` finds them.
fn server_programs() -> anyhow::Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir("/usr/lib/postgresql").context("no PostgreSQL server: run `make test`")? {
        let bin = entry?.path().join("bin");
        let version = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse().ok());
        if let Some(version) = version.filter(|_| bin.join("initdb").is_file()) {
            found.push((version, bin));
        }
    }
    found.sort();
    found.pop().map(|(_, bin)| bin).context("no PostgreSQL server programs under /usr/lib/postgresql")
}

/// Runs as the user that may own a cluster: PostgreSQL refuses root.
fn act(program: &Path, arguments: &[&str], input: Option<&str>) -> anyhow::Result<String> {
    let mut command = if geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(arguments).current_dir("/");
    run(command, input)
}

fn run(mut command: Command, input: Option<&str>) -> anyhow::Result<String> {
    // Through files, not pipes: a server started by pg_ctl would keep a pipe open for ever.
    let (mut out, mut err) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(out.try_clone()?).stderr(err.try_clone()?);
    let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(text.as_bytes())?;
    }
    let status = child.wait()?;
    anyhow::ensure!(status.success(), "{status}: {}{}", contents(&mut out)?, contents(&mut err)?);
    contents(&mut out)
}

fn contents(file: &mut std::fs::File) -> anyhow::Result<String> {
    use std::io::{Read, Seek};
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text)
}
