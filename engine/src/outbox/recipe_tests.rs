//! The recipes "add a channel" and "add a connector", followed at run time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rules::case::{Audience, notice_id, outbox_id};
use rules::entry::phrase::Values;
use rules::stage::effect::{Effect, Notice, Stage};
use rules::unit::{Locale, Severity, Span};
use rules::vehicle::Purpose;
use sqlx::PgPool;
use uuid::Uuid;

use super::fixture::{NOON, Scene, Wanted};
use crate::connector::{Connector, OrderFacts, Outcome, Pending};
use crate::crm::notice::Reach;
use crate::outbox::channel::{ByConnector, Channel, Channels, Delivery};
use crate::store::effect::{self, Stands};
use crate::store::session::{As, begin_as};

/// A channel to persons only.
#[derive(Default)]
struct Letter(Mutex<Vec<Uuid>>);

impl Channel for Letter {
    fn key(&self) -> &'static str {
        "letter"
    }

    fn audience(&self) -> Audience {
        Audience::Owner
    }

    fn reach(&self) -> Reach {
        Reach::Person
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Pending<'a, Outcome> {
        Box::pin(async {
            self.0.lock().unwrap().push(delivery.notice.notification);
            Outcome::Delivered
        })
    }
}

/// A connector that answers as told.
struct Ledger {
    answers: Mutex<VecDeque<Outcome>>,
    heard: Mutex<Vec<OrderFacts>>,
}

impl Ledger {
    fn answering(answers: &[Outcome]) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.iter().cloned().collect()), heard: Mutex::default() })
    }
}

impl Connector for Ledger {
    fn key(&self) -> &'static str {
        "ledger"
    }

    fn description(&self) -> &'static str {
        "Notes what it hears, for a test."
    }

    fn send<'a>(&'a self, facts: &'a OrderFacts) -> Pending<'a, Outcome> {
        Box::pin(async {
            self.heard.lock().unwrap().push(facts.clone());
            self.answers.lock().unwrap().pop_front().unwrap_or(Outcome::Delivered)
        })
    }
}

/// Writes a notice as a lane does, by whatever channels there are; gives its id.
async fn notify(scene: &Scene, channels: &[Arc<dyn Channel>], audience: Audience, person: Option<Uuid>) -> Uuid {
    let case = scene.enqueue("a", Wanted::default()).await.case;
    let order = order(scene).await;
    let now = scene.clock.now();
    let notice = Notice {
        id: notice_id(order, Stage::Opened.label(), person),
        person,
        audience,
        case,
        order: Some(order),
        stage: Stage::Opened,
        severity: Severity::S2,
        purpose: Purpose::Diagnostics,
        template: "template".to_owned(),
        template_version: 1,
        locale: Locale::ZhCn,
        variables: Values::default(),
        created_at: now,
        valid_until: now + Span::from_days(7),
    };
    let id = notice.id;
    let routes = Channels::new(channels.to_vec()).routes();
    let mut tx = begin_as(&scene.pool, As::Engine).await.unwrap();
    let effect = Effect::Notify(Box::new(notice));
    let stands = effect::write(&mut tx, &scene.vehicle, scene.dealer, &effect, &routes).await.unwrap();
    assert_eq!(stands, Stands::This);
    tx.commit().await.unwrap();
    id
}

async fn order(scene: &Scene) -> Uuid {
    let order = Uuid::from_u128(7);
    let sql = "insert into work_order (order_id, vehicle_id, dealer_id, visit, state, severity, due_at, opened_at)
               values ($1, 'car-1', $2, 1, 'proposed', 2, '2026-11-30', '2026-11-23')";
    scene.engine(sql, &[order, scene.dealer]).await;
    order
}

async fn entries(scene: &Scene, notice: Uuid) -> Option<String> {
    let sql =
        "select string_agg(channel || ' ' || state, ', ' order by channel) from outbox where notification_id = $1";
    scene.text(sql, &[notice]).await
}

#[sqlx::test]
async fn a_channel_that_is_added_gets_what_is_for_its_audience(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let letter = Arc::new(Letter::default());
    let channels: [Arc<dyn Channel>; 1] = [letter.clone()];
    let notice = notify(&scene, &channels, Audience::Owner, Some(scene.person)).await;
    assert_eq!(entries(&scene, notice).await.unwrap(), "letter queued");
    scene.relay(channels.to_vec()).settle().await.unwrap();
    assert_eq!(*letter.0.lock().unwrap(), [notice]);
    assert_eq!(entries(&scene, notice).await.unwrap(), "letter delivered");
}

#[sqlx::test]
async fn a_channel_to_persons_is_not_asked_where_there_is_none(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let channels: [Arc<dyn Channel>; 1] = [Arc::new(Letter::default())];
    let notice = notify(&scene, &channels, Audience::Owner, None).await;
    assert_eq!(entries(&scene, notice).await, None);
}

#[sqlx::test]
async fn a_connector_that_is_added_hears_of_orders_until_it_has_them(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let wait = Span::from_mins(1);
    let ledger = Ledger::answering(&[Outcome::Retry { after: Some(wait), why: "busy".to_owned() }]);
    let channels: [Arc<dyn Channel>; 1] = [Arc::new(ByConnector::new(scene.pool.clone(), ledger.clone()))];
    let notice = notify(&scene, &channels, Audience::Dealer, None).await;
    let relay = scene.relay(channels.to_vec());
    relay.settle().await.unwrap();
    assert_eq!(entries(&scene, notice).await.unwrap(), "ledger queued");
    scene.later(wait);
    relay.settle().await.unwrap();
    assert_eq!(entries(&scene, notice).await.unwrap(), "ledger delivered");
    let heard = ledger.heard.lock().unwrap();
    let [first, again] = &heard[..] else { panic!("heard {} times", heard.len()) };
    assert_eq!(first, again, "the receiver can drop the repeat");
    assert_eq!((first.id, first.order, first.why), (outbox_id(notice, "ledger"), Uuid::from_u128(7), "opened"));
    assert_eq!((first.state, first.severity), ("proposed", 2));
}

#[sqlx::test]
async fn what_a_connector_refuses_for_good_is_parked(pool: PgPool) {
    let scene = Scene::at(pool, NOON).await;
    let ledger = Ledger::answering(&[Outcome::Park { why: "unknown dealer".to_owned() }]);
    let channels: [Arc<dyn Channel>; 1] = [Arc::new(ByConnector::new(scene.pool.clone(), ledger))];
    let notice = notify(&scene, &channels, Audience::Dealer, None).await;
    scene.relay(channels.to_vec()).settle().await.unwrap();
    assert_eq!(entries(&scene, notice).await.unwrap(), "ledger parked");
    let because = "select because from outbox where notification_id = $1";
    assert_eq!(scene.text(because, &[notice]).await.unwrap(), "unknown dealer");
}
