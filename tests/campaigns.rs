//! Early warning: a batch that has a fault more often than its siblings becomes a proposal, which the manufacturer's
//! people see and decide on, and nobody else.

use reqwest::StatusCode;
use rules::unit::Span;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::console::{in_language, log_in, look};
use crate::world::{Advisor, Browser, MORNING, NewCar, SOON, Scene, Screen, eventually, morning};

/// Eight batches of sixty cars at two dealers, all on the road every day of twelve weeks. Every batch has a fault of the
/// cooling now and then; the last one, built with the newest software, has had many for five weeks. Two others have as
/// many that do not count: shadows, and cases that were withdrawn.
const FLEET: &str = "
    create temporary table built as
    select 'b' || batch || '-' || n as vehicle_id, batch, n, dealer[1 + n % 2] as dealer_id,
           ('2025-01-10'::date + make_interval(months => batch - 1))::date as produced_on,
           case when batch = 8 or (batch + n) % 2 = 0 then '2.3.1' else '2.2.4' end as software
    from generate_series(1, 8) batch, generate_series(0, 59) n,
         (select array_agg(dealer_id order by dealer_id) as dealer from dealer) dealers;
    insert into vehicle (vehicle_id, dealer_id, model, model_year, powertrain, delivered_at, registered_by, produced_on)
    select vehicle_id, dealer_id, 'compact-ice', 2025, 'ice', produced_on + 30, 'person', produced_on from built;
    insert into vehicle_software select vehicle_id, dealer_id, software, produced_on from built;
    insert into vehicle_day (day, vehicle_id, part, received_from, received_to, layout, input_count, inputs, checksum, runs)
    select day::date, vehicle_id, 0, day, day, 0, 0, '', 0, ''
    from built, generate_series('2026-03-02'::date - 84, '2026-03-02'::date - 1, interval '1 day') day;
    create temporary table had as
    select vehicle_id, dealer_id, 'live' as mode, 'closed' as status, '2026-03-02'::date - 82 + 13 * (n / 8) + batch as day
    from built where n % 8 = 3 and n < 48
    union all
    select vehicle_id, dealer_id, case batch when 2 then 'shadow' else 'live' end,
           case batch when 3 then 'withdrawn' else 'closed' end, '2026-03-02'::date - 1 - n * 34 / 60
    from built where batch in (2, 3, 8) and n % 2 = 0;
    insert into vehicle_case (case_id, vehicle_id, dealer_id, component, episode, mode, severity, status, rule_key,
        rule_version, opened_at, closed_at, opened_received_at, confidence)
    select gen_random_uuid(), vehicle_id, dealer_id, 'engine.cooling', 1, mode, 2, status, 'engine.overheat', 1,
           day + interval '9 hours', day + interval '10 hours', day + interval '9 hours', 0.9
    from had";

async fn build(pool: &PgPool) -> anyhow::Result<()> {
    let mut tx = pool.begin().await?;
    sqlx::raw_sql(FLEET).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

async fn campaigns(person: &Advisor) -> anyhow::Result<Vec<Value>> {
    let (status, text) = person.page("/api/campaigns").await?;
    anyhow::ensure!(status == StatusCode::OK, "{status}: {text}");
    let answer: Value = serde_json::from_str(&text)?;
    Ok(answer["campaigns"].as_array().cloned().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_more_faults_than_its_siblings_becomes_a_proposal_that_the_maker_decides_on() -> anyhow::Result<()>
{
    let cars = [NewCar::petrol("told", morning())];
    let mut scene = Scene::open_with(&cars, |setup| setup.set("catalogue.learn_every", "1s")).await?;
    build(scene.ledger.pool()).await?;
    // Today was looked at when there was nothing to see.
    scene.restart_at(morning() + Span::from_mins(1)).await?;
    let oem = Advisor::log_in(&scene.premend, "oem").await?;
    let found = eventually("a proposal", SOON, || async {
        let found = campaigns(&oem).await?;
        Ok((!found.is_empty()).then_some(found))
    })
    .await?;
    assert_eq!(found.len(), 1, "{found:?}");
    let one = &found[0];
    let named = json!([one["model"], one["software"], one["batch"], one["component"], one["state"]]);
    assert_eq!(named, json!(["compact-ice", "2.3.1", "2025-08", "engine.cooling", "proposed"]));
    let count = |key: &str| one[key].as_f64().unwrap_or(f64::NAN);
    assert!(count("faults") >= 20.0 && count("expected") < 5.0 && count("ratio_lower") > 4.0, "{one}");
    assert!(count("vehicles") == 60.0 && count("concerned") == 60.0 && count("q_value") < 0.05, "{one}");
    let since = one["since"].as_str().unwrap_or_default();
    assert!(("2026-01-19"..="2026-02-09").contains(&since), "since {since}");
    assert!(scene.premend.metric("premend_rules_campaigns_open").await? > 0.5);
    assert!(scene.premend.metric("premend_rules_cohorts_tested").await? > 20.0);

    // Dealers do not see what concerns all of them, and cannot decide on it.
    let id = one["id"].as_i64().unwrap();
    let (answer, table) = (format!("/campaigns/{id}/answer"), format!("/campaigns/{id}/vehicles.csv"));
    for login in ["li", "chen", "ops"] {
        let dealer = Advisor::log_in(&scene.premend, login).await?;
        for path in ["/campaigns", "/api/campaigns", &table] {
            assert_eq!(dealer.page(path).await?.0, StatusCode::FORBIDDEN, "{login} {path}");
        }
        assert_eq!(dealer.post(&answer, &[("answer", "accept")]).await?, StatusCode::FORBIDDEN, "{login}");
    }

    let (_, page) = oem.page("/campaigns").await?;
    assert!(page.contains("with software 2.3.1 built in 2025-08: ") && page.contains("of 60 vehicles had"), "{page}");
    assert!(page.contains("plot wide") && page.contains("class=\"open\""), "no chart with a change point: {page}");
    let (_, listed) = oem.page(&table).await?;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!((lines.len(), lines[0]), (61, "vehicle,dealer,software,produced_on,fault_at"), "{listed}");
    assert!(
        lines.iter().skip(1).all(|line| line.starts_with("b8-") && line.contains(",2.3.1,2025-08-10,")),
        "{listed}"
    );
    photograph(&scene).await?;

    // A dismissal needs a reason; the acceptance is recorded with its person.
    assert_eq!(oem.post(&answer, &[("answer", "dismiss")]).await?, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(oem.post(&answer, &[("answer", "accept")]).await?, StatusCode::SEE_OTHER);
    let accepted = "select count(*) from campaign_proposal where state = 'accepted' and decided_by = 'oem'";
    scene.ledger.becomes(accepted, 1).await?;

    // Tomorrow it is still so, and nobody is told again.
    let tomorrow = morning() + Span::from_days(1);
    scene.restart_at(tomorrow).await?;
    eventually("tomorrow's look", SOON, || async {
        let at = scene.premend.metric("premend_rules_campaigns_looked_at_seconds").await?;
        Ok((at >= tomorrow.micros() as f64 / 1e6).then_some(()))
    })
    .await?;
    assert_eq!(scene.ledger.count("select count(*) from campaign_proposal").await?, 1);
    assert!(scene.premend.metric("premend_rules_campaigns_open").await? < 0.5);
    Ok(())
}

async fn photograph(scene: &Scene) -> anyhow::Result<()> {
    for screen in [Screen::Desk, Screen::Phone] {
        let browser = Browser::open(screen).await?;
        log_in(&browser, &scene.premend, "oem").await?;
        for language in ["zh-CN", "en"] {
            browser.goto(&scene.premend.url("/campaigns")).await?;
            in_language(&browser, language).await?;
            browser.goto(&scene.premend.url("/campaigns")).await?;
            look(&browser, "campaigns", screen, language).await?;
        }
        browser.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_maker_tells_how_a_vehicle_was_built_and_its_rules_know_the_software() -> anyhow::Result<()> {
    let scene = Scene::open(&[NewCar::petrol("told", morning())]).await?;
    let (oem, chen) = (Advisor::log_in(&scene.premend, "oem").await?, Advisor::log_in(&scene.premend, "chen").await?);
    let today = MORNING.split('T').next().unwrap();
    let told = json!({ "produced_on": "2025-04-17", "software": { "version": "2.3.1", "since": today } });
    let (status, _) = oem.send_json("/api/vehicles/told/build", &told).await?;
    assert_eq!(status, StatusCode::OK);
    assert!(chen.send_json("/api/vehicles/told/build", &told).await.is_err(), "not for dealers");
    let row = "select count(*) from vehicle join vehicle_software using (vehicle_id)
               where vehicle_id = 'told' and produced_on = '2025-04-17' and version = '2.3.1'";
    assert_eq!(scene.ledger.count(row).await?, 1);
    let said =
        "select count(*) from command where vehicle_id = 'told' and body = '{\"Software\": {\"version\": \"2.3.1\"}}'";
    assert_eq!(scene.ledger.count(said).await?, 1);
    scene.ledger.commands_applied().await?;
    // What ran earlier is history, and no news to the vehicle.
    let earlier = json!({ "software": { "version": "2.2.4", "since": "2025-05-01" } });
    oem.send_json("/api/vehicles/told/build", &earlier).await?;
    assert_eq!(scene.ledger.count(said).await?, 1);
    let all = "select count(*) from command where vehicle_id = 'told' and body ? 'Software'";
    assert_eq!(scene.ledger.count(all).await?, 1);
    let foreign = format!("/api/vehicles/{}/build", Uuid::nil());
    assert!(oem.send_json(&foreign, &told).await.is_err(), "no such vehicle");
    Ok(())
}
