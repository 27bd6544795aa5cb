use rules::catalogue::Catalogue;
use rules::vehicle::{Command, OrderMove};
use sqlx::postgres::PgListener;
use uuid::Uuid;

use super::*;
use crate::config::WantedTier;
use crate::history::journal;
use crate::outbox::fixture::{NOON, Scene};
use crate::store::pool::Pools;
use crate::store::tier;

async fn store(pool: &PgPool) -> Store {
    let tier = tier::settle(pool, WantedTier::Auto).await.unwrap();
    Store { pools: Pools::of_one(pool), tier, partitions: Partitions::new(pool.clone(), tier) }
}

fn sweep<'a>(store: &'a Store, scene: &Scene) -> Sweep<'a> {
    let metrics = SweepMetrics::try_new(&Registry::new()).unwrap();
    let set = journal::rule_set(Arc::new(Catalogue::builtin().unwrap())).unwrap();
    let rules = InForce { sets: watch::channel(set).1, bounds: Bounds::default() };
    let learning = crate::rules_in_force::learning::tests::learning(&store.pools.jobs, &scene.clock);
    Sweep::new(store, scene.clock.clone(), &config::Config::default(), rules, learning, metrics)
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
    let (scene, store) = (Scene::at(pool.clone(), NOON).await, store(&pool).await);
    let (old, young) = (proposal(&scene, 1, 15).await, proposal(&scene, 2, 13).await);
    let sweep = sweep(&store, &scene);
    assert_eq!(sweep.run_once(Job::Proposals).await.unwrap(), 1);
    assert_eq!(sweep.run_once(Job::Proposals).await.unwrap(), 0);
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
    let (scene, store) = (Scene::at(pool.clone(), NOON).await, store(&pool).await);
    proposal(&scene, 1, -1).await;
    let sweep = sweep(&store, &scene);
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen("premend_console").await.unwrap();
    assert_eq!(sweep.run_once(Job::Overdue).await.unwrap(), 0);
    scene.later(Span::from_days(1));
    assert_eq!(sweep.run_once(Job::Overdue).await.unwrap(), 1);
    assert_eq!(listener.recv().await.unwrap().payload(), scene.dealer.to_string());
    assert_eq!(sweep.run_once(Job::Overdue).await.unwrap(), 0);
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
    let (scene, store) = (Scene::at(pool.clone(), NOON).await, store(&pool).await);
    let sweep = sweep(&store, &scene);
    scene.engine("insert into incarnation (version, host) values ('1', 'here')", &[]).await;
    sweep.run_once(Job::PartitionsAhead).await.unwrap();
    batch(&scene, 1, 0).await;
    scene.later(Span::from_days(10));
    sweep.run_once(Job::PartitionsAhead).await.unwrap();
    batch(&scene, 2, 0).await;
    // The days ahead of the first day hold nothing; its own does.
    sweep.run_once(Job::Journal).await.unwrap();
    let rows = "select count(*)::text from journal";
    assert_eq!(scene.text(rows, &[]).await.unwrap(), "2");
    batch(&scene, 3, 2).await;
    sweep.run_once(Job::Journal).await.unwrap();
    assert_eq!(scene.text(rows, &[]).await.unwrap(), "3", "snapshots contain it, the archive does not");
    sweep.run_once(Job::Archive).await.unwrap();
    sweep.run_once(Job::Journal).await.unwrap();
    assert_eq!(scene.text(rows, &[]).await.unwrap(), "2");
    assert_eq!(scene.text("select min(n)::text from journal", &[]).await.unwrap(), "2");
}

#[sqlx::test]
async fn ends_log_ins_whose_time_is_over(pool: PgPool) {
    let (scene, store) = (Scene::at(pool.clone(), NOON).await, store(&pool).await);
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
    assert_eq!(sweep(&store, &scene).run_once(Job::Sessions).await.unwrap(), 1);
}
