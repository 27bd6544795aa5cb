//! Acts of people and jobs on a vehicle, the only other way besides messages to change its state.
//!
//! Written to one inbox in the transaction of the person's own change, with opaque ids only, and
//! applied by the vehicle's lane. Physical acts carry `effective_at`: readings measured before it
//! no longer touch what they reset.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::unit::{Span, Time};
use crate::vehicle::{Component, Contact, Life, Profile, Purpose};

/// What was done. The serde tag is `command.kind` in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// A vehicle is known from now on, or its profile is replaced as a whole.
    Register(Box<Profile>),
    Consent {
        purposes: BTreeSet<Purpose>,
    },
    Owner {
        contact: Option<Contact>,
        effective_at: Time,
    },
    Attribute {
        name: String,
        value: f64,
    },
    /// An advisor answered a case of the review queue.
    Review {
        case: Uuid,
        answer: ReviewAnswer,
    },
    /// A work order moved on by a person.
    Order {
        order: Uuid,
        event: OrderMove,
        effective_at: Time,
    },
    /// A person closes a case without a visit.
    CloseCase {
        case: Uuid,
        why: String,
    },
    /// No contact and no proposal for a case until then.
    Snooze {
        case: Uuid,
        until: Time,
    },
    /// A part was fitted: what was learned about it starts again.
    Replaced {
        component: Component,
        effective_at: Time,
    },
    /// A service item was done, here or elsewhere.
    ServiceDone {
        item: String,
        odometer_km: f64,
        effective_at: Time,
    },
    /// The instrument cluster was replaced; the odometer continues from `odometer_km`.
    OdometerReplaced {
        odometer_km: f64,
        effective_at: Time,
    },
    /// The vehicle runs another version of its software.
    Software {
        version: String,
    },
    /// The owner belongs to another value tier.
    Tier {
        tier: String,
    },
    /// Everything that was learned from what the vehicle said is forgotten; whoever holds its state drops it.
    Erase,
    /// What was counted of the vehicle begins again, with ids of its own.
    Life {
        life: Life,
    },
    /// Our own clock was corrected; no person's act, each lane writes it down for its vehicles. What the state holds
    /// moves `by` so much, and has then followed a `total` of steps.
    ClockCorrected {
        by: Span,
        total: Span,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReviewAnswer {
    /// Open an order.
    Accept,
    /// Not worth a visit; the case stays, unproposed unless it gets worse.
    Dismiss,
}

/// The moves of an order that a lane must know of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum OrderMove {
    /// The car is in the workshop: further findings become proposed extra work.
    CheckedIn,
    Cancelled,
    /// The owner declined, or the advisor rejected: its cases are not proposed again unless they get worse.
    Declined,
    Expired,
    /// Keys handed over; `delivered` are the components whose lines were done.
    Closed {
        delivered: Vec<Component>,
        odometer_km: Option<f64>,
    },
}
