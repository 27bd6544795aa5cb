//! What goes wrong between a vehicle and us: holes, lost acknowledgements, lost stores, payloads that
//! cannot be read, rows the store refuses, restarts with a backlog. The committed acknowledgement says
//! in each case exactly what the vehicle may drop.

use std::collections::BTreeSet;
use std::time::Duration;

use ingest::down::Down;
use rules::unit::{Span, Time};
use sha2::{Digest, Sha256};
use simulator::publisher::{Pace, VirtualClock};
use simulator::signal;

use crate::world::road::{petrol, trip, with};
use crate::world::{Car, Fleet, NewCar, SOON, Scene, Script, eventually, morning};

const STEP: Span = Span::from_secs(10);

/// A minute of the engine passes in a second; a gap is waited for two minutes.
async fn brisk(cars: &[NewCar]) -> anyhow::Result<Scene> {
    Scene::open_with(cars, |setup| setup.set("clock.rate", "60").set("lanes.lateness_bound", "2m")).await
}

fn committed(heard: &[Down]) -> Vec<u64> {
    heard.iter().filter_map(|down| if let Down::Committed { seq, .. } = down { Some(*seq) } else { None }).collect()
}

/// Says all but one of ten messages; the brake fluid is low in those behind the hole.
async fn leave_a_hole(car: &mut Car, now: Time) -> anyhow::Result<simulator::delivery::Message> {
    car.drive(trip(now - Span::from_secs(50), now, STEP)).await?;
    let missing = car.message(vec![petrol(now, 0)]);
    car.drive((1..5).map(|tick| with(petrol(now + Span::from_secs(10 * tick), 0), signal::BRAKE_FLUID, 44.0))).await?;
    Ok(missing)
}

#[tokio::test]
async fn a_hole_is_waited_for_and_what_fills_it_late_changes_nothing() -> anyhow::Result<()> {
    let now = morning();
    let scene = brisk(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    let missing = leave_a_hole(&mut car, now).await?;
    // The wait ends by time: what is behind the hole settles, the position stays before it.
    let case = scene.ledger.case_on("a", "chassis.brake_fluid").await?;
    assert_eq!(case.rule_key, "brake_fluid.low");
    assert!(committed(&car.heard_so_far()).iter().all(|position| *position <= 5));

    car.say(missing.encode()).await?;
    assert_eq!(car.committed(10).await?, 10);
    let late: i64 = scene.ledger.count("select count(*) from sample where flags & 2 <> 0 and vehicle_id = 'a'").await?;
    assert!(late > 0, "the late readings are kept for charts");
    let journal = scene.ledger.journalled().await?;
    assert_eq!(journal.numbers("a", 1), (1..=10).collect());
    assert_eq!(scene.ledger.cases_of("a").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_hole_that_is_never_filled_ends_when_the_vehicle_says_so() -> anyhow::Result<()> {
    let now = morning();
    let scene = brisk(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    leave_a_hole(&mut car, now).await?;
    scene.ledger.case_on("a", "chassis.brake_fluid").await?;
    let mut next = car.message(vec![petrol(now + Span::from_secs(60), 0)]);
    next.oldest = 7;
    car.say(next.encode()).await?;
    assert_eq!(car.committed(11).await?, 11);
    Ok(())
}

#[tokio::test]
async fn a_lost_acknowledgement_is_repeated_at_once() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    let payloads: Vec<Vec<u8>> =
        trip(now - Span::from_mins(5), now, STEP).map(|frame| car.message(vec![frame]).encode()).collect();
    for payload in &payloads {
        car.say(payload.clone()).await?;
    }
    let last = payloads.len() as u64;
    car.committed(last).await?;
    car.heard_so_far();
    // The vehicle did not hear it: it resends its oldest, and hears the whole position.
    car.say(payloads[0].clone()).await?;
    assert_eq!(car.committed(last).await?, last);
    for payload in &payloads {
        car.say(payload.clone()).await?;
    }
    car.committed(last).await?;
    assert_eq!(scene.ledger.journalled().await?.doubled(), []);
    Ok(())
}

#[tokio::test]
async fn a_payload_that_cannot_be_read_is_answered_by_its_hash() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    let mut damaged = car.message(vec![petrol(now, 0)]).encode();
    damaged[1] = 0xff;
    let wanted: [u8; 32] = Sha256::digest(&damaged).into();
    car.say(damaged).await?;
    car.hears("which payload is unreadable", |down| match down {
        Down::Unreadable { sha256 } => (*sha256 == wanted).then_some(()),
        _ => None,
    })
    .await?;
    let rejections = scene.ledger.rejections().await?;
    assert_eq!(rejections.len(), 1, "{rejections:?}");
    assert_eq!((rejections[0].reason.as_str(), rejections[0].sha256.as_deref()), ("unreadable", Some(&wanted[..])));
    // The vehicle drops it and says from where on it still has messages.
    let mut next = car.message(vec![petrol(now, 1)]);
    next.oldest = 2;
    car.say(next.encode()).await?;
    assert_eq!(car.committed(2).await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_vehicle_that_lost_its_store_begins_a_new_stream() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    car.drive(trip(now - Span::from_mins(3), now - Span::from_mins(2), STEP)).await?;
    let straggler = car.message(vec![petrol(now - Span::from_mins(2), 0)]);
    car.committed(6).await?;
    (car.stream, car.next_seq) = (2, 1);
    let last = car.drive(trip(now - Span::from_mins(1), now, STEP)).await?;
    assert_eq!(car.committed(last).await?, last);
    // What is still on its way from the old store is late: kept, and changes nothing.
    car.say(straggler.encode()).await?;
    scene.ledger.becomes("select (count(*) > 0)::int::bigint from sample where flags & 2 <> 0", 1).await?;
    let journal = scene.ledger.journalled().await?;
    assert_eq!(journal.numbers("a", 1), (1..=7).collect());
    assert_eq!(journal.numbers("a", 2), (1..=last).collect());
    Ok(())
}

#[tokio::test]
async fn a_number_far_ahead_is_refused_and_moves_nothing() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    let last = car.drive(trip(now - Span::from_mins(1), now, STEP)).await?;
    car.committed(last).await?;
    let mut far = car.message(vec![petrol(now, 0)]);
    (far.seq, car.next_seq) = (last + 70_000, last + 1);
    car.say(far.encode()).await?;
    scene.ledger.becomes("select count(*) from rejection where reason = 'too_far_ahead'", 1).await?;
    let last = car.drive([petrol(now, 1)]).await?;
    assert_eq!(car.committed(last).await?, last);
    Ok(())
}

#[tokio::test]
async fn a_row_the_store_refuses_costs_its_message_only() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("bad", now), NewCar::petrol("good", now)]).await?;
    sqlx::raw_sql(
        "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not this one'; end $$;
         create trigger refuse before insert on sample for each row when (new.value = 77.7) execute function refuse()",
    )
    .execute(scene.ledger.pool())
    .await?;
    let (mut bad, mut good) = (scene.car("bad").await?, scene.car("good").await?);
    let frames = trip(now - Span::from_mins(5), now, STEP).enumerate().map(|(tick, frame)| match tick {
        7 => with(frame, signal::BRAKE_FLUID, 77.7),
        _ => frame,
    });
    let (last, other) = (bad.drive(frames).await?, good.drive(trip(now - Span::from_mins(5), now, STEP)).await?);
    assert_eq!(bad.committed(last).await?, last);
    assert_eq!(good.committed(other).await?, other);

    let rejections = scene.ledger.rejections().await?;
    assert_eq!(rejections.len(), 1, "{rejections:?}");
    assert_eq!((rejections[0].reason.as_str(), rejections[0].vehicle_id.as_deref()), ("store_refused", Some("bad")));
    let journal = scene.ledger.journalled().await?;
    assert_eq!(journal.numbers("bad", 1), (1..=last).filter(|seq| *seq != 8).collect());
    assert_eq!(journal.refused[&("bad".to_owned(), 1)], BTreeSet::from([8]));
    assert_eq!(journal.numbers("good", 1), (1..=other).collect());
    assert_eq!(journal.doubled(), []);
    assert_eq!(scene.premend.metric("premend_engine_waiting_messages").await?, 0.0);
    assert_eq!(scene.premend.metric("premend_engine_vehicles").await?, 2.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_restarts_with_a_backlog_lose_nothing() -> anyhow::Result<()> {
    let script = Script::new(6, morning(), Span::from_secs(2));
    let clock = VirtualClock::starting_now(morning(), Pace::Times(20.0));
    let mut scene = Scene::open_with(&script.garage(), |setup| setup.set("clock.rate", "20")).await?;
    let mut fleet = Fleet::start(&script, scene.premend.mqtt()?, clock)?;
    let progress = |more: u64| {
        let goal = fleet.link.traffic.committed() + more;
        let link = std::sync::Arc::clone(&fleet.link);
        eventually(format!("{more} more committed"), SOON, move || {
            let reached = link.traffic.committed() >= goal;
            async move { Ok(reached.then_some(())) }
        })
    };
    progress(100).await?;
    for _ in 0..2 {
        scene.premend.kill()?;
        // The cars go on driving, and keep what they measure.
        let until = clock.now() + Span::from_mins(1);
        eventually("a minute of the road", Duration::from_secs(20), || async {
            Ok((clock.now() > until).then_some(()))
        })
        .await?;
        let setup = scene.premend.setup().clone().set("clock.origin", &clock.now().to_string());
        scene.premend.restart_with(setup).await?;
        progress(30).await?;
    }
    script.end_at(clock.now() + Span::from_mins(1));
    fleet.arrive().await?;
    let journal = scene.ledger.journalled().await?;
    for (vehicle, told) in fleet.told()? {
        assert_eq!(journal.numbers(&vehicle, 1), (1..=told).collect(), "{vehicle}");
    }
    assert_eq!(journal.doubled(), []);
    Ok(())
}
