//! A finding: a rule that holds for a vehicle, with what made it hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::unit::{Severity, Text, Time};
use crate::vehicle::{SignalNo, Told};

/// What an advisor needs to believe a finding. JSON in `finding.evidence`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Signals to chart, the deciding one first.
    pub signals: Vec<EvidenceSignal>,
    /// The limit line of the first signal.
    pub limit: Option<f64>,
    /// Whether the rule asks for values above the limit, or below it.
    pub above_limit: Option<bool>,
    /// The readings as they stood when it opened.
    pub readings: Vec<EvidenceReading>,
    pub faults: Vec<EvidenceFault>,
    /// Since when it has held, measured time.
    pub since: Time,
    /// Value of the deciding signal.
    pub value: Option<f64>,
    /// The numbers that the rule names for its texts, as they stood.
    #[serde(default)]
    pub numbers: BTreeMap<String, f64>,
    pub odometer_km: Option<f64>,
    pub days_left: Option<f32>,
    pub km_left: Option<f32>,
    /// What was done with the vehicle's own times, and what was added to them, s.
    pub clock: Told,
    pub clock_shift_s: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceSignal {
    pub no: SignalNo,
    pub path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceReading {
    pub signal: SignalNo,
    pub at: Time,
    pub value: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceFault {
    pub code: String,
    pub ecu: String,
    pub status: u8,
    pub first_at: Time,
    pub at: Time,
}

/// What `evaluate` found for one instance of a rule at one step.
#[derive(Clone, Debug, PartialEq)]
pub enum FindingChange {
    Opened(Box<Opened>),
    /// It still holds, more or less severely (fault codes only).
    Severity {
        key: FindingKey,
        severity: Severity,
        at: Time,
    },
    Closed {
        key: FindingKey,
        at: Time,
        because: Text,
    },
    /// It never was: later readings measured earlier disproved it.
    Withdrawn {
        key: FindingKey,
        at: Time,
        because: Text,
    },
}

/// Which instance of which rule: the place in the rule set, and the fault code for rules by code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FindingKey {
    pub rule: crate::entry::rule::RuleNo,
    pub code: Option<crate::entry::fault_code::FaultCode>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    pub key: FindingKey,
    pub component: crate::vehicle::Component,
    pub severity: Severity,
    pub at: Time,
    pub evidence: Evidence,
    /// The rule's reason with its values filled in.
    pub because: Text,
}
