//! Pages that replay the past take turns: however many are asked for, commits and probes do not wait for them,
//! and none fails without saying why.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use reqwest::StatusCode;
use rules::unit::Span;
use simulator::publisher::{Pace, VirtualClock};
use tokio::task::JoinSet;

use crate::world::road::petrol;
use crate::world::{Advisor, Car, Fleet, NewCar, Scene, Script, eventually, morning};

const CARS: u32 = 20;
/// Ten messages a second of each car.
const EVERY: Span = Span::from_millis(100);
const PROBE: &str = "probe";
/// For how long pages are asked for.
const STORM: Duration = Duration::from_secs(12);
/// What a debug build on a busy machine must keep; it stood for up to 40 s when pages and lanes shared a pool.
const COMMIT_P99: Duration = Duration::from_secs(2);

/// Messages one after the other, each when the last one is committed, until `storm` has ended.
async fn commit_times(car: &mut Car, clock: VirtualClock, until: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    for tick in 0.. {
        if Instant::now() >= until {
            break;
        }
        let started = Instant::now();
        let last = car.drive([petrol(clock.now(), tick)]).await?;
        car.committed(last).await?;
        took.push(started.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    took.sort_unstable();
    Ok(took)
}

fn p99(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() * 99 / 100).copied().unwrap_or_default()
}

/// So many readers, each asking again when the last answer came; gives how often each answer was given.
async fn storm(li: &Advisor, clock: VirtualClock, readers: u32) -> anyhow::Result<BTreeMap<StatusCode, u32>> {
    let until = Instant::now() + STORM;
    let mut reading = JoinSet::new();
    for reader in 0..readers {
        let li = li.clone();
        let car = Script::id(reader % CARS);
        reading.spawn(async move {
            let mut answers = Vec::new();
            while Instant::now() < until {
                let at = clock.now() - Span::from_secs(1);
                let (status, page) =
                    li.page(&format!("/vehicles/{car}/explain?rule=engine.overheat_stop&at={at}")).await?;
                match status {
                    StatusCode::OK => anyhow::ensure!(page.contains("engine.overheat_stop"), "{page}"),
                    StatusCode::SERVICE_UNAVAILABLE => {
                        anyhow::ensure!(page.contains("Wait a few seconds"), "{page}");
                        tokio::time::sleep(Duration::from_millis(300)).await;
                    }
                    other => anyhow::bail!("{other}: {page}"),
                }
                answers.push(status);
            }
            Ok(answers)
        });
    }
    let mut count = BTreeMap::new();
    while let Some(answers) = reading.join_next().await {
        for status in answers?? {
            *count.entry(status).or_default() += 1;
        }
    }
    Ok(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_past_delay_no_commit() -> anyhow::Result<()> {
    let script = Script::new(CARS, morning(), EVERY);
    let mut cars = script.garage();
    cars.push(NewCar::petrol(PROBE, morning()));
    let scene = Scene::open(&cars).await?;
    let clock = VirtualClock::starting_now(morning(), Pace::Times(1.0));
    let mut fleet = Fleet::start(&script, scene.premend.mqtt()?, clock)?;
    eventually("messages to replay", Duration::from_secs(60), || async {
        Ok((fleet.link.traffic.committed() > 3_000).then_some(()))
    })
    .await?;
    let li = Advisor::log_in_patiently(&scene.premend, "li").await?;
    let mut probe = scene.car(PROBE).await?;
    let quiet = commit_times(&mut probe, clock, Instant::now() + Duration::from_secs(3)).await?;
    println!("no pages: commit p99 {:?} of {}", p99(&quiet), quiet.len());
    for readers in [16, 64] {
        let until = Instant::now() + STORM;
        let ready = async {
            let mut slowest = Duration::ZERO;
            while Instant::now() < until {
                let asked = Instant::now();
                anyhow::ensure!(scene.premend.is_ready().await?, "not ready");
                slowest = slowest.max(asked.elapsed());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            anyhow::Ok(slowest)
        };
        let (answers, took, ready) =
            tokio::try_join!(storm(&li, clock, readers), commit_times(&mut probe, clock, until), ready)?;
        let slowest = took.last().copied().context("nothing was committed")?;
        println!(
            "{readers} pages: commit p99 {:?}, slowest {slowest:?} of {}; readiness within {ready:?}; answers {answers:?}",
            p99(&took),
            took.len()
        );
        assert!(p99(&took) < COMMIT_P99, "{:?}", p99(&took));
        assert!(ready < COMMIT_P99, "{ready:?}");
        assert!(answers.get(&StatusCode::OK).is_some_and(|shown| *shown > 0), "{answers:?}");
    }
    script.end_at(clock.now() + Span::from_secs(1));
    fleet.arrive().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_stands_still_is_told_by_readiness() -> anyhow::Result<()> {
    let scene = Scene::open(&[NewCar::petrol(PROBE, morning())]).await?;
    let mut car = scene.car(PROBE).await?;
    let last = car.drive([petrol(morning(), 0)]).await?;
    car.committed(last).await?;
    // Somebody holds a lock that every commit needs.
    let mut blocking = scene.ledger.pool().begin().await?;
    sqlx::query("lock table journal in access exclusive mode").execute(&mut *blocking).await?;
    let last = car.drive([petrol(morning() + Span::from_secs(1), 1)]).await?;
    eventually("that readiness names the commits", Duration::from_secs(20), || async {
        let answer = reqwest::get(scene.premend.url("/readyz")).await?;
        let is_told =
            answer.status() == StatusCode::SERVICE_UNAVAILABLE && answer.text().await?.contains("\"commits\"");
        Ok(is_told.then_some(()))
    })
    .await?;
    assert!(scene.premend.metric("premend_engine_batch_age_seconds").await? >= 5.0);
    blocking.rollback().await?;
    car.committed(last).await?;
    scene.premend.ready().await
}
