//! Bad input is a value: ten thousand hostile payloads are refused with a reason, and nothing else
//! happens; not to the engine, not to the store, not to the cars that behave.

use std::collections::BTreeMap;

use bytes::BytesMut;
use ingest::hostile::{Hostile, hostile_payloads};
use ingest::topic;
use rules::unit::Span;
use rumqttc::QoS;
use rumqttc::mqttbytes::v4::{Connect, Publish};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::road::trip;
use crate::world::{NewCar, Scene, eventually, morning};

const HOSTILE: usize = 10_000;

/// What the store holds beside rejections and the journal.
const QUIET: [&str; 6] = ["sample", "vehicle_case", "work_order", "notification", "outbox", "review"];

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_hostile_payloads_are_refused_and_nothing_else_happens() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("evil", now), NewCar::petrol("good", now)]).await?;
    let hostile = hostile_payloads(20_261_122, HOSTILE, "evil");
    let own = topic::telemetry("evil");
    let (spoken, smuggled): (Vec<Hostile>, Vec<Hostile>) =
        hostile.into_iter().partition(|hostile| hostile.topic == own);

    let evil = scene.car("evil").await?;
    for hostile in &spoken {
        evil.say(hostile.payload.clone()).await?;
    }
    evil.delivered().await?;
    eventually("all of them", std::time::Duration::from_secs(60), || async {
        let refused = scene.premend.metric("premend_ingest_rejections_total").await?;
        anyhow::ensure!(refused >= spoken.len() as f64, "{refused} of {}", spoken.len());
        Ok(Some(()))
    })
    .await?;
    assert_eq!(scene.premend.metric("premend_ingest_messages_total").await?, spoken.len() as f64);
    assert_eq!(scene.premend.metric("premend_ingest_admitted_messages_total").await?, 0.0);

    // Topics that are not its own do not get past the broker: each is acknowledged and refused, on one
    // connection, in the name of who said it.
    let mismatches = r#"premend_ingest_rejections_total{reason="topic_mismatch"}"#;
    let before = scene.premend.metric(mismatches).await?;
    let mut socket = TcpStream::connect(scene.premend.mqtt()?).await?;
    socket.write_all(&connect("evil-2")?).await?;
    let mut tried = BTreeMap::new();
    for hostile in &smuggled {
        socket.write_all(&publish(&hostile.topic, &hostile.payload)?).await?;
        *tried.entry(hostile.trick).or_insert(0) += 1;
    }
    assert!(tried.values().all(|count| *count > 100), "{tried:?}");
    let mut acknowledged = vec![0; 4 + 4 * smuggled.len()];
    let reading = socket.read_exact(&mut acknowledged);
    tokio::time::timeout(std::time::Duration::from_secs(60), reading).await??;
    assert!(acknowledged.chunks(4).skip(1).all(|ack| ack == [0x40, 2, 0, 7]));
    eventually("their refusals", std::time::Duration::from_secs(60), || async {
        Ok((scene.premend.metric(mismatches).await? - before >= smuggled.len() as f64).then_some(()))
    })
    .await?;
    let rows = "select count(*) from rejection where vehicle_id = 'evil-2' and reason = 'topic_mismatch'";
    scene.ledger.becomes(rows, 60).await?;
    assert_eq!(scene.premend.metric("premend_ingest_broker_closed_connections_total").await?, 0.0);

    for table in QUIET {
        assert_eq!(scene.ledger.count(&format!("select count(*) from {table}")).await?, 0, "{table}");
    }
    let rejections = scene.ledger.rejections().await?;
    assert!(!rejections.is_empty() && rejections.iter().all(|row| !row.reason.is_empty()));
    let journal = scene.ledger.journalled().await?;
    assert!(journal.messages.is_empty(), "{:?}", journal.messages.keys());

    // Those who behave have not noticed.
    let mut good = scene.car("good").await?;
    let last = good.drive(trip(now - Span::from_mins(3), now, Span::from_secs(10))).await?;
    good.committed(last).await?;
    assert!(scene.premend.is_ready().await?);
    Ok(())
}

#[tokio::test]
async fn rejections_show_no_readings_and_stay_bounded() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let car = scene.car("a").await?;
    for tick in 0..500 {
        let text = format!(r#"{{"stream":1,"seq":{tick},"secret":"LSVAA41870C123456","ts":"no time"}}"#);
        car.say(text.into_bytes()).await?;
    }
    car.delivered().await?;
    eventually("the refusals", std::time::Duration::from_secs(30), || async {
        Ok((scene.premend.metric("premend_ingest_rejections_total").await? >= 500.0).then_some(()))
    })
    .await?;
    // They are counted when they arrive and written with their batch.
    let written = "select count(*) from rejection";
    let rows = eventually("rows", std::time::Duration::from_secs(30), || async {
        Ok(Some(scene.ledger.count(written).await?).filter(|rows| *rows > 0))
    })
    .await?;
    assert!((1..=60).contains(&rows), "{rows} rows: some, not five hundred");
    assert_eq!(scene.ledger.count("select count(*) from rejection where excerpt like '%LSVAA4%'").await?, 0);
    Ok(())
}

fn connect(client: &str) -> anyhow::Result<BytesMut> {
    let mut packet = BytesMut::new();
    Connect::new(client).write(&mut packet)?;
    Ok(packet)
}

/// PUBLISH at QoS 1 whatever the topic.
fn publish(topic: &str, payload: &[u8]) -> anyhow::Result<BytesMut> {
    let mut packet = BytesMut::new();
    let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
    publish.pkid = 7;
    publish.write(&mut packet)?;
    Ok(packet)
}
