//! Never lost, whatever a vehicle counts: a unit that numbers from 1 again, a buffer that comes newest first, numbers
//! that are times. What is told as committed is in the journal.

use rules::unit::{Span, Time};
use simulator::frame::Frame;
use simulator::signal::COOLANT;

use crate::world::road::{petrol, trip, with};
use crate::world::{Car, NewCar, SOON, Scene, eventually, morning};

const STEP: Span = Span::from_secs(10);

/// The frame as a message with a number and nothing said about the oldest one.
fn numbered(seq: u64, frame: Frame) -> anyhow::Result<Vec<u8>> {
    let message = simulator::delivery::Message { stream: 1, seq, oldest: 1, frames: vec![frame], seen: Vec::new() };
    let mut payload: serde_json::Value = serde_json::from_slice(&message.encode())?;
    payload.as_object_mut().unwrap().remove("oldest");
    Ok(serde_json::to_vec(&payload)?)
}

fn hot(from: Time, count: i64) -> impl Iterator<Item = Frame> {
    (0..count).map(move |tick| with(petrol(from + Span::from_secs(10 * tick), 0), COOLANT, 124.0 + 0.1 * tick as f64))
}

/// Waits until all times of measurement are in the journal.
async fn journalled(scene: &Scene, car: &Car, wanted: &[Time]) -> anyhow::Result<()> {
    eventually("all of them in the journal", SOON, || async {
        let journal = scene.ledger.journalled().await?;
        let known: Vec<Time> = journal
            .messages
            .iter()
            .filter(|((vehicle, _), _)| *vehicle == car.id)
            .flat_map(|(_, numbers)| numbers.values().flatten().flatten().copied())
            .collect();
        let missing = wanted.iter().filter(|at| !known.contains(at)).count();
        anyhow::ensure!(missing == 0, "{missing} of {} are not there", wanted.len());
        Ok(Some(()))
    })
    .await
}

#[tokio::test]
async fn a_unit_that_numbers_from_one_again_is_heard() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    let before = now - Span::from_mins(10);
    let last = car.drive(trip(now - Span::from_mins(40), before, STEP)).await?;
    car.committed(last).await?;

    car.next_seq = 1;
    let frames: Vec<Frame> =
        trip(before, now - Span::from_mins(2), STEP).chain(hot(now - Span::from_mins(2), 12)).collect();
    let times: Vec<Time> = frames.iter().map(|frame| frame.at).collect();
    let again = car.drive(frames).await?;
    assert!(again < last);
    scene.ledger.order_on("a", "engine.cooling").await?;
    journalled(&scene, &car, &times).await?;
    let rows = "select count(*) from rejection where vehicle_id = 'a' and reason = 'renumbered'";
    assert_eq!(scene.ledger.count(rows).await?, 1, "the operator sees whose numbers these are");
    let told = car.heard_so_far();
    let last_told = told.iter().rev().find_map(|down| match down {
        ingest::down::Down::Committed { seq, .. } => Some(*seq),
        _ => None,
    });
    assert!(last_told.is_some_and(|seq| seq <= again), "{last_told:?}");
    Ok(())
}

#[tokio::test]
async fn a_buffer_sent_newest_first_gives_the_case_of_the_same_messages_in_order() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("a", now), NewCar::petrol("b", now)]).await?;
    let frames: Vec<Frame> = trip(now - Span::from_mins(30), now - Span::from_mins(2), STEP)
        .chain(hot(now - Span::from_mins(2), 12))
        .collect();
    let payloads: Vec<Vec<u8>> =
        (1..).zip(&frames).map(|(seq, frame)| numbered(seq, frame.clone())).collect::<anyhow::Result<_>>()?;
    let (ordered, reversed) = (scene.car("a").await?, scene.car("b").await?);
    for payload in &payloads {
        ordered.say(payload.clone()).await?;
    }
    for payload in payloads.iter().rev() {
        reversed.say(payload.clone()).await?;
    }
    let expected = scene.ledger.case_on("a", "engine.cooling").await?;
    let found = scene.ledger.case_on("b", "engine.cooling").await?;
    assert_eq!(
        (found.rule_key, found.severity, found.opened_at),
        (expected.rule_key, expected.severity, expected.opened_at)
    );
    let times: Vec<Time> = frames.iter().map(|frame| frame.at).collect();
    journalled(&scene, &reversed, &times).await
}

#[tokio::test]
async fn numbers_that_are_milliseconds_are_heard_without_a_wait() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    let last = car.drive(trip(now - Span::from_mins(20), now - Span::from_mins(10), STEP)).await?;
    car.committed(last).await?;
    // Another client takes over: same stream, milliseconds since 1970.
    let frames =
        trip(now - Span::from_mins(10), now - Span::from_mins(2), STEP).chain(hot(now - Span::from_mins(2), 12));
    let number = |at: Time| u64::try_from(at.micros() / 1_000).unwrap();
    let mut newest = 0;
    for frame in frames {
        newest = number(frame.at);
        car.say(numbered(newest, frame)?).await?;
    }
    scene.ledger.order_on("a", "engine.cooling").await?;
    assert_eq!(car.committed(newest).await?, newest);
    Ok(())
}
