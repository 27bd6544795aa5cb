//! What a connector is asked for: to carry the facts of a work order to another system.

use chrono::{DateTime, Utc};
use rules::case::NoticeStage;
use serde::Serialize;
use uuid::Uuid;

use super::{Outcome, Pending};
use crate::store::order::Order;

/// A work order as another system sees it, as it stands at the attempt; no person, no vehicle's papers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OrderFacts {
    /// The same at every attempt: lets the receiver drop repeats.
    pub id: Uuid,
    /// Why it is told: `opened`, or `resolved` when what led to the order is over.
    pub why: &'static str,
    pub order: Uuid,
    pub number: i64,
    pub dealer: Uuid,
    pub vehicle: String,
    pub state: &'static str,
    pub severity: i16,
    pub due_at: DateTime<Utc>,
    pub appointment_at: Option<DateTime<Utc>>,
}

impl OrderFacts {
    pub fn new(id: Uuid, stage: NoticeStage, order: Order) -> Self {
        Self {
            id,
            why: stage.word(),
            order: order.order_id,
            number: order.number,
            dealer: order.dealer_id,
            vehicle: order.vehicle_id,
            state: order.state.word(),
            severity: order.severity,
            due_at: order.due_at,
            appointment_at: order.appointment_at,
        }
    }
}

/// A way to another system.
pub trait Connector: Send + Sync {
    /// The word in `outbox.channel` and in metrics.
    fn key(&self) -> &'static str;

    /// One sentence for people.
    fn description(&self) -> &'static str;

    /// Carries the facts. May be called again with the same id, after a crash or when an answer was lost.
    fn send<'a>(&'a self, facts: &'a OrderFacts) -> Pending<'a, Outcome>;
}
