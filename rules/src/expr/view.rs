//! What an expression can see of a vehicle at one settled step.

use serde::{Deserialize, Serialize};

use crate::component::Component;
use crate::fault_code::FaultCode;
use crate::learned::Cohort;
use crate::severity::Severity;
use crate::sparse::Sparse;
use crate::state::Readings;
use crate::time::Time;
use crate::window::Windows;

/// The last folded value of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Last {
    pub value: f64,
    /// `Time::NEVER` as long as nothing was measured.
    pub at: Time,
}

impl Last {
    pub const NEVER: Self = Self { value: f64::NAN, at: Time::NEVER };
}

/// How far a fault code of a vehicle has got, DOMAIN 2.2 and 2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultPhase {
    /// Failed in this or the previous cycle, not matured.
    Pending,
    Confirmed,
    /// Was confirmed, is not failing now.
    Stored,
}

/// One fault code of a vehicle while it lasts, from first report to end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultCycle {
    pub code: FaultCode,
    pub ecu: Box<str>,
    /// As last reported, ISO 14229-1.
    pub status: u8,
    pub phase: FaultPhase,
    pub first_at: Time,
    pub last_at: Time,
    /// Trips in which it failed, of the last ten, newest in bit 0.
    pub trips: u16,
    /// After class default, table and modifiers of DOMAIN 2.4.
    pub severity: Severity,
    /// From the table or the class of the code.
    pub component: Component,
    /// Held back by the storm gate until then.
    pub held_until: Option<Time>,
}

/// The state of one item of the service plan, recomputed when odometer or day move.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemState {
    /// 0 ok, 1 due soon, 2 due, 3 overdue, 4 lapsed; `None` while the item does not apply or nothing is known.
    pub phase: Option<u8>,
    /// Central estimate of days until due; negative when past.
    pub days_left: f32,
    /// Standard deviation of that estimate, days.
    pub days_sigma: f32,
    /// Negative when past; NaN for items without distance.
    pub km_left: f32,
}

/// A vehicle as an expression sees it.
pub struct View<'a> {
    /// Measured time of the step; for absence, timer time minus the lateness bound. Later than
    /// `newest` it is no step: durations are judged, not advanced.
    pub now: Time,
    /// Newest measured time folded; `Time::NEVER` before the first.
    pub newest: Time,
    /// By slot of the catalogue the program was compiled against.
    pub last: &'a Readings,
    pub faults: &'a [FaultCycle],
    /// The cycle that a rule `by fault code` is asked about.
    pub code: Option<&'a FaultCycle>,
    /// By index of the service item in the catalogue.
    pub service: &'a Sparse<ItemState>,
    pub windows: Windows<'a>,
    pub cohort: Cohort<'a>,
}
