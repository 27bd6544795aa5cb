//! A dealer, a car, its owner and notices about it, in a real database; for tests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use prometheus::Registry;
use rules::case::Audience;
use rules::unit::{Severity, Span, Text, Time};
use rules::vehicle::VehicleId;
use sqlx::PgPool;
use uuid::Uuid;

use super::{OutboxMetrics, Relay};
use crate::clock::Clock;
use crate::config;
use crate::outbox::channel::{Channel, Channels, Delivery, Outcome, Pending, Render, Rendering};
use crate::store::session::{As, Scope, begin_as};

pub const NOON: &str = "2026-11-23T12:00:00+08:00";
pub const NIGHT: &str = "2026-11-23T23:00:00+08:00";

/// A channel that answers as told, and notes what it carried.
pub struct Scripted {
    pub answer: Outcome,
    pub carried: Mutex<HashMap<Uuid, u32>>,
    under_way: Mutex<Vec<Uuid>>,
}

impl Scripted {
    pub const KEY: &'static str = "scripted";

    pub fn answering(answer: Outcome) -> Arc<Self> {
        Arc::new(Self { answer, carried: Mutex::default(), under_way: Mutex::default() })
    }

    pub fn count(&self) -> u32 {
        self.carried.lock().unwrap().values().sum()
    }
}

impl Channel for Scripted {
    fn key(&self) -> &'static str {
        Self::KEY
    }

    fn audience(&self) -> Audience {
        Audience::Owner
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Pending<'a, Outcome> {
        Box::pin(async move {
            {
                let mut under_way = self.under_way.lock().unwrap();
                assert!(!under_way.contains(&delivery.outbox), "two deliveries of one entry at once");
                under_way.push(delivery.outbox);
            }
            // Gives every other delivery the chance to start meanwhile.
            tokio::task::yield_now().await;
            self.under_way.lock().unwrap().retain(|id| *id != delivery.outbox);
            *self.carried.lock().unwrap().entry(delivery.outbox).or_default() += 1;
            self.answer.clone()
        })
    }
}

/// Everything behind a notice.
pub struct Scene {
    pub pool: PgPool,
    pub clock: Clock,
    pub dealer: Uuid,
    pub person: Uuid,
    pub vehicle: VehicleId,
}

/// A notice that was enqueued.
#[derive(Clone, Copy, Debug)]
pub struct Enqueued {
    pub outbox: Uuid,
    pub notification: Uuid,
    pub case: Uuid,
}

/// What a notice is like, beyond being about an open case of the scene's car.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    pub channel: &'a str,
    pub severity: Severity,
    pub stage: &'a str,
    /// Addressed to the owner, not to whoever drives.
    pub to_owner: bool,
    /// About this case instead of a new one.
    pub case: Option<Uuid>,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self { channel: Scripted::KEY, severity: Severity::S2, stage: "opened", to_owner: true, case: None }
    }
}

impl Scene {
    /// An owner in Shanghai who consents to diagnostics.
    pub async fn at(pool: PgPool, now: &str) -> Self {
        let scene = Self {
            pool,
            clock: Clock::following_from(Time::parse(now).unwrap()),
            dealer: id("dealer"),
            person: id("person"),
            vehicle: VehicleId::try_new("car-1").unwrap(),
        };
        scene.engine("insert into dealer (dealer_id, name) values ($1, 'East')", &[scene.dealer]).await;
        scene
            .engine(
                "insert into vehicle (vehicle_id, dealer_id, model, model_year, powertrain, delivered_at, registered_by)
                 values ('car-1', $1, 'm', 2024, 'ice', '2024-01-01', 'person')",
                &[scene.dealer],
            )
            .await;
        scene
            .engine(
                "insert into vehicle_role (vehicle_id, dealer_id, person_id, role, valid_from)
                 values ('car-1', $1, $2, 'owner', '2024-01-01')",
                &[scene.dealer, scene.person],
            )
            .await;
        scene
            .engine(
                "insert into consent (vehicle_id, dealer_id, person_id, purpose, text_version, given_through, granted_at)
                 values ('car-1', $1, $2, 'diagnostics', '1', 'test', '2024-01-01')",
                &[scene.dealer, scene.person],
            )
            .await;
        let someone = As::Person { dealer: Scope::Dealer(scene.dealer), account: None, purpose: "test" };
        let mut tx = begin_as(&scene.pool, someone).await.unwrap();
        sqlx::query(
            "insert into person.person (person_id, dealer_id, key_id, name, locale) values ($1, $2, 1, 'x', 'zh-CN')",
        )
        .bind(scene.person)
        .bind(scene.dealer)
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
        scene
    }

    /// Runs a statement as the engine.
    pub async fn engine(&self, sql: &'static str, ids: &[Uuid]) -> u64 {
        let mut tx = begin_as(&self.pool, As::Engine).await.unwrap();
        let query = ids.iter().fold(sqlx::query(sql), |query, id| query.bind(*id));
        let rows = query.execute(&mut *tx).await.unwrap().rows_affected();
        tx.commit().await.unwrap();
        rows
    }

    /// Reads one text as the engine.
    pub async fn text(&self, sql: &'static str, ids: &[Uuid]) -> Option<String> {
        let mut tx = begin_as(&self.pool, As::Engine).await.unwrap();
        let query = ids.iter().fold(sqlx::query_scalar(sql), |query, id| query.bind(*id));
        query.fetch_optional(&mut *tx).await.unwrap().flatten()
    }

    pub async fn enqueue(&self, name: &str, wanted: Wanted<'_>) -> Enqueued {
        let case = wanted.case.unwrap_or_else(|| id(&format!("{name} case")));
        let enqueued = Enqueued { outbox: id(name), notification: id(&format!("{name} notice")), case };
        let mut tx = begin_as(&self.pool, As::Engine).await.unwrap();
        let severity = i16::from(wanted.severity.number());
        let now = self.clock.now();
        sqlx::query(
            "insert into vehicle_case (case_id, vehicle_id, dealer_id, component, episode, mode, severity, status,
                 rule_key, rule_version, opened_at, opened_received_at, confidence)
             values ($1, 'car-1', $2, $3, 1, 'live', $4, 'open', 'rule', 1, $5, $5, 1) on conflict do nothing",
        )
        .bind(case)
        .bind(self.dealer)
        .bind(name)
        .bind(severity)
        .bind(now.to_utc())
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query(
            "insert into notification (notification_id, vehicle_id, dealer_id, person_id, case_id, stage, severity,
                 template, template_version, locale, variables, created_at, valid_until)
             values ($1, 'car-1', $2, $3, $4, $5, $6, 'template', 1, 'zh-CN', '{}', $7, $8)",
        )
        .bind(enqueued.notification)
        .bind(self.dealer)
        .bind(wanted.to_owner.then_some(self.person))
        .bind(case)
        .bind(wanted.stage)
        .bind(severity)
        .bind(now.to_utc())
        .bind((now + Span::from_days(7)).to_utc())
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query(
            "insert into outbox (outbox_id, notification_id, dealer_id, channel, state, not_before)
             values ($1, $2, $3, $4, 'queued', $5)",
        )
        .bind(enqueued.outbox)
        .bind(enqueued.notification)
        .bind(self.dealer)
        .bind(wanted.channel)
        .bind(now.to_utc())
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
        enqueued
    }

    pub async fn close(&self, case: Uuid) {
        self.engine("update vehicle_case set status = 'closed', closed_at = opened_at where case_id = $1", &[case])
            .await;
    }

    /// `state because`, and the outcomes of its attempts in order.
    pub async fn fate(&self, entry: Enqueued) -> String {
        let sql = "select state || coalesce(' ' || because, '') || ' [' || coalesce((
                select string_agg(outcome, ' ' order by attempt_no) from attempt where outbox_id = $1), '') || ']'
            from outbox where outbox_id = $1";
        self.text(sql, &[entry.outbox]).await.unwrap()
    }

    pub fn relay(&self, channels: Vec<Arc<dyn Channel>>) -> Relay {
        let channels = Channels::new(channels);
        let metrics = OutboxMetrics::try_new(&Registry::new(), &channels.keys()).unwrap();
        let settings = config::Relay { max_attempts: 3, ..config::Relay::default() };
        Relay::try_new(self.pool.clone(), self.clock.clone(), settings, channels, render(), metrics).unwrap()
    }

    pub fn later(&self, span: Span) {
        self.clock.follow(self.clock.now() + span);
    }
}

/// Renders the notice's template key; the catalogue is not what is tested here.
pub fn render() -> Render {
    Arc::new(|notice| {
        let text = Text { zh_cn: format!("请注意 {}", notice.template), en: format!("Note {}", notice.template) };
        Ok(Rendering { title: text.clone(), body: text.clone(), in_car: text })
    })
}

fn id(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}
