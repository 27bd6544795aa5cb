//! `premend erase`: forgets everything that a vehicle said.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rules::vehicle::VehicleId;

use crate::act::{self, Acting, Actor};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::session::{As, begin_as};
use crate::store::{console, open};

/// How long to wait for the vehicle's lane.
const WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the vehicle, as in its topic.
    #[arg(value_name = "VEHICLE")]
    vehicle: String,
    /// Really do it: nothing brings it back.
    #[arg(long)]
    yes: bool,
}

pub async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    let vehicle = VehicleId::try_new(&args.vehicle)?;
    if !args.yes {
        bail!("this deletes state, archive, charts and evidence of vehicle {vehicle} for good; say --yes");
    }
    let clock = Clock::system();
    let store = open::open(&config, &clock).await.context("opening the store")?;
    let mut acting = Acting::begin(&store.pools.jobs, Actor::Operator, clock.now(), None).await?;
    act::vehicle::erase(&mut acting, &vehicle).await?;
    acting.commit().await?;
    let until = Instant::now() + WITHIN;
    while Instant::now() < until {
        if console::all_applied(&mut *begin_as(&store.pools.jobs, As::Engine).await?, &vehicle).await? {
            println!("everything that vehicle {vehicle} said is erased; the journal's copy goes with its partition");
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bail!("no engine has taken the request yet; it stays, and is done when one runs on this database")
}
