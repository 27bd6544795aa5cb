//! From verdict rows over the job to the set in force, on a real database.

use std::sync::Arc;

use prometheus::Registry;
use rules::catalogue::Catalogue;
use rules::entry::rule::{Mode, RuleSource};
use rules::learned::Cohort;
use rules::observed::last::Last;
use rules::rule_set::RuleSet;
use rules::state::Vehicle;
use rules::unit::{Severity, Span};
use rules::vehicle::{Attributes, Particulars, Powertrain, Profile, Purpose, VehicleId};
use sqlx::PgPool;
use tokio::sync::watch;
use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::history::journal;
use crate::outbox::fixture::{NOON, Scene};
use crate::rules_in_force::activation;
use crate::rules_in_force::proposal::recheck;
use crate::store::label::{Label, labels};
use crate::store::session::{As, begin_as};
use crate::store::{activation as rows, rule_task, snapshot};

const HEALTH: &str = "Vehicle.Powertrain.TractionBattery.StateOfHealth";

/// A job over the shipped rules.
pub fn learning(pool: &PgPool, clock: &Clock) -> Learning {
    let set = journal::rule_set(Arc::new(Catalogue::builtin().unwrap())).unwrap();
    of_set(pool, clock, set).0
}

pub fn of_set(pool: &PgPool, clock: &Clock, set: Arc<RuleSet>) -> (Learning, watch::Sender<Arc<RuleSet>>) {
    let metrics = LearningMetrics::try_new(&Registry::new()).unwrap();
    let (sender, sets) = watch::channel(set);
    (Learning::new(pool.clone(), clock.clone(), sets, metrics), sender)
}

/// A shipped rule that is live and of a severity.
fn shipped(severity: Severity) -> RuleSource {
    let rules = Catalogue::builtin().unwrap().rules;
    rules.into_iter().find(|rule| rule.mode == Mode::Live && rule.severity == Some(severity)).unwrap()
}

/// A case of a rule, opened so many days before now; with a verdict given so many days before now, or none.
async fn case(
    scene: &Scene,
    name: &str,
    rule: (&str, u32),
    mode: &str,
    opened: i64,
    verdict: Option<(&str, i64)>,
) -> Uuid {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes());
    let opened_at = (scene.clock.now() - Span::from_days(opened)).to_utc();
    let mut tx = begin_as(&scene.pool, As::Engine).await.unwrap();
    // Other components than its own have cases of their own.
    let component = name.split(' ').next().unwrap();
    sqlx::query(
        "insert into vehicle_case (case_id, vehicle_id, dealer_id, component, episode, mode, severity, status,
             rule_key, rule_version, opened_at, closed_at, opened_received_at, confidence)
         values ($1, 'car-1', $2, $3, 1, $4, 3, 'closed', $5, $6, $7, $7, $7, 1)",
    )
    .bind(id)
    .bind(scene.dealer)
    .bind(component)
    .bind(mode)
    .bind(rule.0)
    .bind(rule.1 as i32)
    .bind(opened_at)
    .execute(&mut *tx)
    .await
    .unwrap();
    sqlx::query(
        "insert into finding (case_id, ordinal, dealer_id, rule_key, rule_version, subject, severity, status, opened_at,
             evidence, opened_because)
         values ($1, 1, $2, $3, $4, '', 3, 'closed', $5, '{}', '{}')",
    )
    .bind(id)
    .bind(scene.dealer)
    .bind(rule.0)
    .bind(rule.1 as i32)
    .bind(opened_at)
    .execute(&mut *tx)
    .await
    .unwrap();
    if let Some((verdict, days_ago)) = verdict {
        sqlx::query(
            "insert into work_order (order_id, vehicle_id, dealer_id, visit, state, severity, due_at, opened_at)
             values ($1, 'car-1', $2, 1, 'inspecting', 3, $3, $3)",
        )
        .bind(id)
        .bind(scene.dealer)
        .bind(opened_at)
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query(
            "insert into work_order_line (order_id, case_id, dealer_id, component, severity, operations, parts, labour_h,
                 extra_work, state, verdict, verdict_at)
             values ($1, $1, $2, $3, 3, '{}', '{}', 1, false, 'done', $4, $5)",
        )
        .bind(id)
        .bind(scene.dealer)
        .bind(component)
        .bind(verdict)
        .bind((scene.clock.now() - Span::from_days(days_ago)).to_utc())
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    id
}

pub async fn approved(pool: &PgPool) -> Option<Arc<RuleSet>> {
    let mut tx = begin_as(pool, As::Engine).await.unwrap();
    let approved = rows::approved(&mut tx).await.unwrap()?;
    assert_eq!(approved.origin, "job");
    Some(journal::stored_rule_set(&mut tx, &approved.rule_set_hash).await.unwrap())
}

#[sqlx::test]
async fn verdicts_become_an_activation_and_tasks_and_then_nothing_more(pool: PgPool) {
    let scene = Scene::at(pool.clone(), NOON).await;
    let (mild, grave) = (shipped(Severity::S3), shipped(Severity::S2));
    for number in 0..8 {
        for rule in [&mild, &grave] {
            let name = format!("{}{number}", rule.key);
            case(&scene, &name, (&rule.key, rule.version), "live", 10, Some(("no_fault_found", 3))).await;
        }
    }
    let before = activation::at_start(&pool, None, &scene.clock).await.unwrap();
    let (learning, sets) = of_set(&pool, &scene.clock, Arc::clone(&before));
    assert!(learning.precision().await.unwrap() > 0);
    let after = approved(&pool).await.unwrap();
    let mode = |set: &RuleSet, key: &str| set.rules.iter().find(|rule| rule.source.key == key).unwrap().source.mode;
    assert_eq!((mode(&before, &mild.key), mode(&after, &mild.key)), (Mode::Live, Mode::Shadow));
    assert_eq!(mode(&after, &grave.key), Mode::Live);

    let waiting = async || rule_task::waiting(&mut begin_as(&pool, As::Engine).await.unwrap()).await.unwrap();
    let tasks = waiting().await;
    let told: Vec<(&str, &str)> = tasks.iter().map(|task| (task.rule_key.as_str(), task.what.as_str())).collect();
    assert_eq!(told.len(), 2);
    assert!(told.contains(&(&mild.key, "demoted")) && told.contains(&(&grave.key, "performs_badly")), "{told:?}");

    // In force, and closed by a person: nothing comes again, unless it gets worse.
    sets.send_replace(after);
    let mut tx = begin_as(&pool, As::Engine).await.unwrap();
    for task in &tasks {
        assert!(rule_task::close(&mut tx, task.rule_task_id, "chen", scene.clock.now().to_utc()).await.unwrap());
    }
    tx.commit().await.unwrap();
    assert_eq!(learning.precision().await.unwrap(), 0);
    for number in 8..30 {
        let name = format!("{}{number}", grave.key);
        case(&scene, &name, (&grave.key, grave.version), "live", 10, Some(("no_fault_found", 3))).await;
    }
    assert!(learning.precision().await.unwrap() > 0);
    let again = waiting().await;
    assert!(again.len() == 1 && again[0].rule_key == grave.key, "{again:?}");
}

#[sqlx::test]
async fn a_start_with_other_rules_keeps_what_was_learned(pool: PgPool) {
    let scene = Scene::at(pool.clone(), NOON).await;
    let mild = shipped(Severity::S3);
    for number in 0..8 {
        let name = format!("x{number}");
        case(&scene, &name, (&mild.key, mild.version), "live", 10, Some(("no_fault_found", 3))).await;
    }
    let before = activation::at_start(&pool, None, &scene.clock).await.unwrap();
    of_set(&pool, &scene.clock, before).0.precision().await.unwrap();
    let mut tx = begin_as(&pool, As::Engine).await.unwrap();
    let job = rows::approved(&mut tx).await.unwrap().unwrap();
    rows::activate(&mut tx, job.activation_id, &job.rule_set_hash, scene.clock.now().to_utc()).await.unwrap();
    tx.commit().await.unwrap();
    let same = activation::at_start(&pool, None, &scene.clock).await.unwrap();
    assert_eq!(same.hash.to_vec(), job.rule_set_hash);

    let overlay = tempfile::tempdir().unwrap();
    std::fs::create_dir(overlay.path().join("rules")).unwrap();
    let own = "[[rule]]\nkey = \"own.news\"\nversion = 1\ncomponent = \"engine.oil\"\n\
               title = { zh-CN = \"x\", en = \"x\" }\nreason = { zh-CN = \"x\", en = \"x\" }\n\
               when = \"Vehicle.Speed > 300\"\nseverity = \"S4\"\npurpose = \"diagnostics\"\nsource = \"test\"\n";
    std::fs::write(overlay.path().join("rules/own.toml"), own).unwrap();
    // It waits for a second person, and what was agreed to goes on.
    let waiting = activation::at_start(&pool, Some(overlay.path()), &scene.clock).await.unwrap();
    assert_eq!(waiting.hash, same.hash);
    let mut tx = begin_as(&pool, As::Engine).await.unwrap();
    let row = rows::history(&mut tx, 1).await.unwrap().remove(0);
    assert_eq!((row.state.as_str(), row.author.as_str()), ("waiting", "operator"));
    drop(tx);
    let other = recheck(&pool, &same, &row).await.unwrap().unwrap();
    assert!(other.find("own.news", "").is_some());
    assert_eq!(other.catalogue.learned, same.catalogue.learned);
}

#[sqlx::test]
async fn a_case_without_an_order_is_labelled_by_its_neighbour_and_a_fault_that_came_back_counts_half(pool: PgPool) {
    let scene = Scene::at(pool.clone(), NOON).await;
    case(&scene, "near live", ("live", 1), "live", 40, Some(("confirmed", 20))).await;
    case(&scene, "near shadow", ("shadow", 2), "shadow", 45, None).await;
    case(&scene, "near late", ("late", 1), "shadow", 19, None).await;
    case(&scene, "near early", ("early", 1), "canary", 51, None).await;
    case(&scene, "back live", ("nothing", 1), "live", 40, Some(("no_fault_found", 30))).await;
    case(&scene, "back again", ("other", 1), "live", 10, None).await;
    case(&scene, "gone live", ("nothing", 1), "live", 40, Some(("no_fault_found", 31))).await;
    case(&scene, "gone again", ("nothing", 1), "live", 10, None).await;
    let now = scene.clock.now().to_utc();
    let mut tx = begin_as(&pool, As::Engine).await.unwrap();
    let found = labels(&mut tx, oldest(now)).await.unwrap();
    let told: Vec<(&str, i32, &str, bool, i64)> = found
        .iter()
        .map(|Label { rule_key, rule_version, verdict, came_back, count, .. }| {
            (rule_key.as_str(), *rule_version, verdict.word(), *came_back, *count)
        })
        .collect();
    let expected = [
        ("live", 1, "confirmed", false, 1),
        ("nothing", 1, "no_fault_found", false, 1),
        ("nothing", 1, "no_fault_found", true, 1),
        ("shadow", 2, "confirmed", false, 1),
    ];
    assert_eq!(told, expected);
    let tallies = tallies(&found, now.date_naive());
    let weight = |days: f64| (-days / 180.0).exp2();
    let refuted = tallies[&("nothing".to_owned(), 1)].refuted;
    assert!((refuted - 0.5 * weight(30.0) - weight(31.0)).abs() < 1e-9, "{refuted}");
}

/// Thirty electric cars and more, by one snapshot each; health by number.
async fn snapshots(scene: &Scene, set: &RuleSet, count: u32, consents: bool) {
    let health = set.catalogue.signals.slot_of_path(HEALTH).unwrap();
    let mut rows = Vec::new();
    for number in 0..count {
        let consents = consents.then_some(Purpose::Diagnostics).into_iter().collect();
        let profile = Profile::new(Particulars {
            model: "compact-bev".to_owned(),
            model_year: 2025,
            powertrain: Powertrain::Bev,
            region: String::new(),
            software: String::new(),
            tier: String::new(),
            dealer: scene.dealer,
            owner: None,
            consents,
            allowed: None,
            delivered_at: scene.clock.now(),
            attributes: Attributes::default(),
        });
        let id = VehicleId::try_new(&format!("bev-{}-{number}", profile.consents.len()));
        let mut vehicle = Vehicle::new(id.unwrap(), profile, set);
        vehicle.odometer.km = 31_000.0;
        vehicle.last.set(health.index(), Last { value: 80.0 + f64::from(number % 20), at: scene.clock.now() });
        let position = journal::Position { incarnation: 1, n: 1, index: 0 };
        rows.push(journal::snapshot_row(&vehicle, position, 0, set).unwrap());
    }
    let mut tx = begin_as(&scene.pool, As::Engine).await.unwrap();
    snapshot::write(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
}

#[sqlx::test]
async fn the_last_values_of_consenting_vehicles_become_quantiles_once_a_day(pool: PgPool) {
    let scene = Scene::at(pool.clone(), NOON).await;
    let before = activation::at_start(&pool, None, &scene.clock).await.unwrap();
    let (learning, sets) = of_set(&pool, &scene.clock, Arc::clone(&before));
    snapshots(&scene, &before, 100, false).await;
    snapshots(&scene, &before, 29, true).await;
    assert_eq!(learning.cohorts().await.unwrap(), 0, "too few who consent");
    assert!(approved(&pool).await.is_none());
    snapshots(&scene, &before, 200, true).await;
    assert_eq!(learning.cohorts().await.unwrap(), 0, "not again on the same day");
    scene.later(Span::from_days(1));
    assert_eq!(learning.cohorts().await.unwrap(), 1);
    let after = approved(&pool).await.unwrap();
    let entries = &after.catalogue.learned.cohorts.entries;
    assert_eq!(entries.len(), 1, "{entries:?}");
    let entry = &entries[0];
    assert_eq!(
        (entry.signal.as_str(), entry.model.as_str(), entry.from_km, entry.vehicles),
        (HEALTH, "compact-bev", 20_000.0, 200)
    );
    assert!((entry.value - 80.5).abs() < 0.6, "{entry:?}");
    let cohort = |km| Cohort { table: &after.cohorts, model: after.cohorts.model("compact-bev"), km }.ask(0);
    assert!(cohort(31_000.0) == entry.value && cohort(60_000.0).is_nan());

    // In force: the same day and the same quantiles are no new table.
    sets.send_replace(Arc::clone(&after));
    assert_eq!(learning.cohorts().await.unwrap(), 0);
    scene.later(Span::from_days(1));
    assert_eq!(learning.cohorts().await.unwrap(), 0);
}
