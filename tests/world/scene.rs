//! What most promises need: a database with cars in it, and an engine that lives on a Monday morning.

use rules::unit::Time;

use super::{Car, Database, Garage, Ledger, NewCar, Premend, Setup, free_port};

/// Ten o'clock on a Monday in Shanghai: nobody's quiet hours.
pub const MORNING: &str = "2026-03-02T02:00:00Z";

pub fn morning() -> Time {
    Time::parse(MORNING).expect("it is a time")
}

/// An engine that is ready and knows its cars.
#[derive(Debug)]
pub struct Scene {
    pub premend: Premend,
    pub ledger: Ledger,
    pub garage: Garage,
    pub database: Database,
}

impl Scene {
    /// Its clock begins in the morning and runs at the rate of ours.
    pub async fn open(cars: &[NewCar]) -> anyhow::Result<Self> {
        Self::open_with(cars, |setup| setup).await
    }

    pub async fn open_with(cars: &[NewCar], configure: impl FnOnce(Setup) -> Setup) -> anyhow::Result<Self> {
        let database = Database::create().await?;
        let ledger = Ledger::new(&database.pool().await?);
        let garage = Garage::open(ledger.pool()).await?;
        garage.add_all(cars).await?;
        let setup = Setup::serve(database.url())
            .set("mqtt.listen", &format!("127.0.0.1:{}", free_port()?))
            .set("clock.mode", "virtual")
            .set("clock.for_tests", "true")
            .set("clock.origin", MORNING)
            .set("clock.rate", "1");
        let premend = Premend::start(configure(setup)).await?;
        ledger.commands_applied().await?;
        Ok(Self { premend, ledger, garage, database })
    }

    /// Puts a car on the air.
    pub async fn car(&self, id: &str) -> anyhow::Result<Car> {
        Car::connect(id, self.premend.mqtt()?).await
    }

    /// Kills the engine and starts it again, its clock at `now`.
    pub async fn restart_at(&mut self, now: Time) -> anyhow::Result<()> {
        self.premend.kill()?;
        let setup = self.premend.setup().clone().set("clock.origin", &now.to_string());
        self.premend.restart_with(setup).await
    }
}
