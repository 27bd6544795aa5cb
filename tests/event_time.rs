//! Event time: the same day delivered in order, shuffled within the bound, doubled, delivered twice,
//! with numbers and without, gives the same settled cases. Single false readings give none.

use std::collections::BTreeSet;

use anyhow::Context;
use ingest::wire::Upload;
use rules::unit::Span;
use simulator::delivery::Payload;
use simulator::fault::{Planted, fault};
use simulator::fleet::{FleetPlan, PlantedIn};
use simulator::trouble::Troubles;
use tokio::task::JoinSet;

use crate::world::{Car, CaseRow, NewCar, Scene, Setup, eventually, morning};

const SEED: u64 = 4;
const CARS: u32 = 6;
const DAYS: i64 = 2;

/// One way in which the same days reach us.
#[derive(Clone, Copy, Debug)]
struct Way {
    prefix: &'static str,
    troubles: &'static str,
    numbered: bool,
    times: usize,
}

impl Way {
    const fn new(prefix: &'static str, troubles: &'static str) -> Self {
        Self { prefix, troubles, numbered: true, times: 1 }
    }

    const fn unnumbered(self) -> Self {
        Self { numbered: false, ..self }
    }

    const fn twice(self) -> Self {
        Self { times: 2, ..self }
    }
}

fn plan(way: &Way, faulty: bool) -> anyhow::Result<FleetPlan> {
    let start = morning() - Span::from_days(DAYS);
    let mut plan = FleetPlan::new(SEED, CARS, start);
    way.prefix.clone_into(&mut plan.prefix);
    plan.end = Some(morning() - Span::from_mins(1));
    plan.troubles = Troubles::parse(way.troubles)?;
    if faulty {
        let mut sound = plan.build()?;
        for key in ["coolant-loss", "brake-fluid-loss", "fast-leak", "low-charging"] {
            let fault = fault(key).context("it is a fault")?;
            let able = sound.iter().position(|car| fault.fits(&car.spec.model));
            let car = sound.remove(able.with_context(|| format!("no car is left for {key}"))?);
            let mut planted = Planted::new(fault, start + Span::from_hours(7));
            planted.onset = Some(Span::from_hours(1));
            plan.faults.push(PlantedIn { planted, vehicle: Some(car.spec.number) });
        }
    }
    Ok(plan)
}

/// The cars of a plan as they are to be enrolled.
fn garage(plan: &FleetPlan) -> anyhow::Result<Vec<NewCar>> {
    let vehicles = plan.build()?;
    let cars = vehicles.iter().map(|vehicle| {
        let spec = &vehicle.spec;
        let usual = NewCar::petrol(spec.id.as_str(), morning());
        NewCar { model: spec.model.key, delivered_at: spec.delivered_at, attributes: spec.attributes.clone(), ..usual }
    });
    Ok(cars.collect())
}

/// What each car publishes, in order of arrival.
fn payloads(plan: &FleetPlan, way: &Way) -> anyhow::Result<Vec<Vec<Vec<u8>>>> {
    let mut cars = vec![Vec::new(); CARS as usize];
    for delivery in plan.deliveries()? {
        let payload = match (&delivery.payload, way.numbered) {
            (Payload::Message(message), false) => Upload { numbering: None, ..message.clone().into_upload() }.to_json(),
            _ => delivery.encode(),
        };
        cars[delivery.number as usize].push(payload);
    }
    for car in &mut cars {
        let once = car.clone();
        for _ in 1..way.times {
            car.extend(once.iter().cloned());
        }
    }
    Ok(cars)
}

async fn deliver(scene: &Scene, plan: &FleetPlan, way: &Way) -> anyhow::Result<()> {
    let broker = scene.premend.mqtt()?;
    let mut sending = JoinSet::new();
    for (number, car) in payloads(plan, way)?.into_iter().enumerate() {
        let id = format!("{}{number:05}", plan.prefix);
        sending.spawn(async move {
            let on_air = Car::connect(&id, broker).await?;
            for payload in car {
                on_air.say(payload).await?;
            }
            on_air.delivered().await
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    Ok(())
}

/// Settled cases of one way, under the names of the first.
async fn settled(scene: &Scene, way: &Way) -> anyhow::Result<BTreeSet<CaseRow>> {
    let all = scene.ledger.settled().await?;
    let own = all.into_iter().filter_map(|mut case| {
        case.vehicle_id = case.vehicle_id.strip_prefix(way.prefix)?.to_owned();
        Some(case)
    });
    Ok(own.collect())
}

/// Delivers the same days in every way and compares; the first is the one in order.
async fn same_in_every_way(bound: &str, ways: &[Way]) -> anyhow::Result<()> {
    let plans = ways.iter().map(|way| plan(way, true)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut cars = Vec::new();
    for plan in &plans {
        cars.extend(garage(plan)?);
    }
    let configure = |setup: Setup| {
        setup.set("lanes.lateness_bound", bound).set("lanes.unsequenced_bound", bound).set("clock.rate", "60")
    };
    let scene = Scene::open_with(&cars, configure).await?;
    for (way, plan) in ways.iter().zip(&plans) {
        deliver(&scene, plan, way).await?;
    }
    // The last messages without numbers settle when their wait is over.
    let (first, others) = ways.split_first().expect("there is a way in order");
    for way in others {
        eventually(format!("the same cases of {way:?}"), std::time::Duration::from_secs(40), || async {
            let same = settled(&scene, way).await? == settled(&scene, first).await?;
            Ok(same.then_some(()))
        })
        .await
        .ok();
    }
    let in_order = settled(&scene, first).await?;
    let faults = in_order.iter().filter(|case| !case.component.starts_with("service")).count();
    assert!(faults >= 3, "too little to compare: {in_order:#?}");
    for way in others {
        let found = settled(&scene, way).await?;
        let (missing, more): (Vec<_>, Vec<_>) =
            (in_order.difference(&found).collect(), found.difference(&in_order).collect());
        assert!(missing.is_empty() && more.is_empty(), "{way:?}: missing {missing:#?}, too many {more:#?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_minutes_of_disorder_change_nothing() -> anyhow::Result<()> {
    let ways = [
        Way::new("a-", ""),
        Way::new("b-", "shuffled=120s,doubled=0.05"),
        Way::new("c-", "").twice(),
        Way::new("d-", "").unnumbered(),
        Way::new("e-", "shuffled=120s,doubled=0.05").unnumbered(),
    ];
    same_in_every_way("2m", &ways).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_minutes_of_disorder_change_nothing() -> anyhow::Result<()> {
    let ways = [
        Way::new("a-", ""),
        Way::new("b-", "shuffled=10m,doubled=0.05"),
        Way::new("c-", "shuffled=10m,doubled=0.05").twice(),
        Way::new("d-", "shuffled=10m,doubled=0.05").unnumbered(),
    ];
    same_in_every_way("10m", &ways).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_false_reading_in_a_hundred_gives_no_case() -> anyhow::Result<()> {
    let (sound, spiked) = (Way::new("a-", ""), Way::new("b-", "spikes=0.01"));
    let (plain, noisy) = (plan(&sound, false)?, plan(&spiked, false)?);
    let cars: Vec<NewCar> = garage(&plain)?.into_iter().chain(garage(&noisy)?).collect();
    let scene = Scene::open(&cars).await?;
    deliver(&scene, &plain, &sound).await?;
    deliver(&scene, &noisy, &spiked).await?;
    let sent = payloads(&noisy, &spiked)?.iter().map(Vec::len).sum::<usize>()
        + payloads(&plain, &sound)?.iter().map(Vec::len).sum::<usize>();
    eventually("all messages", std::time::Duration::from_secs(60), || async {
        let taken = scene.premend.metric("premend_ingest_messages_total").await?;
        Ok((taken >= sent as f64).then_some(()))
    })
    .await?;
    let faults = |cases: BTreeSet<CaseRow>| {
        cases.into_iter().filter(|case| !case.component.starts_with("service")).collect::<Vec<_>>()
    };
    assert_eq!(faults(settled(&scene, &sound).await?), []);
    assert_eq!(faults(settled(&scene, &spiked).await?), []);
    Ok(())
}
