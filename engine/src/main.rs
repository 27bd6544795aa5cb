//! The `premend` binary: read the configuration, build, run.
//!
//! Exit codes: 0 done, 1 failed to start or run, 2 wrong usage, 64 bad configuration.

use std::process::ExitCode;

use clap::Parser;
use engine::command::{self, Cli};

fn main() -> ExitCode {
    command::run(Cli::parse()).unwrap_or_else(|error| {
        eprintln!("premend: {error:#}");
        command::exit_code(&error)
    })
}
