//! Notices in the car, over the vehicle's own `down` topic.
//!
//! A car may be off when something is published, so every live notice is said again when the car
//! connects, until it reports it as seen or the notice is no longer valid; so is what was taken
//! back. Cars drop ids they know. Whoever drives reads it, so it is one line that says what to do
//! now, and holds no personal data.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ingest::down::{self, Down};
use rules::case::Audience;
use rules::unit::Time;
use rules::vehicle::VehicleId;
use sqlx::PgPool;
use tracing::{debug, warn};

use super::{Channel, Delivery, Outcome, Pending, Render, Rendering};
use crate::clock::Clock;
use crate::store::notice::{Notice, cars_to_repeat_for, to_repeat};
use crate::store::session::{As, begin_as};

/// What can be read at a glance, in characters; a longer line, long by what filled it, is cut.
const GLANCE: usize = 120;

/// The way down to one vehicle.
pub trait Downlink: Send + Sync {
    /// Hands a payload for `premend/v1/{vehicle}/down` to the broker; the error says why it was not
    /// taken. Whether the car is listening shows when it reports the notice as seen.
    fn publish(&self, vehicle: &VehicleId, payload: Vec<u8>) -> Result<(), String>;
}

/// The channel.
pub struct InCar {
    pool: PgPool,
    clock: Clock,
    downlink: Arc<dyn Downlink>,
    render: Render,
    /// Cars that have something to hear again and until when, so that the connects of all the
    /// others cost no query.
    waiting: Mutex<HashMap<String, Time>>,
}

impl InCar {
    pub const KEY: &'static str = "in_car";

    pub fn new(pool: PgPool, clock: Clock, downlink: Arc<dyn Downlink>, render: Render) -> Self {
        Self { pool, clock, downlink, render, waiting: Mutex::default() }
    }

    /// Reads again which cars have something to hear; forgets those that have seen everything.
    pub async fn refresh(&self) -> sqlx::Result<()> {
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        let cars = cars_to_repeat_for(&mut tx, Self::KEY, self.clock.now()).await?;
        tx.commit().await?;
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = cars.into_iter().collect();
        Ok(())
    }

    /// Says again what a car that just connected may have missed.
    pub async fn repeat_for(&self, vehicle: &VehicleId) {
        if !self.is_waiting(vehicle) {
            return;
        }
        if let Err(error) = self.repeat(vehicle).await {
            warn!(vehicle.id = %vehicle, error, "notices could not be repeated to a car");
        }
    }

    fn is_waiting(&self, vehicle: &VehicleId) -> bool {
        // What is no longer valid is sorted out by reading; a clock that was set must not hide what still is.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).contains_key(vehicle.as_str())
    }

    fn remember(&self, notice: &Notice) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let until = waiting.entry(notice.vehicle.as_str().to_owned()).or_insert(notice.valid_until);
        *until = notice.valid_until.max(*until);
    }

    async fn repeat(&self, vehicle: &VehicleId) -> Result<(), String> {
        let mut tx = begin_as(&self.pool, As::Engine).await.map_err(|error| error.to_string())?;
        let repeats = to_repeat(&mut tx, vehicle, Self::KEY, self.clock.now()).await.map_err(|e| e.to_string())?;
        tx.commit().await.map_err(|error| error.to_string())?;
        for repeat in &repeats {
            let payload = if repeat.taken_back {
                withdrawn(&repeat.notice)
            } else {
                spoken(&repeat.notice, &(self.render)(&repeat.notice)?)
            };
            self.publish(vehicle, &payload)?;
        }
        debug!(vehicle.id = %vehicle, notices = repeats.len(), "repeated notices to a car");
        Ok(())
    }

    fn publish(&self, vehicle: &VehicleId, payload: &Down) -> Result<(), String> {
        self.downlink.publish(vehicle, payload.encode())
    }

    fn attempt(&self, notice: &Notice, payload: &Down) -> Outcome {
        self.remember(notice);
        match self.publish(&notice.vehicle, payload) {
            Ok(()) => Outcome::Delivered,
            Err(why) => Outcome::Retry { after: None, why },
        }
    }
}

impl Channel for InCar {
    fn key(&self) -> &'static str {
        Self::KEY
    }

    fn audience(&self) -> Audience {
        Audience::Owner
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Pending<'a, Outcome> {
        Box::pin(async { self.attempt(&delivery.notice, &spoken(&delivery.notice, &delivery.rendering)) })
    }

    fn refresh(&self) -> Pending<'_, sqlx::Result<()>> {
        Box::pin(Self::refresh(self))
    }

    fn take_back<'a>(&'a self, notice: &'a Notice) -> Option<Pending<'a, Outcome>> {
        Some(Box::pin(async { self.attempt(notice, &withdrawn(notice)) }))
    }

    fn can_take_back(&self) -> bool {
        true
    }
}

fn spoken(notice: &Notice, rendering: &Rendering) -> Down {
    let locale = notice.locale;
    Down::Notice(down::Notice {
        id: notice.notification,
        valid_until: notice.valid_until,
        severity: notice.severity,
        locale,
        title: cut(rendering.title.in_locale(locale), GLANCE),
        text: cut(rendering.in_car.in_locale(locale), GLANCE),
    })
}

fn withdrawn(notice: &Notice) -> Down {
    Down::Withdrawn { id: notice.notification }
}

/// At most `limit` characters; what was cut ends in an ellipsis.
fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use ingest::broker::{Broker, BrokerConfig};
    use ingest::queue::{LaneQueues, Limits};
    use rules::unit::{Severity, Span};
    use serde_json::{Value, json};

    use super::*;
    use crate::outbox::fixture::{NOON, Scene, Wanted, render};

    /// What was published, by kind and title or id.
    #[derive(Default)]
    struct Road(Mutex<Vec<Value>>);

    impl Downlink for Road {
        fn publish(&self, _: &VehicleId, payload: Vec<u8>) -> Result<(), String> {
            self.0.lock().unwrap().push(serde_json::from_slice(&payload).unwrap());
            Ok(())
        }
    }

    impl Road {
        fn kinds(&self) -> Vec<String> {
            self.0.lock().unwrap().drain(..).map(|message| message["kind"].as_str().unwrap().to_owned()).collect()
        }
    }

    const STOP: Wanted<'_> =
        Wanted { channel: InCar::KEY, severity: Severity::S1, stage: "stop_now", to_owner: false, case: None };

    async fn told(pool: PgPool) -> (Scene, Arc<Road>, Arc<InCar>, crate::outbox::fixture::Enqueued) {
        let scene = Scene::at(pool, NOON).await;
        let road = Arc::new(Road::default());
        let car = Arc::new(InCar::new(scene.pool.clone(), scene.clock.clone(), road.clone(), render()));
        let entry = scene.enqueue("a", STOP).await;
        scene.relay(vec![car.clone()]).settle().await.unwrap();
        (scene, road, car, entry)
    }

    #[test]
    fn cuts_at_characters_and_says_so() {
        assert_eq!(cut("水温过高", 4), "水温过高");
        assert_eq!(cut("水温过高，请停车", 4), "水温过…");
    }

    #[sqlx::test]
    async fn says_what_the_wire_promises_in_the_notices_language(pool: PgPool) {
        let (scene, road, _, entry) = told(pool).await;
        assert_eq!(scene.fate(entry).await, "delivered [delivered]");
        let said = road.0.lock().unwrap().remove(0);
        let wanted = json!({
            "kind": "notice", "id": entry.notification, "valid_until": "2026-11-30T04:00:00Z", "severity": "S1",
            "title": "请注意 template", "text": "请注意 template", "locale": "zh-CN",
        });
        assert_eq!(said, wanted);
    }

    #[sqlx::test]
    async fn says_it_again_at_every_connect_until_it_was_seen(pool: PgPool) {
        let (scene, road, car, entry) = told(pool).await;
        road.kinds();
        car.repeat_for(&scene.vehicle).await;
        // Another engine's memory starts empty and is read from the store.
        let restarted = InCar::new(scene.pool.clone(), scene.clock.clone(), road.clone(), render());
        restarted.refresh().await.unwrap();
        restarted.repeat_for(&scene.vehicle).await;
        assert_eq!(road.kinds(), ["notice", "notice"]);
        scene.engine("update notification set seen_at = now() where notification_id = $1", &[entry.notification]).await;
        car.repeat_for(&scene.vehicle).await;
        assert!(road.kinds().is_empty());
    }

    #[sqlx::test]
    async fn says_nothing_again_once_it_is_no_longer_valid(pool: PgPool) {
        let (scene, road, car, _) = told(pool).await;
        road.kinds();
        scene.later(Span::from_days(7));
        car.repeat_for(&scene.vehicle).await;
        assert!(road.kinds().is_empty());
    }

    /// A car on the embedded broker, listening to its own topic.
    async fn listening(port: u16) -> (rumqttc::AsyncClient, rumqttc::EventLoop) {
        let (client, mut events) = rumqttc::AsyncClient::new(rumqttc::MqttOptions::new("car-1", "127.0.0.1", port), 10);
        client.subscribe("premend/v1/car-1/down", rumqttc::QoS::AtLeastOnce).await.unwrap();
        while !matches!(events.poll().await.unwrap(), rumqttc::Event::Incoming(rumqttc::Packet::SubAck(_))) {}
        (client, events)
    }

    async fn heard(events: &mut rumqttc::EventLoop) -> Down {
        let hearing = async {
            loop {
                if let rumqttc::Event::Incoming(rumqttc::Packet::Publish(publish)) = events.poll().await.unwrap() {
                    return Down::decode(&publish.payload).unwrap();
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), hearing).await.unwrap()
    }

    #[sqlx::test]
    async fn a_car_hears_it_over_mqtt_and_again_after_it_was_away(pool: PgPool) {
        let scene = Scene::at(pool, NOON).await;
        let metrics = ingest::metrics::Metrics::new(&prometheus::Registry::new()).unwrap();
        let lanes = LaneQueues::new(1, Limits::default(), &metrics);
        let config = BrokerConfig { listen: ([127, 0, 0, 1], 0).into(), ..BrokerConfig::default() };
        let broker = Arc::new(Broker::start(&config, lanes, &metrics).unwrap());
        let port = broker.address().port();
        let down: Arc<dyn Downlink> = Arc::new(crate::app::services::Down(broker.clone()));
        let car = Arc::new(InCar::new(scene.pool.clone(), scene.clock.clone(), down, render()));
        let (client, mut events) = listening(port).await;
        let entry = scene.enqueue("a", STOP).await;
        scene.relay(vec![car.clone()]).settle().await.unwrap();
        let Down::Notice(first) = heard(&mut events).await else { panic!("not a notice") };
        assert_eq!((first.id, first.severity), (entry.notification, Severity::S1));
        drop((client, events));
        let (_client, mut events) = listening(port).await;
        car.repeat_for(&scene.vehicle).await;
        assert_eq!(heard(&mut events).await, Down::Notice(first));
    }

    #[sqlx::test]
    async fn takes_back_what_is_over_and_repeats_that_too(pool: PgPool) {
        let (scene, road, car, entry) = told(pool).await;
        scene.close(entry.case).await;
        let relay = scene.relay(vec![car.clone()]);
        relay.settle().await.unwrap();
        relay.settle().await.unwrap();
        car.repeat_for(&scene.vehicle).await;
        assert_eq!(road.kinds(), ["notice", "withdrawn", "withdrawn"]);
        assert_eq!(scene.fate(entry).await, "delivered case_ended [delivered cancelled]");
    }
}
