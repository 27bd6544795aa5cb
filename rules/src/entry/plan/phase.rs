//! The five phases of a service item, and the margins between them, DOMAIN 4.1.

use serde::{Deserialize, Serialize};

/// How far an item has got. The order is that of urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Ok,
    DueSoon,
    Due,
    /// Past the grace: the warranty may be at risk.
    Overdue,
    /// So far past that the vehicle is served elsewhere or not at all.
    Lapsed,
}

impl Phase {
    pub const ALL: [Self; 5] = [Self::Ok, Self::DueSoon, Self::Due, Self::Overdue, Self::Lapsed];

    /// 0 to 4, as rules compare it.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The word in rules, in the store and in the documents.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::DueSoon => "due_soon",
            Self::Due => "due",
            Self::Overdue => "overdue",
            Self::Lapsed => "lapsed",
        }
    }
}

/// Before and after the due point, in one measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Margin {
    pub soon: f64,
    pub overdue: f64,
    pub lapsed: f64,
}

impl Margin {
    pub(super) fn phase(&self, left: f64) -> Phase {
        if left > self.soon {
            Phase::Ok
        } else if left > 0.0 {
            Phase::DueSoon
        } else if left > -self.overdue {
            Phase::Due
        } else if left > -self.lapsed {
            Phase::Overdue
        } else {
            Phase::Lapsed
        }
    }
}

/// The margins of a plan, DOMAIN 4.1; the first service is announced a little later.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Margins {
    pub km: Margin,
    pub days: Margin,
    pub hours: Margin,
    /// `soon` of the first service.
    pub first_km: f64,
    pub first_days: f64,
}

impl Default for Margins {
    fn default() -> Self {
        Self {
            km: Margin { soon: 1_500.0, overdue: 1_000.0, lapsed: 5_000.0 },
            days: Margin { soon: 30.0, overdue: 30.0, lapsed: 180.0 },
            // Only `soon` is from DOMAIN 4.1; the others keep the proportions of the distances.
            hours: Margin { soon: 25.0, overdue: 17.0, lapsed: 85.0 },
            first_km: 1_000.0,
            first_days: 21.0,
        }
    }
}
