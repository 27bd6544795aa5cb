//! The relay against a real database: what is promised about leaving, as behaviour.

use std::sync::Arc;
use std::time::Duration;

use rules::unit::{Severity, Span};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::fixture::{NIGHT, NOON, Scene, Scripted, Wanted};
use super::judge::lease;
use crate::clock::Wake;
use crate::outbox::channel::{Channel, ConsoleInbox, Outcome};
use crate::store::outbox::claim;
use crate::store::session::{As, begin_as};

const LEASE: Duration = Duration::from_secs(30);

fn retrying() -> Arc<Scripted> {
    Scripted::answering(Outcome::Retry { after: None, why: "busy".to_owned() })
}

#[sqlx::test]
async fn delivers_once_and_records_the_attempt(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let entry = scene.enqueue("a", Wanted::default()).await;
    let channel = Scripted::answering(Outcome::Delivered);
    let relay = scene.relay(vec![channel.clone()]);
    relay.settle().await.unwrap();
    relay.settle().await.unwrap();
    assert_eq!(scene.fate(entry).await, "delivered [delivered]");
    assert_eq!(channel.count(), 1);
}

#[sqlx::test]
async fn a_running_relay_is_woken_by_the_database(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let relay = scene.relay(vec![Scripted::answering(Outcome::Delivered)]);
    let (wake, stop) = (Wake::new(), CancellationToken::new());
    let listening = tokio::spawn(wake.clone().listen(scene.pool.clone(), "premend_outbox", stop.clone()));
    let running = tokio::spawn(relay.run(wake, stop.clone()));
    let entry = scene.enqueue("a", Wanted::default()).await;
    let delivered = async {
        while scene.fate(entry).await != "delivered [delivered]" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), delivered).await.unwrap();
    stop.cancel();
    running.await.unwrap();
    listening.await.unwrap();
}

#[sqlx::test]
async fn a_lease_keeps_others_away_until_it_expires(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let entry = scene.enqueue("a", Wanted::default()).await;
    // A relay that claims and is never heard of again.
    let mut tx = begin_as(&scene.pool, As::Engine).await.unwrap();
    assert_eq!(claim(&mut tx, scene.clock.now(), lease(LEASE), 10).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    let channel = Scripted::answering(Outcome::Delivered);
    let relay = scene.relay(vec![channel.clone()]);
    relay.settle().await.unwrap();
    assert_eq!(channel.count(), 0);
    scene.engine("update outbox set leased_until = now() - interval '1 second'", &[]).await;
    relay.settle().await.unwrap();
    assert_eq!(scene.fate(entry).await, "delivered [delivered]");
}

#[sqlx::test]
async fn what_was_delivered_but_not_recorded_is_delivered_again_under_the_same_id(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let entry = scene.enqueue("a", Wanted::default()).await;
    let inbox: Arc<dyn Channel> = Arc::new(ConsoleInbox::new(scene.pool.clone(), scene.clock.clone()));
    scene.engine("update outbox set channel = 'console'", &[]).await;
    let relay = scene.relay(vec![inbox]);
    relay.settle().await.unwrap();
    // As if the engine had died before the record.
    scene.engine("delete from attempt where outbox_id = $1", &[entry.outbox]).await;
    scene.engine("update outbox set state = 'queued', leased_until = now() - interval '1 second'", &[]).await;
    relay.settle().await.unwrap();
    assert_eq!(scene.fate(entry).await, "delivered [delivered]");
    let messages = scene.text("select string_agg(title ->> 'en', '|') from console_message", &[]).await;
    assert_eq!(messages.as_deref(), Some("Note template"));
}

#[sqlx::test]
async fn two_relays_never_deliver_one_entry_at_once(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    for n in 0..40 {
        scene.enqueue(&format!("entry {n}"), Wanted { to_owner: false, ..Wanted::default() }).await;
    }
    let channel = Scripted::answering(Outcome::Delivered);
    let (one, two) = (scene.relay(vec![channel.clone()]), scene.relay(vec![channel.clone()]));
    let (one, two) = (tokio::spawn(async move { one.settle().await }), tokio::spawn(async move { two.settle().await }));
    one.await.unwrap().and(two.await.unwrap()).unwrap();
    assert_eq!((channel.count(), channel.carried.lock().unwrap().len()), (40, 40));
}

#[sqlx::test]
async fn quiet_hours_hold_a_notice_and_it_is_checked_again_in_the_morning(pool: PgPool) {
    let scene = Scene::at(pool, NIGHT).await;
    let (stays, ends) =
        (scene.enqueue("stays", Wanted::default()).await, scene.enqueue("ends", Wanted::default()).await);
    let relay = scene.relay(vec![Scripted::answering(Outcome::Delivered)]);
    relay.settle().await.unwrap();
    assert_eq!(scene.fate(stays).await, "queued quiet_hours []");
    scene.close(ends.case).await;
    scene.later(Span::from_hours(9));
    relay.settle().await.unwrap();
    // 08:00 is not 08:30.
    assert_eq!(scene.fate(stays).await, "queued quiet_hours []");
    scene.later(Span::from_mins(30));
    relay.settle().await.unwrap();
    assert_eq!(scene.fate(stays).await, "delivered [delivered]");
    assert_eq!(scene.fate(ends).await, "cancelled case_ended [cancelled]");
}

#[sqlx::test]
async fn stop_now_does_not_wait_for_the_morning(pool: PgPool) {
    let scene = Scene::at(pool, NIGHT).await;
    let stop = Wanted { severity: Severity::S1, stage: "stop_now", ..Wanted::default() };
    let entry = scene.enqueue("a", stop).await;
    scene.relay(vec![Scripted::answering(Outcome::Delivered)]).settle().await.unwrap();
    assert_eq!(scene.fate(entry).await, "delivered [delivered]");
}

#[sqlx::test]
async fn a_case_that_ends_cancels_what_is_held_at_once(pool: PgPool) {
    let scene = Scene::at(pool, NIGHT).await;
    let entry = scene.enqueue("a", Wanted::default()).await;
    let relay = scene.relay(vec![Scripted::answering(Outcome::Delivered)]);
    relay.settle().await.unwrap();
    scene.close(entry.case).await;
    relay.settle().await.unwrap();
    assert_eq!(scene.fate(entry).await, "cancelled case_ended [cancelled]");
}

#[sqlx::test]
async fn a_withdrawn_consent_cancels_what_is_held_at_once(pool: PgPool) {
    let scene = Scene::at(pool, NIGHT).await;
    let entry = scene.enqueue("a", Wanted::default()).await;
    let relay = scene.relay(vec![Scripted::answering(Outcome::Delivered)]);
    relay.settle().await.unwrap();
    scene.engine("update consent set withdrawn_at = now()", &[]).await;
    relay.settle().await.unwrap();
    assert_eq!(scene.fate(entry).await, "cancelled consent_withdrawn [cancelled]");
}

#[sqlx::test]
async fn a_former_owner_hears_nothing(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let entry = scene.enqueue("a", Wanted::default()).await;
    scene.engine("update vehicle_role set valid_to = '2026-11-01'", &[]).await;
    scene.relay(vec![Scripted::answering(Outcome::Delivered)]).settle().await.unwrap();
    assert_eq!(scene.fate(entry).await, "cancelled owner_changed [cancelled]");
}

#[sqlx::test]
async fn two_notices_at_once_take_one_place_of_the_budget(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    for name in ["a", "b", "c", "d"] {
        scene.enqueue(name, Wanted::default()).await;
    }
    let channel = Scripted::answering(Outcome::Delivered);
    let (one, two) = (scene.relay(vec![channel.clone()]), scene.relay(vec![channel.clone()]));
    for _ in 0..2 {
        let (first, second) = (one.clone(), two.clone());
        let first = tokio::spawn(async move { first.settle().await });
        let second = tokio::spawn(async move { second.settle().await });
        first.await.unwrap().and(second.await.unwrap()).unwrap();
    }
    assert_eq!(channel.count(), 1);
    scene.later(Span::from_days(1));
    one.settle().await.unwrap();
    assert_eq!(channel.count(), 2);
}

#[sqlx::test]
async fn a_failed_delivery_waits_longer_each_time_and_is_parked_in_the_end(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let entry = scene.enqueue("a", Wanted { to_owner: false, ..Wanted::default() }).await;
    let relay = scene.relay(vec![retrying()]);
    relay.settle().await.unwrap();
    assert_eq!(scene.fate(entry).await, "queued busy [retry]");
    scene.later(Span::from_secs(5));
    relay.settle().await.unwrap();
    scene.later(Span::from_secs(4));
    relay.settle().await.unwrap();
    assert_eq!(scene.fate(entry).await, "queued busy [retry retry]");
    scene.later(Span::from_secs(6));
    relay.settle().await.unwrap();
    assert_eq!(scene.fate(entry).await, "parked gave up after 3 attempts: busy [retry retry parked]");
}

#[sqlx::test]
async fn an_unknown_channel_is_parked_with_its_name(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let entry = scene.enqueue("a", Wanted { channel: "pigeon", ..Wanted::default() }).await;
    scene.relay(vec![retrying()]).settle().await.unwrap();
    assert_eq!(scene.fate(entry).await, "parked there is no channel `pigeon` here [parked]");
}

#[sqlx::test]
async fn a_resolve_notice_goes_to_whom_was_told_and_only_then(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let told = scene.enqueue("told", Wanted::default()).await;
    let relay = scene.relay(vec![Scripted::answering(Outcome::Delivered)]);
    relay.settle().await.unwrap();
    let untold = scene.enqueue("untold", Wanted::default()).await;
    scene.close(told.case).await;
    scene.close(untold.case).await;
    let resolve = |case| Wanted { stage: "resolved", case: Some(case), ..Wanted::default() };
    let over = scene.enqueue("over", resolve(told.case)).await;
    let silent = scene.enqueue("silent", resolve(untold.case)).await;
    relay.settle().await.unwrap();
    scene.later(Span::from_secs(5));
    relay.settle().await.unwrap();
    assert_eq!(scene.fate(over).await, "delivered [delivered]");
    assert_eq!(scene.fate(silent).await, "cancelled never_told [cancelled]");
}

#[sqlx::test]
async fn a_stop_now_ahead_of_its_case_goes_out_and_one_that_eased_does_not(pool: PgPool) {
    let scene = Scene::at(pool, NIGHT).await;
    let milder = scene.enqueue("milder", Wanted { to_owner: false, ..Wanted::default() }).await;
    let relay = scene.relay(vec![Scripted::answering(Outcome::Delivered)]);
    let stop = Wanted {
        severity: Severity::S1,
        stage: "stop_now",
        to_owner: false,
        case: Some(milder.case),
        ..Wanted::default()
    };
    let ahead = scene.enqueue("ahead", stop).await;
    relay.settle().await.unwrap();
    assert_eq!(scene.fate(ahead).await, "delivered [delivered]");
    let eased = scene.enqueue("eased", Wanted { to_owner: false, ..Wanted::default() }).await;
    scene.engine("update vehicle_case set severity = 3 where case_id = $1", &[eased.case]).await;
    scene
        .engine(
            "insert into case_change (case_id, change_no, dealer_id, kind, measured_at, received_at, because)
             select $1, 2, dealer_id, 'ease', opened_at, opened_at, 'milder' from vehicle_case where case_id = $1",
            &[eased.case],
        )
        .await;
    relay.settle().await.unwrap();
    assert_eq!(scene.fate(eased).await, "cancelled case_eased [cancelled]");
}
