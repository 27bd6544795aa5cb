//! Every job on a real database, and what becomes of jobs that panic, fail or take long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use prometheus::Registry;
use rules::catalogue::Catalogue;
use rules::state::settle::Bounds;
use rules::unit::Span;
use rules::vehicle::{Command, OrderMove};
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::config::{Config, WantedTier};
use crate::connector::Pending;
use crate::history::journal;
use crate::outbox::fixture::{NOON, Scene};
use crate::rules_in_force::learning::tests::learning;
use crate::store::open::Store;
use crate::store::partition::Partitions;
use crate::store::pool::Pools;
use crate::store::session::{As, LOG_IN, Scope, begin_as};
use crate::store::tier;

async fn supplies(scene: &Scene) -> Supplies {
    let tier = tier::settle(&scene.pool, WantedTier::Auto).await.unwrap();
    let partitions = Partitions::new(scene.pool.clone(), tier);
    let store = Arc::new(Store { pools: Pools::of_one(&scene.pool), tier, partitions });
    let set = journal::rule_set(Arc::new(Catalogue::builtin().unwrap())).unwrap();
    let rules = InForce { sets: watch::channel(set).1, bounds: Bounds::default() };
    let learning = learning(&store.pools.jobs, &scene.clock);
    Supplies::new(store, scene.clock.clone(), Config::default(), rules, learning)
}

/// Runs a job of the registry once.
async fn run_once(supplies: &Supplies, key: &str) -> u64 {
    let job = JOBS.iter().find(|job| job.key == key).unwrap();
    (job.run)(supplies).await.unwrap()
}

/// A proposal that was due so many days before now.
async fn proposal(scene: &Scene, visit: i32, days_ago: i64) -> Uuid {
    let order = Uuid::from_u128(visit.unsigned_abs().into());
    let mut tx = begin_as(&scene.pool, As::Engine).await.unwrap();
    let due_at = (scene.clock.now() - Span::from_days(days_ago)).to_utc();
    sqlx::query(
        "insert into work_order (order_id, vehicle_id, dealer_id, visit, state, severity, due_at, opened_at)
         values ($1, 'car-1', $2, $3, 'proposed', 3, $4, $4)",
    )
    .bind(order)
    .bind(scene.dealer)
    .bind(visit)
    .bind(due_at)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    order
}

#[sqlx::test]
async fn expires_proposals_that_nobody_took_up_and_tells_the_lane(pool: PgPool) {
    let scene = Scene::at(pool.clone(), NOON).await;
    let (old, young) = (proposal(&scene, 1, 15).await, proposal(&scene, 2, 13).await);
    let supplies = supplies(&scene).await;
    assert_eq!(run_once(&supplies, "proposals").await, 1);
    assert_eq!(run_once(&supplies, "proposals").await, 0);
    let state = "select state from work_order where order_id = $1";
    assert_eq!(scene.text(state, &[old]).await.unwrap(), "expired");
    assert_eq!(scene.text(state, &[young]).await.unwrap(), "proposed");
    let moved = "select from_state || '>' || to_state from work_order_transition where order_id = $1";
    assert_eq!(scene.text(moved, &[old]).await.unwrap(), "proposed>expired");
    let said = scene.text("select body::text from command", &[]).await.unwrap();
    let expected = Command::Order { order: old, event: OrderMove::Expired, effective_at: scene.clock.now() };
    assert_eq!(serde_json::from_str::<Command>(&said).unwrap(), expected);
}

#[sqlx::test]
async fn rings_the_pages_of_a_dealer_whose_order_became_overdue(pool: PgPool) {
    let scene = Scene::at(pool.clone(), NOON).await;
    proposal(&scene, 1, -1).await;
    let supplies = supplies(&scene).await;
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen("premend_console").await.unwrap();
    assert_eq!(run_once(&supplies, "overdue").await, 0);
    scene.later(Span::from_days(1));
    assert_eq!(run_once(&supplies, "overdue").await, 1);
    assert_eq!(listener.recv().await.unwrap().payload(), scene.dealer.to_string());
    assert_eq!(run_once(&supplies, "overdue").await, 0);
}

async fn batch(scene: &Scene, n: i64, horizon: i64) {
    let received_at = scene.clock.now().to_utc();
    let inputs = journal::seal(&[]).unwrap();
    let mut tx = begin_as(&scene.pool, As::Engine).await.unwrap();
    sqlx::query(
        "insert into journal (day, incarnation, lane, n, horizon, received_from, received_to, rule_set_hash, layout,
             input_count, inputs, checksum, decisions)
         select $1, max(incarnation), 0, $2, $3, $4, $4, '', $5, 0, $6, $7, '' from incarnation",
    )
    .bind(received_at.date_naive())
    .bind(n)
    .bind(horizon)
    .bind(received_at)
    .bind(journal::INPUT_LAYOUT)
    .bind(&inputs)
    .bind(i64::from(crc32fast::hash(&inputs)))
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

#[sqlx::test]
async fn keeps_the_journal_until_snapshots_and_archive_contain_it(pool: PgPool) {
    let scene = Scene::at(pool.clone(), NOON).await;
    let supplies = supplies(&scene).await;
    scene.engine("insert into incarnation (version, host) values ('1', 'here')", &[]).await;
    run_once(&supplies, "partitions_ahead").await;
    batch(&scene, 1, 0).await;
    scene.later(Span::from_days(10));
    run_once(&supplies, "partitions_ahead").await;
    batch(&scene, 2, 0).await;
    // The days ahead of the first day hold nothing; its own does.
    run_once(&supplies, "journal").await;
    let rows = "select count(*)::text from journal";
    assert_eq!(scene.text(rows, &[]).await.unwrap(), "2");
    batch(&scene, 3, 2).await;
    run_once(&supplies, "journal").await;
    assert_eq!(scene.text(rows, &[]).await.unwrap(), "3", "snapshots contain it, the archive does not");
    run_once(&supplies, "archive").await;
    run_once(&supplies, "journal").await;
    assert_eq!(scene.text(rows, &[]).await.unwrap(), "2");
    assert_eq!(scene.text("select min(n)::text from journal", &[]).await.unwrap(), "2");
}

#[sqlx::test]
async fn ends_log_ins_whose_time_is_over(pool: PgPool) {
    let scene = Scene::at(pool.clone(), NOON).await;
    let who = As::Person { dealer: Scope::All, account: None, purpose: LOG_IN };
    let mut tx = begin_as(&pool, who).await.unwrap();
    sqlx::raw_sql(
        "insert into person.account (account_id, login, password_hash, role, display_name)
             values ('00000000-0000-0000-0000-000000000001', 'a', 'x', 'ops', 'A');
         insert into person.login_session (token_hash, account_id, expires_at)
             values ('\x01', '00000000-0000-0000-0000-000000000001', now() - interval '1 minute'),
                    ('\x02', '00000000-0000-0000-0000-000000000001', now() + interval '1 hour')",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(run_once(&supplies(&scene).await, "sessions").await, 1);
}

#[test]
fn jobs_have_keys_of_their_own_a_period_and_a_description() {
    for (place, job) in JOBS.iter().enumerate() {
        assert!(JOBS.iter().skip(place + 1).all(|other| other.key != job.key), "{} is there twice", job.key);
        assert!(job.description.ends_with('.') && job.description.len() > 20, "{}", job.key);
        let period = job.period.under(&Config::default());
        assert!((Duration::from_secs(15)..=Duration::from_hours(1)).contains(&period), "{}: {period:?}", job.key);
    }
}

const OFTEN: Period = Period::Every(Duration::from_millis(10));

const fn dummy(key: &'static str, run: for<'a> fn(&'a Supplies) -> Pending<'a, anyhow::Result<u64>>) -> Job {
    Job { key, description: "For a test.", period: OFTEN, run }
}

/// Runs jobs until `is_enough`, then stops them.
async fn run_until(scene: &Scene, jobs: &'static [Job], is_enough: impl Fn(&JobMetrics) -> bool) -> JobMetrics {
    let metrics = JobMetrics::try_new(&Registry::new(), jobs).unwrap();
    let runner = Runner::new(jobs, supplies(scene).await, metrics.clone()).patient_for(Duration::from_millis(1));
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner.run(stop.clone()));
    let looking = async {
        while !is_enough(&metrics) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking).await.expect("jobs do not come");
    assert!(!running.is_finished(), "the runner ended by itself");
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(30), running).await.expect("jobs do not end").unwrap();
    metrics
}

static UNSTEADY: &[Job] = &[
    dummy("panics", |_| {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        Box::pin(async {
            assert!(RUNS.fetch_add(1, Ordering::Relaxed) >= 2, "on purpose");
            Ok(1)
        })
    }),
    dummy("fails", |_| Box::pin(async { anyhow::bail!("on purpose") })),
    dummy("steady", |_| Box::pin(async { Ok(1) })),
];

#[sqlx::test]
async fn a_job_that_panics_comes_again_and_the_others_go_on(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let metrics = run_until(&scene, UNSTEADY, |metrics| {
        metrics.runs("panics", "done") > 0 && metrics.runs("fails", "failed") > 3 && metrics.runs("steady", "done") > 3
    })
    .await;
    assert_eq!(metrics.runs("panics", "panicked"), 2);
    assert_eq!(metrics.runs("steady", "panicked") + metrics.runs("steady", "failed"), 0);
}

static SLOW: &[Job] = &[
    dummy("slow", |_| Box::pin(std::future::pending())),
    dummy("blocks", |_| {
        Box::pin(async {
            // Holds its thread, as a job does that computes; nothing unparks it.
            std::thread::park_timeout(Duration::from_millis(500));
            Ok(1)
        })
    }),
    dummy("steady", |_| Box::pin(async { Ok(1) })),
];

#[sqlx::test]
async fn a_slow_job_delays_no_other_and_ends_with_the_engine(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let metrics = run_until(&scene, SLOW, |metrics| metrics.runs("steady", "done") >= 10).await;
    assert!(metrics.runs("blocks", "done") <= 2, "the steady one did not wait for it");
    assert_eq!(metrics.runs("slow", "done") + metrics.runs("slow", "failed"), 0, "it never overlaps itself");
}

static ALONE: &[Job] = &[dummy("alone", |_| {
    static AT_ONCE: AtomicU32 = AtomicU32::new(0);
    Box::pin(async {
        assert_eq!(AT_ONCE.fetch_add(1, Ordering::SeqCst), 0, "two runs at once");
        tokio::time::sleep(Duration::from_millis(20)).await;
        AT_ONCE.fetch_sub(1, Ordering::SeqCst);
        Ok(1)
    })
})];

#[sqlx::test]
async fn a_job_does_not_overlap_itself(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let metrics = run_until(&scene, ALONE, |metrics| metrics.runs("alone", "done") >= 5).await;
    assert_eq!(metrics.runs("alone", "panicked"), 0);
}

#[test]
fn every_job_and_outcome_is_reported_at_zero() {
    let registry = Registry::new();
    JobMetrics::try_new(&registry, JOBS).unwrap();
    let runs = registry.gather().into_iter().find(|family| family.name() == "premend_job_runs_total").unwrap();
    assert_eq!(runs.get_metric().len(), JOBS.len() * 3);
}
