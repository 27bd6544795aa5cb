//! Never lost, never twice: whatever is killed, at any point.
//!
//! A fleet that stores and forwards drives while the engine is killed again and again, also while it
//! starts. A second engine, never killed, hears the same messages at the same time. What a car was
//! told is committed must be in the journal, and both stores must hold the same cases, orders and
//! notices.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use anyhow::Context;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rules::unit::{Span, Time};
use simulator::publisher::{Pace, VirtualClock};
use simulator::signal::COOLANT;
use tokio::time::{Instant, sleep};

use crate::world::road::{trip, with};
use crate::world::{
    Database, Fleet, Garage, Ledger, NewCar, Premend, Scene, Script, Setup, eventually, free_port, morning,
};

/// Virtual seconds per second: fast enough for faults to come and go, slow enough that no outage looks
/// like a backlog (10 minutes) even on a busy machine.
const RATE: f64 = 30.0;
const CARS: u32 = 27;
const SEED: u64 = 20_261_122;

/// An engine on a database of its own, its clock in step with the fleet's.
struct Run {
    database: Database,
    ledger: Ledger,
    premend: Premend,
    setup: Setup,
    clock: VirtualClock,
}

impl Run {
    async fn start(script: &Script, clock: VirtualClock) -> anyhow::Result<Self> {
        let database = Database::create().await?;
        let ledger = Ledger::new(&database.pool().await?);
        Garage::open(ledger.pool()).await?.add_all(&script.garage()).await?;
        let setup = Setup::serve(database.url())
            .set("mqtt.listen", &format!("127.0.0.1:{}", free_port()?))
            .set("http.listen", &format!("127.0.0.1:{}", free_port()?))
            .set("clock.mode", "virtual")
            .set("clock.for_tests", "true")
            .set("clock.rate", &RATE.to_string());
        let premend = Premend::start(in_step(&setup, clock)).await?;
        ledger.commands_applied().await?;
        Ok(Self { database, ledger, premend, setup, clock })
    }

    /// Kills it now, and starts it again; sometimes killed once more while it starts.
    async fn kill_and_restart(&mut self, dice: &mut ChaCha8Rng) -> anyhow::Result<()> {
        self.premend.kill()?;
        if dice.random_bool(0.25) {
            self.premend.launch_with(in_step(&self.setup, self.clock))?;
            sleep(Duration::from_millis(dice.random_range(0..700))).await;
            self.premend.kill()?;
        }
        self.premend.restart_with(in_step(&self.setup, self.clock)).await
    }
}

fn in_step(setup: &Setup, clock: VirtualClock) -> Setup {
    setup.clone().set("clock.origin", &clock.now().to_string())
}

fn kills() -> usize {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<usize>().ok());
    number("PREMEND_KILLS").unwrap_or(25 * number("PREMEND_TORTURE").unwrap_or(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_loses_nothing_and_does_nothing_twice() -> anyhow::Result<()> {
    let origin = Time::parse("2026-03-02T02:00:00Z")?;
    let script = Script::new(CARS, origin, Span::from_secs(3));
    let clock = VirtualClock::starting_now(origin, Pace::Times(RATE));
    let mut killed = Run::start(&script, clock).await?;
    let calm = Run::start(&script, clock).await?;
    let mut fleet = Fleet::start(&script, killed.premend.mqtt()?, clock)?;
    let mut calm_fleet = Fleet::start(&script, calm.premend.mqtt()?, clock)?;

    let mut dice = ChaCha8Rng::seed_from_u64(SEED);
    for kill in 0..kills() {
        let goal = fleet.link.traffic.committed() + dice.random_range(1..400);
        committed(&fleet, goal).await.with_context(|| format!("before kill {kill}"))?;
        sleep(Duration::from_micros(dice.random_range(0..30_000))).await;
        killed.kill_and_restart(&mut dice).await.with_context(|| format!("kill {kill}"))?;
        let restored = killed.premend.process().output();
        assert!(restored.contains("differences=0"), "replay decided otherwise: {restored}");
    }
    script.end_at(clock.now() + Span::from_mins(2));
    fleet.arrive().await?;
    calm_fleet.arrive().await?;

    nothing_is_lost(&script, &fleet, &killed.ledger).await?;
    same_outcome(&killed.ledger, &calm.ledger).await?;
    drop((killed.database, calm.database));
    Ok(())
}

async fn committed(fleet: &Fleet, goal: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(120);
    while fleet.link.traffic.committed() < goal {
        anyhow::ensure!(Instant::now() < deadline, "only {} of {goal} committed", fleet.link.traffic.committed());
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Every number a car was told is committed is in the journal, once, with what it said.
async fn nothing_is_lost(script: &Script, fleet: &Fleet, ledger: &Ledger) -> anyhow::Result<()> {
    let rejections = ledger.rejections().await?;
    assert!(rejections.is_empty(), "{rejections:#?}");
    let journal = ledger.journalled().await?;
    assert_eq!(journal.doubled(), [], "journalled twice");
    for (vehicle, told) in fleet.told()? {
        assert!(told > 100, "{vehicle} was told only {told}");
        let messages = &journal.messages[&(vehicle.clone(), 1)];
        let mut frames = 0;
        for seq in 1..=told {
            let times =
                messages.get(&seq).with_context(|| format!("{vehicle} was told {told}, but {seq} is not there"))?;
            // A message that only says which notices were seen has no frame.
            for at in times.iter().flatten() {
                frames += 1;
                assert_eq!(*at, script.measured_at(frames), "{vehicle}, message {seq}");
            }
        }
    }
    assert!(journal.refused.is_empty(), "{:?}", journal.refused);
    Ok(())
}

async fn same_outcome(killed: &Ledger, calm: &Ledger) -> anyhow::Result<()> {
    // The last answers may wait for the end of a back-fill.
    eventually("the last orders", Duration::from_secs(30), || async {
        let same =
            killed.ordered().await? == calm.ordered().await? && killed.notices().await? == calm.notices().await?;
        Ok(same.then_some(()))
    })
    .await
    .ok();
    let cases = calm.settled().await?;
    assert!(cases.len() >= CARS as usize / 2, "only {} cases: {cases:#?}", cases.len());
    same("settled cases", &killed.settled().await?, &cases);
    same("changes", &killed.changes().await?, &calm.changes().await?);
    let orders = calm.ordered().await?;
    assert!(!orders.is_empty());
    same("orders", &killed.ordered().await?, &orders);
    let (told, wanted) = (killed.notices().await?, calm.notices().await?);
    // Nobody is told to stop when the fault is long known: what was down for long tells less, never more.
    let late = killed.notices_too_late_for(calm).await?;
    same("notices", &told.union(&late).cloned().collect(), &wanted);
    Ok(())
}

fn same<T: Ord + Debug>(what: &str, killed: &BTreeSet<T>, calm: &BTreeSet<T>) {
    let (missing, more): (Vec<_>, Vec<_>) = (calm.difference(killed).collect(), killed.difference(calm).collect());
    assert!(missing.is_empty() && more.is_empty(), "{what}: missing {missing:#?}, too many {more:#?}");
}

#[tokio::test]
async fn what_was_committed_wins_over_what_a_replay_decides() -> anyhow::Result<()> {
    let now = morning();
    let mut scene = Scene::open(&[NewCar::petrol("hot", now)]).await?;
    let mut car = scene.car("hot").await?;
    let hot = trip(now - Span::from_mins(2), now, Span::from_secs(5)).map(|frame| with(frame, COOLANT, 124.0));
    let last = car.drive(hot).await?;
    car.committed(last).await?;
    let order = scene.ledger.order_on("hot", "engine.cooling").await?;

    // As if an older version had decided otherwise: no input of the journal is said to have decided anything.
    scene.premend.kill()?;
    sqlx::query("update journal set decisions = '\\x00'").execute(scene.ledger.pool()).await?;
    scene.restart_at(now + Span::from_mins(41)).await?;
    assert!(scene.premend.metric("premend_engine_replay_differences_total").await? >= 1.0);

    // One client at a time: two of one name would put each other off the air.
    drop(car);
    let mut again = scene.car("hot").await?;
    again.next_seq = last + 1;
    let cool = trip(now, now + Span::from_mins(40), Span::from_secs(5));
    let last = again.drive(cool).await?;
    again.committed(last).await?;
    let cases = scene.ledger.cases_of("hot").await?;
    assert!(cases.iter().any(|case| case.component == "engine.cooling" && case.status == "closed"), "{cases:#?}");
    assert_eq!(scene.ledger.orders_of("hot").await?.len(), 1);
    assert_eq!(scene.ledger.orders_of("hot").await?[0].order_id, order.order_id);
    Ok(())
}
