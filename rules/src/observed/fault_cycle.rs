//! One fault code of a vehicle while it lasts.

use serde::{Deserialize, Serialize};

use crate::entry::fault_code::FaultCode;
use crate::unit::{Severity, Time};
use crate::vehicle::Component;

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
