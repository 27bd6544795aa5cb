//! `premend config check|print`: what would be used, without opening anything but files.

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

use crate::config::Config;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say whether the configuration is valid; 64 if not.
    Check,
    /// Print the effective configuration as TOML, secrets as ***.
    Print,
}

pub fn run(args: &Args, config: &Config) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Check => {
            // The keys are read too: a file that is missing now will be missing then.
            config.person.keys()?;
            println!("the configuration is valid");
        }
        What::Print => print!("{}", config.to_toml().context("cannot print the configuration")?),
    }
    Ok(ExitCode::SUCCESS)
}
