//! Explained: every case, order and notice shows the rule with its version, the readings, the
//! thresholds and why it was or was not ordered at once.

use rules::case::Evidence;
use rules::catalogue::Catalogue;
use rules::unit::Span;
use simulator::signal::{BRAKE_FLUID, COOLANT, TYRE_PRESSURE};

use crate::world::road::{trip, with, with_code};
use crate::world::{Advisor, NewCar, SOON, Scene, morning, run};

#[tokio::test]
async fn every_case_order_and_notice_says_why() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    let frames = trip(now - Span::from_mins(9), now + Span::from_mins(4), Span::from_secs(10)).enumerate().map(
        |(tick, frame)| {
            let frame = with(frame, TYRE_PRESSURE[1], 170.0 + (tick % 3) as f64);
            let frame = with_code(frame, "P0420", if tick > 5 { 0x2f } else { 0x50 });
            let frame = if tick > 20 { with(frame, BRAKE_FLUID, 44.0) } else { frame };
            if tick > 60 { with(frame, COOLANT, 122.0 + 0.1 * (tick % 5) as f64) } else { frame }
        },
    );
    let last = car.drive(frames).await?;
    car.committed(last).await?;
    scene.ledger.order_on("a", "engine.cooling").await?;
    scene.ledger.order_on("a", "chassis.brake_fluid").await?;
    let cases = scene.ledger.cases_of("a").await?;
    assert!(cases.len() >= 4, "{cases:#?}");

    let catalogue = Catalogue::builtin()?;
    let findings: Vec<(String, i32, serde_json::Value, serde_json::Value)> =
        sqlx::query_as("select rule_key, rule_version, evidence, opened_because from finding")
            .fetch_all(scene.ledger.pool())
            .await?;
    assert!(findings.len() >= cases.len());
    for (rule, version, evidence, because) in findings {
        let known = catalogue.rules.iter().find(|own| own.key == rule).map(|own| own.version);
        assert_eq!(known, Some(version as u32), "{rule}");
        let evidence: Evidence = serde_json::from_value(evidence)?;
        assert!(!evidence.readings.is_empty() || !evidence.faults.is_empty(), "{rule} shows what it saw");
        let measured = evidence.readings.iter().any(|reading| evidence.value == Some(reading.value));
        assert!(measured || !evidence.faults.is_empty(), "{rule}: {evidence:?}");
        for language in ["zh-CN", "en"] {
            let sentence = because[language].as_str().unwrap_or_default();
            assert!(sentence.len() > 10 && !sentence.contains('{'), "{rule} in {language}: {sentence}");
        }
    }
    let unexplained = [
        "select count(*) from case_change where because = ''",
        "select count(*) from review where because = ''",
        "select count(*) from work_order_transition where because = ''",
        "select count(*) from vehicle_case left join finding using (case_id) where finding.case_id is null",
        "select count(*) from work_order where not exists (select from work_order_transition t where t.order_id = work_order.order_id)",
        "select count(*) from notification where template_version is null or template = ''",
        "select count(*) from notification left join vehicle_case using (case_id) where vehicle_case.case_id is null",
    ];
    for statement in unexplained {
        assert_eq!(scene.ledger.count(statement).await?, 0, "{statement}");
    }

    let li = Advisor::log_in(&scene.premend, "li").await?;
    let explanation = |rule: &'static str| {
        let li = li.clone();
        async move {
            let (status, text) = li.page(&format!("/api/vehicles/a/explain/{rule}")).await?;
            anyhow::ensure!(status == reqwest::StatusCode::OK, "{status}: {text}");
            Ok(serde_json::from_str::<serde_json::Value>(&text)?["instances"][0].clone())
        }
    };
    let fired = explanation("engine.overheat_stop").await?;
    assert!(fired["open_since"].is_string() && fired["parts"][0]["value"] == "true", "{fired:#}");
    assert!(fired["gates"].as_array().unwrap().iter().all(|gate| gate["passed"] == true), "{fired:#}");
    // A petrol car has no insulation to measure: not in scope, and never measured.
    let silent = explanation("insulation.low").await?;
    let stopped = |name: &str| {
        silent["gates"].as_array().unwrap().iter().any(|gate| gate["name"] == name && gate["passed"] == false)
    };
    assert!(stopped("scope") && stopped("condition") && silent["verdict"] == "unknown", "{silent:#}");
    let anna = Advisor::log_in(&scene.premend, "anna").await?;
    let foreign = anna.page("/vehicles/a/explain?rule=engine.overheat_stop").await?.0;
    assert_eq!(foreign, reqwest::StatusCode::NOT_FOUND, "another dealer's car");
    let setup = scene.premend.setup().clone().command(&["explain", "a", "engine.overheat_stop"]);
    let (status, output) = run(&setup, SOON).await?;
    assert!(status.success() && output.contains("holds since") && output.contains("passed  scope"), "{output}");

    let order = scene.ledger.order_on("a", "engine.cooling").await?;
    let li = Advisor::log_in(&scene.premend, "li").await?;
    let (_, page) = li.page(&format!("/orders/{}", order.order_id)).await?;
    for wanted in ["engine.overheat_stop", "<svg", "120"] {
        assert!(page.contains(wanted), "the page shows {wanted}");
    }
    Ok(())
}
