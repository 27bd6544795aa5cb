//! A wall clock that a test sets: libfaketime in the processes that are started under it.
//!
//! Only the wall clock is faked; the monotonic clocks of the machine go on, as they do when somebody sets the time.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::Context;
use rules::unit::Span;
use tempfile::TempDir;

/// The clock of some processes; it shows the right time until it is set.
#[derive(Debug)]
pub struct Wall {
    library: PathBuf,
    directory: TempDir,
}

impl Wall {
    pub fn new() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        // The database server reads it as another user.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
        let wall = Self { library: library()?, directory };
        wall.set(Span::ZERO)?;
        Ok(wall)
    }

    /// Sets it to be ahead of the right time by so much, or behind.
    pub fn set(&self, ahead: Span) -> anyhow::Result<()> {
        let next = self.directory.path().join("next");
        fs::write(&next, format!("{:+}\n", ahead.micros() / 1_000_000))?;
        fs::set_permissions(&next, Permissions::from_mode(0o644))?;
        fs::rename(next, self.file()).context("setting the wall clock")
    }

    /// What a process under this clock has in its environment.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("offset")
    }
}

fn library() -> anyhow::Result<PathBuf> {
    let places = fs::read_dir("/usr/lib")?.filter_map(Result::ok).map(|entry| entry.path());
    let libraries = places.map(|place| place.join("faketime/libfaketimeMT.so.1"));
    libraries.into_iter().find(|library| library.is_file()).context("no libfaketime: run `make test`")
}
