//! The inbox of a dealer's people in the console: a row per notice, in both languages.
//!
//! The message has the outbox id, so that a repeated delivery is one message. It holds no personal
//! data; the console shows whose car it is to those who may see it.

use rules::case::Audience;
use rules::unit::Time;
use serde_json::json;
use sqlx::{PgPool, query};

use super::{Channel, Delivery, Outcome, Pending};
use crate::clock::Clock;
use crate::store::session::{As, begin_as};

/// The channel.
#[derive(Clone, Debug)]
pub struct ConsoleInbox {
    pool: PgPool,
    clock: Clock,
}

impl ConsoleInbox {
    pub const KEY: &'static str = "console";

    pub fn new(pool: PgPool, clock: Clock) -> Self {
        Self { pool, clock }
    }
}

impl Channel for ConsoleInbox {
    fn key(&self) -> &'static str {
        Self::KEY
    }

    fn audience(&self) -> Audience {
        Audience::Dealer
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Pending<'a, Outcome> {
        Box::pin(async move {
            match insert(&self.pool, delivery, self.clock.now()).await {
                Ok(()) => Outcome::Delivered,
                Err(error) => Outcome::Retry { after: None, why: error.to_string() },
            }
        })
    }
}

async fn insert(pool: &PgPool, delivery: &Delivery, now: Time) -> sqlx::Result<()> {
    let Delivery { outbox, notice, rendering } = delivery;
    let mut tx = begin_as(pool, As::Engine).await?;
    query!(
        "insert into console_message
             (console_message_id, dealer_id, vehicle_id, case_id, order_id, severity, title, body, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict do nothing",
        outbox,
        notice.dealer,
        notice.vehicle.as_str(),
        notice.case,
        notice.order,
        i16::from(notice.severity.number()),
        json!(rendering.title),
        json!(rendering.body),
        now.to_utc(),
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}
