//! One engine per database: a second one refuses to start, or ends the first if told to; also after
//! the database was away. What the first had not committed, the second does.

use std::time::Duration;

use rules::unit::Span;
use sqlx::postgres::PgPoolOptions;

use crate::world::road::trip;
use crate::world::{NewCar, Premend, PrivateCluster, SOON, Scene, Setup, free_port, morning, run};

fn another(scene: &Scene) -> anyhow::Result<Setup> {
    let setup = scene.premend.setup().clone();
    Ok(setup.set("mqtt.listen", &format!("127.0.0.1:{}", free_port()?)).set("http.listen", "127.0.0.1:0"))
}

#[tokio::test]
async fn a_second_engine_refuses_to_start() -> anyhow::Result<()> {
    let now = morning();
    let scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let (status, output) = run(&another(&scene)?, SOON).await?;
    assert_eq!(status.code(), Some(1), "{output}");
    assert!(output.contains("another engine runs on this database"), "{output}");
    // The first has not even noticed.
    let mut car = scene.car("a").await?;
    let last = car.drive(trip(now - Span::from_mins(2), now, Span::from_secs(10))).await?;
    car.committed(last).await?;
    Ok(())
}

#[tokio::test]
async fn an_engine_that_takes_over_ends_the_first() -> anyhow::Result<()> {
    let now = morning();
    let mut scene = Scene::open(&[NewCar::petrol("a", now)]).await?;
    let mut car = scene.car("a").await?;
    let last = car.drive(trip(now - Span::from_mins(4), now - Span::from_mins(2), Span::from_secs(10))).await?;
    car.committed(last).await?;

    let second = Premend::start(another(&scene)?.command(&["serve", "--take-over"])).await?;
    // It ends by itself, although no message wakes it, and says that it did not end in order.
    let status = scene.premend.process().ended(SOON).await?;
    assert!(!status.success(), "{status}");
    assert!(
        scene.premend.process().output().contains("taken this database over"),
        "{}",
        scene.premend.process().output()
    );

    let mut again = crate::world::Car::connect("a", second.mqtt()?).await?;
    again.next_seq = last + 1;
    let last = again.drive(trip(now - Span::from_mins(2), now, Span::from_secs(10))).await?;
    again.committed(last).await?;
    assert_eq!(scene.ledger.journalled().await?.numbers("a", 1).len() as u64, last);
    Ok(())
}

#[tokio::test]
async fn an_engine_keeps_its_right_when_the_database_comes_back() -> anyhow::Result<()> {
    let cluster = PrivateCluster::start_new()?;
    let setup = Setup::serve(&cluster.url()).set("mqtt.listen", &format!("127.0.0.1:{}", free_port()?));
    let mut first = Premend::start(setup.clone()).await?;
    cluster.crash()?;
    cluster.start()?;
    // It was ready all the while: it waits for its database. What says that it is there again is its lock.
    let pool = PgPoolOptions::new().acquire_timeout(SOON).connect_lazy(&cluster.url())?;
    crate::world::eventually("the lock after the crash", SOON, || async {
        let held = sqlx::query_scalar::<_, bool>(
            "select exists (select from pg_locks where locktype = 'advisory' and granted)",
        );
        Ok(held.fetch_one(&pool).await?.then_some(()))
    })
    .await?;
    pool.close().await;
    let second = setup.set("mqtt.listen", &format!("127.0.0.1:{}", free_port()?));
    crate::world::eventually("the refusal of a second engine", SOON, || async {
        let (status, output) = run(&second, Duration::from_secs(20)).await?;
        anyhow::ensure!(status.code() == Some(1) && output.contains("another engine"), "{status}: {output}");
        Ok(Some(()))
    })
    .await?;
    assert!(first.process().try_ended()?.is_none(), "the first still runs");
    Ok(())
}
