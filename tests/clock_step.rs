//! A clock that is set, of the engine and of its database: what is wrong for seconds is not followed, what stays is
//! followed after a while, and either way orders and notices go on. Both directions, hours to days, under load.

use std::time::{Duration, Instant};

use engine::clock::Clock;
use ingest::down::Down;
use rules::unit::{Severity, Span};
use simulator::publisher::{Pace, VirtualClock};
use simulator::signal::COOLANT;
use tokio::task::spawn_blocking;

use crate::world::road::{trip, with};
use crate::world::{
    Car, Fleet, Garage, Ledger, NewCar, Premend, PrivateCluster, SOON, Script, Setup, Wall, eventually, free_port,
};

const STEP: Span = Span::from_secs(10);
/// Nothing may be later than this after a correction.
const LATE: Duration = Duration::from_secs(60);
const CARS: u32 = 30;
const STEPS_TOTAL: &str = "premend_engine_clock_steps_total";

/// The steps of a short run, and of `make torture`.
fn steps() -> Vec<Span> {
    let (hour, days) = (Span::from_hours(1), Span::from_days(2));
    let all = [days, Span::ZERO - hour, hour, Span::ZERO - days];
    let count = if std::env::var_os("PREMEND_TORTURE").is_some() { all.len() } else { 2 };
    all.into_iter().take(count).collect()
}

/// An engine and a database whose wall clock is set by the test, cars that drive under load, and cars that will break.
struct Scene {
    wall: Wall,
    premend: Premend,
    ledger: Ledger,
    fleet: Fleet,
    script: Script,
    /// On the air and sound so far.
    sound: Vec<Car>,
    cluster: PrivateCluster,
}

impl Scene {
    async fn open(breaking: usize, adopt_after: &str) -> anyhow::Result<Self> {
        let wall = Wall::new()?;
        let environment = wall.environment().map(|(name, value)| format!("{name}={value}")).to_vec();
        let cluster = spawn_blocking(move || PrivateCluster::start_with(environment)).await??;
        let mut setup = Setup::serve(&cluster.url())
            .set("mqtt.listen", &format!("127.0.0.1:{}", free_port()?))
            .set("clock.adopt_after", adopt_after)
            .set("lanes.lateness_bound", "15s");
        for (name, value) in wall.environment() {
            setup = setup.variable(name, &value);
        }
        let premend = Premend::start(setup).await?;
        let ledger = Ledger::new(&sqlx::PgPool::connect(&cluster.url()).await?);
        let now = Clock::wall();
        let garage = Garage::open(ledger.pool()).await?;
        let ids: Vec<String> = (0..breaking).map(|number| format!("breaks-{number}")).collect();
        garage.add_all(&ids.iter().map(|id| NewCar::petrol(id, now)).collect::<Vec<_>>()).await?;
        let script = Script::new(CARS, now, Span::from_secs(1));
        garage.add_all(&script.garage()).await?;
        ledger.commands_applied().await?;
        let fleet = Fleet::start(&script, premend.mqtt()?, VirtualClock::starting_now(now, Pace::Times(1.0)))?;
        let mut sound = Vec::new();
        for id in &ids {
            let mut car = Car::connect(id, premend.mqtt()?).await?;
            let now = Clock::wall();
            let last = car.drive(trip(now - Span::from_mins(6), now - Span::from_mins(4), STEP)).await?;
            car.committed(last).await?;
            sound.push(car);
        }
        Ok(Self { wall, premend, ledger, fleet, script, sound, cluster })
    }

    /// The next car boils over: how long it takes until its driver is told to stop, and the order is there.
    async fn a_car_breaks(&mut self) -> anyhow::Result<Duration> {
        let Some(mut car) = self.sound.pop() else { anyhow::bail!("no car is left to break") };
        let now = Clock::wall();
        let since = Instant::now();
        let hot = trip(now - Span::from_mins(3), now, STEP).map(|frame| with(frame, COOLANT, 124.0));
        let last = car.drive(hot).await?;
        car.committed(last).await?;
        car.hears("stop now", |down| match down {
            Down::Notice(notice) if notice.severity == Severity::S1 => Some(()),
            _ => None,
        })
        .await?;
        let order = self.ledger.order_on(&car.id, "engine.cooling").await?;
        assert_eq!(order.severity, 1);
        Ok(since.elapsed())
    }

    /// The next car loses a message and boils over: what comes after the gap waits for it.
    async fn a_car_waits(&mut self) -> anyhow::Result<Car> {
        let Some(mut car) = self.sound.pop() else { anyhow::bail!("no car is left to wait") };
        let now = Clock::wall();
        car.next_seq += 1;
        car.drive(trip(now - Span::from_mins(3), now, STEP).map(|frame| with(frame, COOLANT, 124.0))).await?;
        car.delivered().await?;
        Ok(car)
    }

    async fn steps(&self, direction: &str) -> anyhow::Result<f64> {
        self.premend.metric(&format!("{STEPS_TOTAL}{{direction=\"{direction}\"}}")).await
    }

    /// What `/readyz` notes of the clock; the engine is ready all the while.
    async fn note(&self) -> anyhow::Result<Option<String>> {
        let readiness = self.premend.readiness().await?;
        anyhow::ensure!(readiness["ready"] == true, "{readiness}");
        Ok(readiness["notes"]["clock"].as_str().map(str::to_owned))
    }

    /// Everything said is in the store, nobody was taken for silent, and nothing claims to be from the future or waits
    /// for it.
    async fn prove_sound(mut self) -> anyhow::Result<()> {
        self.script.end_at(Clock::wall());
        self.fleet.arrive().await?;
        let journal = self.ledger.journalled().await?;
        assert_eq!(journal.doubled(), []);
        for (vehicle, told) in self.fleet.told()? {
            assert!(told > 10, "{vehicle} drove");
            assert_eq!(journal.numbers(&vehicle, 1), (1..=told).collect(), "{vehicle}");
        }
        let silent = "select count(*) from vehicle_case where component like 'telematics%'";
        assert_eq!(self.ledger.count(silent).await?, 0, "nobody was silent");
        let to = Clock::wall() + Span::from_mins(1);
        for (table, column) in [
            ("notification", "created_at"),
            ("work_order", "opened_at"),
            ("vehicle_case", "opened_received_at"),
            ("review", "queued_at"),
            ("console_message", "created_at"),
        ] {
            let ahead = format!("select count(*) from {table} where {column} > '{to}'");
            assert_eq!(self.ledger.count(&ahead).await?, 0, "{table}.{column} after {to}");
        }
        let waiting = format!(
            "select count(*) from outbox where state = 'queued' and not_before > '{}'",
            to + Span::from_days(1)
        );
        assert_eq!(self.ledger.count(&waiting).await?, 0, "nothing waits for a time that is not coming");
        self.ledger.pool().close().await;
        self.premend.stop().await?;
        let cluster = self.cluster;
        spawn_blocking(move || drop(cluster)).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_for_fifteen_seconds_is_not_followed() -> anyhow::Result<()> {
    let steps = steps();
    let mut scene = Scene::open(2 * steps.len(), "60s").await?;
    for step in steps {
        scene.wall.set(step)?;
        let right_again = tokio::time::Instant::now() + Duration::from_secs(15);
        let noted = eventually("a note of the step", SOON, || scene.note()).await?;
        let ahead = if step > Span::ZERO { "ahead" } else { "behind" };
        assert!(noted.contains(&format!("{} {ahead}", step.abs())), "{noted}");
        let difference = scene.premend.metric("premend_engine_clock_difference_seconds").await?;
        assert!((difference - step.secs_f64()).abs() < 2.0, "{difference} s for {step}");
        let during = scene.a_car_breaks().await?;
        tokio::time::sleep_until(right_again).await;
        scene.wall.set(Span::ZERO)?;
        let after = scene.a_car_breaks().await?;
        eprintln!("{step} for 15 s: stop-now after {during:?} while it stood, {after:?} after it");
        assert!(during < LATE && after < LATE, "{step}: {during:?}, {after:?}");
        eventually("that the note is gone", SOON, || async { Ok(scene.note().await?.is_none().then_some(())) }).await?;
    }
    assert_eq!(scene.premend.metric(STEPS_TOTAL).await?, 0.0);
    scene.prove_sound().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_stays_is_followed_and_so_is_its_correction() -> anyhow::Result<()> {
    const AFTER: Duration = Duration::from_secs(6);
    let steps = steps();
    let mut scene = Scene::open(4 * steps.len(), "6s").await?;
    for step in steps {
        let (there, back) = if step > Span::ZERO { ("forward", "back") } else { ("back", "forward") };
        for (offset, direction) in [(step, there), (Span::ZERO, back)] {
            let waiting = scene.a_car_waits().await?;
            let before = scene.steps(direction).await?;
            let since = Instant::now();
            scene.wall.set(offset)?;
            let followed = eventually(format!("that {offset} is followed"), SOON, || async {
                Ok((scene.steps(direction).await? > before).then(|| since.elapsed()))
            })
            .await?;
            assert!(followed >= AFTER, "followed after {followed:?}");
            let noted = eventually("a note of it", SOON, || async {
                Ok(scene.note().await?.filter(|note| note.contains("the clock was set")))
            })
            .await?;
            assert!(noted.contains(if direction == "forward" { "forward" } else { "back" }), "{noted}");
            let told = scene.a_car_breaks().await?;
            eprintln!("{step} {direction}: followed after {followed:?}, stop-now after {told:?}");
            assert!(told < LATE, "{step} {direction}: {told:?}");
            // Its wait goes on for as long as it had to, not for the hour that comes again.
            scene.ledger.order_on(&waiting.id, "engine.cooling").await?;
            if direction == there {
                // A restart while the clock is wrong begins no other time.
                scene.premend.kill()?;
                scene.premend.restart().await?;
            }
        }
    }
    scene.prove_sound().await
}
