//! Fault-code cycles of a vehicle: from the first report of a code until it is gone.
//!
//! Reports are deltas: a code that is not mentioned is not gone. It ends when its ECU reports it
//! without test failure, pending and confirmed bits, and is *unknown* while the ECU says that the
//! test has not run since the codes were cleared.

use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::compact::List;
use crate::entry::fault_code::{FaultCode, TriageInput, UdsStatus, triage};
use crate::observed::fault_cycle::{FaultCycle, FaultPhase};
use crate::observed::segment::SegmentKind;
use crate::state::Vehicle;
use crate::unit::{Span, Time};
use crate::vehicle::{Component, FaultReport};

/// Most codes kept per vehicle; the oldest give way.
const MOST: usize = 64;
/// DOMAIN 2.4: five new codes from three ECUs within this time, at low voltage, are one finding.
const STORM_WINDOW: Span = Span::from_secs(30);
const STORM_CODES: usize = 5;
const STORM_ECUS: usize = 3;
const STORM_VOLTS: f64 = 9.5;
/// How long the low voltage, and any other circumstance, may lie back.
const CONDITIONS_WITHIN: Span = Span::from_secs(60);
/// DOMAIN 5.3: rest voltage of a half-empty battery; with the ignition on, DC/DC converter or
/// generator hold the net above it.
const SAGGING_VOLTS: f64 = 12.2;
/// DOMAIN 2.4: a code that comes back is judged over ten trips.
const RECENT_TRIPS: u16 = 0x3ff;
/// Trips for which the codes of a storm are held back.
const STORM_TRIPS: u32 = 2;

/// A code that is gone, and in which of the last ten trips it failed: should it come back, it comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Healed {
    code: FaultCode,
    ecu: Box<str>,
    trips: u16,
    pub component: Component,
}

/// New codes of the last seconds, and a storm that is on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Storm {
    recent: List<(Time, Box<str>)>,
    /// When the 12 V net was low last; `NEVER` if it was not.
    low_at: Time,
    /// Trip in which the newest storm came.
    pub trip: Option<u32>,
}

impl Default for Storm {
    fn default() -> Self {
        Self { recent: List::new(), low_at: Time::NEVER, trip: None }
    }
}

/// Folds the fault reports of one sample; true if any cycle changed.
pub fn fold_faults(
    vehicle: &mut Vehicle,
    reports: &[FaultReport],
    at: Time,
    conditions: Conditions,
    catalogue: &Catalogue,
) -> bool {
    vehicle.storm.notice_voltage(conditions, at);
    let mut changed = false;
    for report in reports {
        changed |= fold_report(vehicle, report, at, conditions, catalogue);
    }
    if changed {
        vehicle.storm.gate(&mut vehicle.faults, at, vehicle.segment.trip, conditions);
    }
    changed
}

/// What triage and the storm gate need to know of the moment.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent circumstances, named where they are set")]
pub struct Conditions {
    pub moving: bool,
    pub charging: bool,
    pub starting: bool,
    pub volts: Option<f64>,
    /// The 12 V net sags although something should be charging it.
    pub low_voltage_falling: bool,
    pub wet: bool,
    pub brake_lamp: bool,
    pub mil_flashing: bool,
    /// GB/T 32960 alarm level, 0 to 3.
    pub gb_level: u8,
}

/// A new trip: shifts the recurrence bits and releases codes that a storm held back.
pub fn begin_trip(vehicle: &mut Vehicle) -> bool {
    let released = vehicle.storm.trip.is_some_and(|trip| vehicle.segment.trip >= trip + STORM_TRIPS);
    if released {
        vehicle.storm.trip = None;
    }
    vehicle.healed.retain_mut(|healed| {
        healed.trips = (healed.trips << 1) & RECENT_TRIPS;
        healed.trips != 0
    });
    let mut changed = released;
    for cycle in &mut vehicle.faults {
        cycle.trips = (cycle.trips << 1) & RECENT_TRIPS;
        if released {
            cycle.held_until = None;
        }
        changed = true;
    }
    changed
}

fn fold_report(
    vehicle: &mut Vehicle,
    report: &FaultReport,
    at: Time,
    conditions: Conditions,
    catalogue: &Catalogue,
) -> bool {
    let status = UdsStatus(report.status);
    let key = report.code.code_without_ftb();
    let known = vehicle.faults.iter().position(|cycle| cycle.code == key && cycle.ecu == report.ecu);
    let Some(phase) = phase_of(status) else {
        // Cleared and not tested again is unknown, not healthy.
        let ended = known.filter(|_| !status.test_not_completed_since_last_clear());
        return ended.is_some_and(|index| heal(vehicle, index));
    };
    let failing = status.test_failed() || status.pending();
    let index = known.unwrap_or_else(|| {
        if vehicle.faults.len() == MOST {
            vehicle.faults.remove(0);
        }
        vehicle.storm.notice_code(at, &report.ecu);
        let before = vehicle.healed.iter().position(|healed| healed.code == key && healed.ecu == report.ecu);
        let trips = before.map_or(0, |index| vehicle.healed.swap_remove(index).trips);
        vehicle.faults.push(FaultCycle {
            code: key,
            ecu: report.ecu.clone(),
            status: 0,
            phase,
            first_at: at,
            last_at: at,
            trips,
            severity: crate::unit::Severity::S4,
            component: Component::new(""),
            held_until: None,
        });
        vehicle.faults.len() - 1
    });
    let Some(cycle) = vehicle.faults.get_mut(index) else { return false };
    let before = (cycle.status, cycle.phase, cycle.trips, cycle.severity);
    cycle.status = report.status;
    cycle.phase = phase;
    cycle.last_at = at;
    if failing {
        cycle.trips |= 1;
    }
    let input = TriageInput {
        code: report.code,
        status,
        moving: conditions.moving,
        charging: conditions.charging,
        wet: conditions.wet,
        low_voltage_falling: conditions.low_voltage_falling,
        brake_lamp: conditions.brake_lamp,
        mil_flashing: conditions.mil_flashing,
        gb_level: conditions.gb_level,
        ..TriageInput::default()
    };
    let verdict = triage(&catalogue.fault_codes, &input.with_trips(cycle.trips));
    cycle.severity = verdict.severity;
    cycle.component = verdict.component;
    known.is_none() || before != (cycle.status, cycle.phase, cycle.trips, cycle.severity)
}

/// Takes a cycle out, but not the trips in which it failed.
fn heal(vehicle: &mut Vehicle, index: usize) -> bool {
    let FaultCycle { code, ecu, trips, component, .. } = vehicle.faults.remove(index);
    if trips != 0 {
        if vehicle.healed.len() == MOST {
            vehicle.healed.remove(0);
        }
        vehicle.healed.push(Healed { code, ecu, trips, component });
    }
    true
}

/// DOMAIN 2.2: which bits make a code pending, confirmed or stored; none of them: it is over.
fn phase_of(status: UdsStatus) -> Option<FaultPhase> {
    match (status.confirmed(), status.test_failed(), status.pending()) {
        (true, true, _) | (true, _, true) => Some(FaultPhase::Confirmed),
        (true, false, false) => Some(FaultPhase::Stored),
        (false, true, _) | (false, _, true) => Some(FaultPhase::Pending),
        (false, false, false) => None,
    }
}

impl Storm {
    /// Moves what is remembered by a step of the clock.
    pub fn move_by(&mut self, by: Span) {
        self.low_at = self.low_at.stepped(by);
        for (at, _) in &mut self.recent {
            *at = at.stepped(by);
        }
    }

    fn notice_voltage(&mut self, conditions: Conditions, at: Time) {
        if conditions.starting || conditions.volts.is_some_and(|volts| volts < STORM_VOLTS) {
            self.low_at = at;
        }
    }

    fn notice_code(&mut self, at: Time, ecu: &str) {
        self.recent.retain(|(seen, _)| at.since(*seen) <= STORM_WINDOW);
        self.recent.push((at, ecu.into()));
    }

    /// Holds the codes of a storm back: what they tell is low voltage.
    fn gate(&mut self, faults: &mut [FaultCycle], at: Time, trip: u32, conditions: Conditions) {
        let low = conditions.starting || at.since(self.low_at) <= CONDITIONS_WITHIN;
        let mut ecus: Vec<&str> = self.recent.iter().map(|(_, ecu)| &**ecu).collect();
        ecus.sort_unstable();
        ecus.dedup();
        if !low || self.recent.len() < STORM_CODES || ecus.len() < STORM_ECUS {
            return;
        }
        self.trip = Some(trip);
        for cycle in faults {
            if at.since(cycle.first_at) <= STORM_WINDOW {
                cycle.held_until = Some(Time::from_micros(i64::MAX));
            }
        }
    }

    /// Whether a storm is on, for the feature that rules read.
    pub fn is_on(&self) -> bool {
        self.trip.is_some()
    }
}

/// The conditions as the vehicle's last values say; what is older than a minute says nothing.
pub fn conditions(vehicle: &Vehicle, at: Time, known: &crate::observed::known::Known) -> Conditions {
    let fresh = |slot| {
        let last = vehicle.last(slot);
        (at.since(last.at) <= CONDITIONS_WITHIN).then_some(last.value)
    };
    let is = |slot| fresh(slot).is_some_and(|value| value > 0.0);
    let ignition = vehicle.last(known.ignition);
    let starting = ignition.at != Time::NEVER && known.is_starting(ignition.value);
    let on = ignition.at != Time::NEVER && known.is_on(ignition.value) && !starting;
    let volts = fresh(known.volts_12);
    Conditions {
        moving: fresh(known.speed).is_some_and(|speed| speed > 1.0),
        charging: vehicle.segment.kind == SegmentKind::Charge,
        starting,
        volts,
        low_voltage_falling: on && volts.is_some_and(|volts| volts < SAGGING_VOLTS),
        wet: is(known.rain),
        brake_lamp: is(known.brake_alarm),
        mil_flashing: is(known.mil_flashing),
        gb_level: fresh(known.alarm_level).map_or(0, |level| level as u8),
    }
}
