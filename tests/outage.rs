//! The database is away for twenty seconds while two thousand messages a second arrive: nothing is
//! lost, memory stays bounded, the engine says that it is not ready, and goes on by itself.

use std::time::Duration;

use anyhow::Context;
use rules::unit::Span;
use simulator::publisher::{Pace, VirtualClock};
use tokio::task::spawn_blocking;

use crate::world::{
    Fleet, Garage, Ledger, Premend, PrivateCluster, SOON, Script, Setup, eventually, free_port, morning,
};

const CARS: u32 = 100;
/// Twenty messages a second of each car: two thousand in all.
const EVERY: Span = Span::from_millis(50);
const AWAY: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_away_under_load_and_comes_back() -> anyhow::Result<()> {
    let cluster = spawn_blocking(PrivateCluster::start_new).await??;
    let script = Script::new(CARS, morning(), EVERY);
    let setup = Setup::serve(&cluster.url())
        .set("mqtt.listen", &format!("127.0.0.1:{}", free_port()?))
        .set("clock.mode", "virtual")
        .set("clock.for_tests", "true")
        .set("clock.origin", crate::world::MORNING);
    let mut premend = Premend::start(setup).await?;
    let pool = sqlx::PgPool::connect(&cluster.url()).await?;
    let ledger = Ledger::new(&pool);
    Garage::open(&pool).await?.add_all(&script.garage()).await?;
    ledger.commands_applied().await?;

    let clock = VirtualClock::starting_now(morning(), Pace::Times(1.0));
    let mut fleet = Fleet::start(&script, premend.mqtt()?, clock)?;
    reached(&fleet, 10_000).await.context("before the outage")?;

    let cluster = spawn_blocking(move || cluster.stop().map(|()| cluster)).await??;
    let back = tokio::time::Instant::now() + AWAY;
    eventually("that it is not ready", SOON, || async { Ok((!premend.is_ready().await?).then_some(())) }).await?;
    tokio::time::sleep_until(back).await;
    let before = fleet.link.traffic.committed();
    let cluster = spawn_blocking(move || cluster.start().map(|()| cluster)).await??;
    reached(&fleet, before + 30_000).await.context("after the outage")?;
    premend.ready().await?;

    script.end_at(clock.now() + Span::from_secs(1));
    fleet.arrive().await?;
    let peak = premend.process().peak_resident_bytes()?;
    assert!(peak <= 1024 * 1024 * 1024, "it grew to {} MiB", peak / 1024 / 1024);
    assert_eq!(premend.metric("premend_ingest_broker_lost_messages_total").await?, 0.0);
    let journal = ledger.journalled().await?;
    assert_eq!(journal.doubled(), []);
    for (vehicle, told) in fleet.told()? {
        assert_eq!(journal.numbers(&vehicle, 1), (1..=told).collect(), "{vehicle}");
    }
    pool.close().await;
    premend.stop().await?;
    spawn_blocking(move || drop(cluster)).await?;
    Ok(())
}

async fn reached(fleet: &Fleet, goal: u64) -> anyhow::Result<()> {
    eventually(format!("{goal} committed"), Duration::from_secs(120), || async {
        let committed = fleet.link.traffic.committed();
        anyhow::ensure!(committed >= goal, "{committed} committed, {} published", fleet.link.traffic.published());
        Ok(Some(()))
    })
    .await
}
