//! What an expression can see of a vehicle at one settled step.

use serde::{Deserialize, Serialize};

use crate::entry::fault_code::FaultCode;
use crate::entry::plan::items::Items;
use crate::learned::Cohort;
use crate::observed::readings::Readings;
use crate::observed::window::Windows;
use crate::unit::{Severity, Time};
use crate::vehicle::Component;

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

/// The state of one item of the service plan, recomputed when odometer or day move. Every vehicle keeps one for each of
/// its items: days to a tenth, deviations to half a day up to 127, distances to ten kilometres.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemState {
    phase: u8,
    days_sigma: u8,
    days_left: i16,
    km_left: i16,
}

impl ItemState {
    /// Of an item that the vehicle's plan does not have.
    pub const NONE: Self = Self { phase: u8::MAX, days_sigma: 0, days_left: i16::MIN, km_left: i16::MIN };
    const SIGMA: f64 = 0.5;
    const DAY: f64 = 0.1;
    const KM: f64 = 10.0;

    /// `phase` as [`Self::phase`]; NaN for what is not known.
    pub fn new(phase: Option<u8>, days_left: f64, days_sigma: f64, km_left: f64) -> Self {
        Self {
            phase: phase.unwrap_or(Self::NONE.phase),
            // Casting keeps within the ends.
            days_sigma: (days_sigma / Self::SIGMA).ceil() as u8,
            days_left: compact(days_left, Self::DAY),
            km_left: compact(km_left, Self::KM),
        }
    }

    /// 0 ok, 1 due soon, 2 due, 3 overdue, 4 lapsed; `None` while the item does not apply or nothing is known.
    pub fn phase(self) -> Option<u8> {
        Some(self.phase).filter(|phase| *phase != Self::NONE.phase)
    }

    /// Central estimate of days until due; negative when past. NaN where nothing is known.
    pub fn days_left(self) -> f64 {
        value_of(self.days_left, Self::DAY)
    }

    /// Standard deviation of that estimate, days.
    pub fn days_sigma(self) -> f64 {
        f64::from(self.days_sigma) * Self::SIGMA
    }

    /// Negative when past; NaN for items without distance.
    pub fn km_left(self) -> f64 {
        value_of(self.km_left, Self::KM)
    }
}

/// A quantity in two bytes, to the step, away from 0: what is past stays past. The smallest number is NaN.
fn compact(value: f64, step: f64) -> i16 {
    if value.is_nan() {
        return i16::MIN;
    }
    let steps = value / step;
    (if steps < 0.0 { steps.floor() } else { steps.ceil() } as i16).max(-i16::MAX)
}

fn value_of(compact: i16, step: f64) -> f64 {
    if compact == i16::MIN { f64::NAN } else { f64::from(compact) * step }
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
    pub service: &'a Items,
    pub windows: Windows<'a>,
    pub cohort: Cohort<'a>,
}
