//! Vehicles and load over a real broker, against an engine that only commits.

#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rules::unit::{Span, Time};
use simulator::fleet::FleetPlan;
use simulator::load::{self, LoadPlan};
use simulator::publisher::{self, Link, Pace, UnitReport, VirtualClock};
use simulator::trouble::Troubles;
use support::{Engine, Store};
use tokio_util::sync::CancellationToken;

/// Longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_mins(1);

fn start() -> Time {
    Time::parse("2026-03-02T16:00:00Z").unwrap()
}

fn plan(vehicles: u32, days: i64) -> FleetPlan {
    let mut plan = FleetPlan::new(21, vehicles, start());
    plan.end = Some(start() + Span::from_days(days));
    plan
}

fn link(engine: &Engine, plan: &FleetPlan) -> Link {
    let clock = VirtualClock::starting_now(start(), Pace::AsCommitted);
    let mut link = Link::new("127.0.0.1", engine.address.port(), clock);
    (link.end, link.seed, link.resend_after) = (plan.end, plan.seed, Duration::from_millis(400));
    link
}

async fn fly(plan: &FleetPlan, link: Link, stop: &CancellationToken) -> Vec<UnitReport> {
    let link = Arc::new(link);
    let flight = publisher::run(plan.build().unwrap(), &link, stop);
    tokio::time::timeout(PATIENCE, flight).await.expect("the fleet gets everything committed").unwrap()
}

/// What the fleet measured, per vehicle.
fn measured(plan: &FleetPlan) -> Vec<u64> {
    let mut counts = vec![0; plan.vehicles as usize];
    for (number, _) in plan.frames().unwrap() {
        counts[number as usize] += 1;
    }
    counts
}

fn committed(reports: &[UnitReport]) -> Vec<u64> {
    reports.iter().map(|report| report.committed).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_measured_is_committed_once_and_in_order() {
    let store = Arc::new(Mutex::new(Store::default()));
    let engine = Engine::start(&store, None);
    let plan = plan(12, 1);
    let reports = fly(&plan, link(&engine, &plan), &CancellationToken::new()).await;
    assert_eq!(committed(&reports), measured(&plan));
    let store = store.lock().unwrap();
    assert_eq!(store.messages(), measured(&plan).iter().sum::<u64>());
    assert_eq!(store.duplicates, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_engine_and_broker_die_together() {
    let store = Arc::new(Mutex::new(Store::default()));
    let engine = Engine::start(&store, None);
    let plan = plan(8, 2);
    let expected = measured(&plan);
    let (address, link) = (engine.address, link(&engine, &plan));
    let killer = tokio::spawn({
        let (store, total) = (Arc::clone(&store), expected.iter().sum::<u64>());
        async move {
            let mut engine = engine;
            for share in [0.1, 0.4, 0.7] {
                let enough = (total as f64 * share) as u64;
                tokio::time::timeout(PATIENCE, async {
                    while store.lock().unwrap().messages() < enough {
                        tokio::task::yield_now().await;
                    }
                })
                .await
                .expect("the fleet goes on");
                engine.kill().await;
                engine = Engine::start(&store, Some(address));
            }
            engine
        }
    });
    let reports = fly(&plan, link, &CancellationToken::new()).await;
    let _engine = killer.await.unwrap();
    assert_eq!(committed(&reports), expected);
    assert_eq!(store.lock().unwrap().messages(), expected.iter().sum::<u64>());
    assert!(reports.iter().any(|report| report.connects > 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_acknowledgements_are_asked_for_again() {
    let store = Arc::new(Mutex::new(Store { swallow: 40, ..Store::default() }));
    let engine = Engine::start(&store, None);
    let plan = plan(3, 1);
    let reports = fly(&plan, link(&engine, &plan), &CancellationToken::new()).await;
    assert_eq!(committed(&reports), measured(&plan));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_messages_holes_and_lost_stores_do_not_stop_a_vehicle() {
    let store = Arc::new(Mutex::new(Store::default()));
    let engine = Engine::start(&store, None);
    let mut plan = plan(6, 1);
    plan.troubles = Troubles::parse("corrupt=0.02,hole=0.02,lost-store=0.003").unwrap();
    let mut link = link(&engine, &plan);
    link.troubles = plan.troubles;
    let reports = fly(&plan, link, &CancellationToken::new()).await;
    assert!(reports.iter().all(|report| report.waiting == 0));
    let unreadable: u64 = reports.iter().map(|report| report.unreadable).sum();
    let store = store.lock().unwrap();
    assert!(unreadable > 5 && store.unreadable >= unreadable, "{unreadable} {}", store.unreadable);
    assert!(store.streams.keys().any(|(_, stream)| *stream > 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbering_goes_on_after_the_units_were_restarted() {
    let store = Arc::new(Mutex::new(Store::default()));
    let engine = Engine::start(&store, None);
    let plan = plan(5, 8);
    let folder = tempfile::tempdir().unwrap();
    let expected = measured(&plan).iter().sum::<u64>();
    let stop = CancellationToken::new();
    let stopper = tokio::spawn({
        let (store, stop) = (Arc::clone(&store), stop.clone());
        async move {
            while store.lock().unwrap().messages() < expected / 10 {
                tokio::task::yield_now().await;
            }
            stop.cancel();
        }
    });
    let mut first = link(&engine, &plan);
    first.folder = Some(folder.path().to_owned());
    fly(&plan, first, &stop).await;
    stopper.await.unwrap();
    assert!(store.lock().unwrap().messages() < expected);
    let mut second = link(&engine, &plan);
    // A vehicle without a file would begin this stream; with one it goes on in its own.
    (second.folder, second.stream) = (Some(folder.path().to_owned()), 9);
    fly(&plan, second, &CancellationToken::new()).await;
    let store = store.lock().unwrap();
    assert_eq!(store.messages(), expected);
    assert!(store.streams.keys().all(|(_, stream)| *stream == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn troubles_on_the_way_lose_nothing_at_a_pace() {
    let store = Arc::new(Mutex::new(Store::default()));
    let engine = Engine::start(&store, None);
    let mut plan = plan(4, 1);
    plan.troubles = Troubles::parse("late=0.1:10m,doubled=0.05,shuffled=2m").unwrap();
    let mut link = link(&engine, &plan);
    link.clock = VirtualClock::starting_now(start(), Pace::Times(14_400.0));
    (link.troubles, link.resend_after) = (plan.troubles, Duration::from_secs(2));
    let reports = fly(&plan, link, &CancellationToken::new()).await;
    assert_eq!(committed(&reports), measured(&plan));
    assert!(store.lock().unwrap().duplicates > 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_is_committed_to_the_last_message_and_measured() {
    let store = Arc::new(Mutex::new(Store::default()));
    let engine = Engine::start(&store, None);
    let mut plan = LoadPlan::new("127.0.0.1", engine.address.port(), start());
    (plan.connections, plan.messages, plan.threads) = (20, Some(400), 2);
    let report = tokio::task::spawn_blocking(move || load::run(&plan)).await.unwrap().unwrap();
    assert_eq!((report.sent, report.acknowledged, report.committed), (8_000, 8_000, 8_000));
    assert_eq!((report.to_acknowledged.len(), report.to_committed.len()), (8_000, 8_000));
    assert_eq!(report.readings, 24_000);
    assert!(report.messages_per_sec() > 0.0);
    assert_eq!(store.lock().unwrap().messages(), 8_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_keeps_to_its_rate() {
    let store = Arc::new(Mutex::new(Store::default()));
    let engine = Engine::start(&store, None);
    let mut plan = LoadPlan::new("127.0.0.1", engine.address.port(), start());
    (plan.connections, plan.rate, plan.samples_per_publish) = (10, Some(200.0), 5);
    plan.duration = Duration::from_secs(2);
    let report = tokio::task::spawn_blocking(move || load::run(&plan)).await.unwrap().unwrap();
    assert!((350..=410).contains(&report.sent), "{}", report.sent);
    assert_eq!(report.committed, report.sent);
}
