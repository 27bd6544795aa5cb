//! A connector's place among the channels: what the dealer's people are told of an order, another system is told too.
//!
//! The facts are read at each attempt, so that what waited for long says how the order stands now.

use std::sync::Arc;

use rules::case::Audience;
use sqlx::PgPool;

use super::{Channel, Delivery, Outcome, Pending};
use crate::connector::{Connector, OrderFacts};
use crate::store::order::order;
use crate::store::session::{As, begin_as};

/// The channel.
pub struct ByConnector {
    pool: PgPool,
    connector: Arc<dyn Connector>,
}

impl ByConnector {
    pub fn new(pool: PgPool, connector: Arc<dyn Connector>) -> Self {
        Self { pool, connector }
    }

    async fn facts(&self, delivery: &Delivery) -> sqlx::Result<Option<OrderFacts>> {
        let Some(order_id) = delivery.notice.order else { return Ok(None) };
        let mut tx = begin_as(&self.pool, As::Engine).await?;
        let found = order(&mut tx, order_id).await?;
        tx.commit().await?;
        Ok(found.map(|order| OrderFacts::new(delivery.outbox, delivery.notice.stage, order)))
    }
}

impl Channel for ByConnector {
    fn key(&self) -> &'static str {
        self.connector.key()
    }

    fn audience(&self) -> Audience {
        Audience::Dealer
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Pending<'a, Outcome> {
        Box::pin(async {
            match self.facts(delivery).await {
                Ok(Some(facts)) => self.connector.send(&facts).await,
                Ok(None) => Outcome::Park { why: "it is about no order".to_owned() },
                Err(error) => Outcome::Retry { after: None, why: error.to_string() },
            }
        })
    }
}
