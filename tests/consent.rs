//! Consent first: nothing is kept and nobody is contacted for a purpose without a live consent.

use std::collections::BTreeSet;

use ingest::down::Down;
use rules::unit::Span;
use rules::vehicle::{Purpose, What};
use simulator::frame::Frame;
use simulator::signal::{BRAKE_FLUID, COOLANT};

use crate::world::road::{petrol, trip, with};
use crate::world::{NewCar, SOON, Scene, eventually, morning, owner_of};

const LATITUDE: &str = "Vehicle.CurrentLocation.Latitude";
const LONGITUDE: &str = "Vehicle.CurrentLocation.Longitude";
/// Nothing else in the database looks like these.
const WHERE: (f64, f64) = (31.234_567, 121.456_789);

fn somewhere(frame: Frame) -> Frame {
    with_exactly(with_exactly(frame, LATITUDE, WHERE.0), LONGITUDE, WHERE.1)
}

fn with_exactly(mut frame: Frame, path: &'static str, value: f64) -> Frame {
    frame.number(path, value, 1e9);
    frame
}

/// How many rows of any table show a text, wherever.
async fn rows_showing(scene: &Scene, text: &str) -> anyhow::Result<i64> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', table_schema, table_name) from information_schema.tables
         where table_schema in ('public', 'person') and table_type = 'BASE TABLE'",
    )
    .fetch_all(scene.ledger.pool())
    .await?;
    assert!(tables.len() > 20, "{tables:?}");
    let mut found = 0;
    for table in tables {
        found +=
            scene.ledger.count(&format!("select count(*) from {table} as t where t::text like '%{text}%'")).await?;
    }
    Ok(found)
}

/// Values in the journal that could be that position, however coarse.
async fn journalled_positions(scene: &Scene) -> anyhow::Result<Vec<f64>> {
    let journal = scene.ledger.journalled().await?;
    let samples = journal.inputs.into_iter().filter_map(|input| match input.what {
        What::Message(message) => Some(message.samples),
        _ => None,
    });
    let values = samples.flatten().flat_map(|sample| sample.readings).map(|reading| reading.value);
    Ok(values.filter(|value| (31.2..31.3).contains(value) || (121.4..121.5).contains(value)).collect())
}

#[tokio::test]
async fn a_position_without_consent_is_nowhere() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    // A message that is refused as a whole leaves an excerpt, without what was in it.
    car.say(format!(r#"{{"stream":1,"seq":99,"ts":"never","signals":{{"{LATITUDE}":{}}}}}"#, WHERE.0).into_bytes())
        .await?;
    let last = car.drive(trip(now - Span::from_mins(5), now, Span::from_secs(10)).map(somewhere)).await?;
    car.committed(last).await?;
    scene.ledger.becomes("select count(*) from rejection where reason = 'unreadable'", 1).await?;

    assert_eq!(journalled_positions(&scene).await?, Vec::<f64>::new(), "not in the journal");
    for text in ["31.23", "121.45", "121.46"] {
        assert_eq!(rows_showing(&scene, text).await?, 0, "{text}");
    }
    assert!(scene.premend.metric("premend_ingest_rejections_total{reason=\"no_consent\"}").await? > 0.0);
    Ok(())
}

#[tokio::test]
async fn a_position_is_kept_coarsely_and_only_as_long_as_its_consent() -> anyhow::Result<()> {
    let now = morning();
    let mut new = NewCar::petrol("a", now);
    new.consents.insert(Purpose::Location);
    let scene = Scene::open(&[new]).await?;
    let mut car = scene.car("a").await?;
    let last =
        car.drive(trip(now - Span::from_mins(9), now - Span::from_mins(5), Span::from_secs(10)).map(somewhere)).await?;
    car.committed(last).await?;
    let kept: BTreeSet<String> = journalled_positions(&scene).await?.iter().map(f64::to_string).collect();
    assert_eq!(kept, BTreeSet::from(["31.23".to_owned(), "121.46".to_owned()]), "to a kilometre");

    scene.garage.consents("a", BTreeSet::from([Purpose::Maintenance, Purpose::Diagnostics])).await?;
    scene.ledger.commands_applied().await?;
    let before = journalled_positions(&scene).await?.len();
    let last = car.drive(trip(now - Span::from_mins(5), now, Span::from_secs(10)).map(somewhere)).await?;
    car.committed(last).await?;
    assert_eq!(journalled_positions(&scene).await?.len(), before);
    Ok(())
}

#[tokio::test]
async fn withdrawn_consent_ends_keeping_and_contact() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    let last = car.drive(trip(now - Span::from_mins(9), now - Span::from_mins(8), Span::from_secs(10))).await?;
    car.committed(last).await?;
    scene.garage.consents("a", BTreeSet::new()).await?;
    scene.ledger.commands_applied().await?;

    let samples = scene.ledger.count("select count(*) from sample").await?;
    let broken = trip(now - Span::from_mins(8), now, Span::from_secs(10))
        .map(|frame| with(with(frame, BRAKE_FLUID, 44.0), COOLANT, 124.0));
    let end = car.drive(broken).await?;
    // Refused, and that is committed: the vehicle may drop them.
    car.committed(end).await?;
    assert_eq!(scene.ledger.count("select count(*) from sample").await?, samples);
    assert_eq!(scene.ledger.journalled().await?.numbers("a", 1).len() as u64, last);
    assert_eq!(scene.ledger.settled().await?, BTreeSet::new());
    assert_eq!(scene.ledger.notices().await?, BTreeSet::new());
    Ok(())
}

#[tokio::test]
async fn nobody_is_contacted_for_a_purpose_they_did_not_agree_to() -> anyhow::Result<()> {
    let now = morning();
    let agrees = NewCar::petrol("agrees", now);
    let scene = Scene::open(&[agrees.clone(), NewCar { id: "withdraws".to_owned(), ..agrees }]).await?;
    let low = |to| trip(now - Span::from_mins(2), to, Span::from_secs(10)).map(|frame| with(frame, BRAKE_FLUID, 44.0));
    let mut agrees = scene.car("agrees").await?;
    let last = agrees.drive(low(now)).await?;
    agrees.committed(last).await?;
    agrees.hears("a notice for the owner", |down| matches!(down, Down::Notice(_)).then_some(())).await?;

    // Consent to diagnostics is gone before anything is wrong; maintenance may go on.
    scene.garage.consents("withdraws", BTreeSet::from([Purpose::Maintenance])).await?;
    scene.ledger.commands_applied().await?;
    let mut withdraws = scene.car("withdraws").await?;
    let last = withdraws.drive(low(now).chain([petrol(now, 0)])).await?;
    withdraws.committed(last).await?;
    eventually("the relay's work", SOON, || async {
        Ok((scene.ledger.count("select count(*) from outbox where state = 'queued'").await? == 0).then_some(()))
    })
    .await?;
    let told = format!("select count(*) from notification where person_id = '{}'", owner_of("withdraws"));
    assert_eq!(scene.ledger.count(&told).await?, 0);
    assert!(withdraws.heard_so_far().iter().all(|down| !matches!(down, Down::Notice(_))));
    Ok(())
}
