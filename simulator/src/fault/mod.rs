//! Faults that can be planted, one file each; those of one physics share one.
//!
//! To add one: a new file with a `pub const FAULT`, its line in [`FAULTS`], and its magnitudes in
//! `simulator/catalogue/faults.toml` ([`magnitude`]). A fault says what it does to the physics ([`Strain`]) as it progresses from 0 to 1, when a reader of the frames
//! could first have known and when the part has failed (for the ground truth), and, if it can be laid over a
//! recorded log, how it bends a recorded frame.

use rules::unit::Time;
use rules::vehicle::Powertrain;

use crate::frame::Frame;
use crate::model::{Fuel, Model};
use crate::physics::Strain;
use crate::signal::{CRANK_VOLTAGE, IGNITION, TYRE_PRESSURE, VOLTAGE_12};

pub mod adblue_leak;
pub mod alternator_failure;
pub mod battery_ageing;
pub mod blocked_filter;
pub mod brake_fluid_loss;
pub mod brake_system_fault;
pub mod cell_collapse;
pub mod cell_drift;
pub mod cell_overheating;
pub mod code_storm;
pub mod coolant_loss;
pub mod coolant_seep;
pub mod dcdc_fault;
pub mod dcdc_overheating;
pub mod drive_coolant_seep;
pub mod fast_leak;
pub mod gauge_jumps;
pub mod insulation_decay;
pub mod interlock_open;
pub mod inverter_overheating;
pub mod loose_wire;
pub mod low_charging;
pub mod magnitude;
pub mod misfire;
pub mod mixture;
pub mod motor_overheating;
pub mod oil_consumption;
pub mod oil_pressure_loss;
pub mod overcharge;
pub mod pack_mismatch;
pub mod parasitic_drain;
pub mod planted;
pub mod regulator_fault;
pub mod seized_caliper;
pub mod severe_misfire;
pub mod silent;
pub mod slow_leak;
pub mod sooting_injector;
pub mod thermostat_stuck_open;
pub mod traction_ageing;
pub mod valve_leak;
pub mod withheld_codes;
pub mod worn_catalyst;
pub mod worn_front_pads;
pub mod worn_rear_pads;

pub use magnitude::Magnitude;
pub use planted::{Planted, PlantedError};

/// Every plantable fault.
pub const FAULTS: &[Fault] = &[
    adblue_leak::FAULT,
    mixture::AIR_METER_DRIFT,
    alternator_failure::FAULT,
    battery_ageing::FAULT,
    blocked_filter::FAULT,
    brake_fluid_loss::FAULT,
    brake_system_fault::FAULT,
    cell_collapse::FAULT,
    cell_drift::FAULT,
    cell_overheating::FAULT,
    code_storm::FAULT,
    coolant_loss::FAULT,
    coolant_seep::FAULT,
    dcdc_fault::FAULT,
    dcdc_overheating::FAULT,
    drive_coolant_seep::FAULT,
    fast_leak::FAULT,
    gauge_jumps::FAULT,
    insulation_decay::FAULT,
    mixture::INTAKE_LEAK,
    interlock_open::FAULT,
    inverter_overheating::FAULT,
    mixture::LEAKING_INJECTOR,
    loose_wire::FAULT,
    low_charging::FAULT,
    misfire::FAULT,
    motor_overheating::FAULT,
    oil_consumption::FAULT,
    oil_pressure_loss::FAULT,
    overcharge::FAULT,
    pack_mismatch::FAULT,
    parasitic_drain::FAULT,
    regulator_fault::FAULT,
    seized_caliper::FAULT,
    severe_misfire::FAULT,
    silent::FAULT,
    slow_leak::FAULT,
    sooting_injector::FAULT,
    thermostat_stuck_open::FAULT,
    traction_ageing::FAULT,
    valve_leak::FAULT,
    withheld_codes::FAULT,
    worn_catalyst::FAULT,
    worn_front_pads::FAULT,
    worn_rear_pads::FAULT,
];

/// One kind of fault.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub key: &'static str,
    /// For people, in a sentence.
    pub description: &'static str,
    pub powertrains: &'static [Powertrain],
    /// `None`: whatever the engine burns, if there is one.
    pub fuel: Option<Fuel>,
    /// The component on which a case is expected; several, if it has several places.
    pub components: &'static [&'static str],
    /// Components on which it may lead to a case too.
    pub consequences: &'static [&'static str],
    /// 1 to 4 as in S1 to S4: how urgent the worst of it is.
    pub severity: u8,
    pub begins: Begins,
    /// Adds the fault at a stage to the sum of all faults.
    pub strain: fn(&Stage, &mut Strain),
    /// Whether this frame shows that the threshold is crossed.
    pub crossed: fn(&Frame, &Circumstances) -> bool,
    /// Whether this frame shows that the part has failed: the owner stands still, or a legal limit is passed.
    pub failed: fn(&Frame, &Circumstances) -> bool,
    /// Bends a recorded frame as the fault would have; `None`: cannot be laid over a log.
    pub overlay: Option<fn(&Stage, &mut Frame)>,
}

/// When a planted fault may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    AtOnce,
    /// At the first step of driving from then on: a nail is caught on the road.
    OnTheRoad,
}

/// How far a fault has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// The full effect, and what works from the first day on, as the catalogue of magnitudes has them.
    pub strength: f64,
    pub rate: f64,
    /// 0 at its start, 1 after its onset, and from then on.
    pub progress: f64,
    /// Days since its start.
    pub days: f64,
    /// Seconds since its start.
    pub secs: f64,
    /// Which of several like parts it is on, such as the wheel.
    pub place: usize,
    /// Driving trips begun since its start; 0 in the trip it began in.
    pub trips: u32,
}

/// What is known around a frame when its threshold is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circumstances {
    pub placard_kpa: f64,
    /// Hours since the ignition went off; 0 while it is on.
    pub parked_h: f64,
    /// Hours since the ignition went on; 0 while it is off.
    pub driven_h: f64,
    /// Since when the fault has been there.
    pub started: Time,
    /// The wheel or cylinder it is on.
    pub place: usize,
}

/// The fault of a key.
pub fn fault(key: &str) -> Option<&'static Fault> {
    FAULTS.iter().find(|fault| fault.key == key)
}

impl Fault {
    /// Whether a vehicle of that model can have it.
    pub fn fits(&self, model: &Model) -> bool {
        self.powertrains.contains(&model.powertrain) && self.fuel.is_none_or(|fuel| model.fuel == Some(fuel))
    }

    /// The component on which a case is expected if the fault is at that place.
    pub fn component(&self, place: usize) -> &'static str {
        self.components.get(place).or(self.components.first()).copied().unwrap_or_default()
    }
}

/// In the order of [`crate::signal::TYRE_PRESSURE`].
const TYRES: &[&str] = &[
    "chassis.tyre.Row1.Wheel.Left",
    "chassis.tyre.Row1.Wheel.Right",
    "chassis.tyre.Row2.Wheel.Left",
    "chassis.tyre.Row2.Wheel.Right",
];

const ALL: &[Powertrain] = &[Powertrain::Ice, Powertrain::Hev, Powertrain::Bev];
const ENGINE: &[Powertrain] = &[Powertrain::Ice, Powertrain::Hev];
const COMBUSTION: &[Powertrain] = &[Powertrain::Ice];
const PLUGGED: &[Powertrain] = &[Powertrain::Bev];
const ELECTRIC: &[Powertrain] = &[Powertrain::Hev, Powertrain::Bev];

/// What most faults have in common; each says the rest itself.
const BASE: Fault = Fault {
    key: "",
    description: "",
    powertrains: ALL,
    fuel: None,
    components: &[],
    consequences: &[],
    severity: 3,
    begins: Begins::AtOnce,
    strain: |_, _| {},
    crossed: |_, _| false,
    failed: |_, _| false,
    overlay: None,
};

/// The 12 V battery starts nothing any more: a start that stalls, or one nobody need try.
fn no_start(frame: &Frame, around: &Circumstances) -> bool {
    let rested = around.parked_h >= 4.0 && frame.get(VOLTAGE_12).is_some_and(|volts| volts < 11.6);
    let stalled = match frame.get(CRANK_VOLTAGE) {
        Some(volts) => volts < 7.2,
        // Without a starter the control units want enough to close the contactors.
        None => frame.says(IGNITION, "START") && frame.get(VOLTAGE_12).is_some_and(|volts| volts < 11.7),
    };
    rested || stalled
}

/// A flat tyre, kPa.
const FLAT: f64 = 150.0;

fn flat_tyre(frame: &Frame, around: &Circumstances) -> bool {
    let wheel = TYRE_PRESSURE.get(around.place).copied();
    wheel.and_then(|wheel| frame.get(wheel)).is_some_and(|kpa| kpa < FLAT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rules::catalogue::Catalogue;

    use super::magnitude::Effect;
    use super::*;

    #[test]
    fn every_expected_component_is_in_the_catalogue() {
        let catalogue = Catalogue::builtin().unwrap();
        for fault in FAULTS {
            for component in fault.components.iter().chain(fault.consequences) {
                assert!(catalogue.components.contains(component), "{component}");
            }
        }
    }

    /// The recipe "add a planted fault", as a file here would write it.
    const DUMMY: Fault = Fault {
        key: "dummy",
        description: "The wire is loose, for a test.",
        powertrains: ENGINE,
        components: &["engine.control"],
        strain: |stage, strain| strain.intake_wire_open |= stage.progress > 0.0,
        crossed: |frame, _| frame.codes.iter().any(|report| report.code == "P0113"),
        ..BASE
    };

    #[test]
    fn a_fault_that_is_added_bends_the_physics() {
        let stage = Stage { strength: 1.0, rate: 0.0, progress: 1.0, days: 1.0, secs: 86_400.0, place: 0, trips: 1 };
        let mut strain = Strain::default();
        (DUMMY.strain)(&stage, &mut strain);
        assert!(strain.intake_wire_open && DUMMY.component(0) == "engine.control");
    }

    #[test]
    fn every_fault_is_unique_described_and_does_something() {
        let mut keys = BTreeSet::new();
        for fault in FAULTS {
            assert!(keys.insert(fault.key), "{}", fault.key);
            assert!(fault.description.ends_with('.') && !fault.powertrains.is_empty());
            assert!((1..=4).contains(&fault.severity));
            for magnitude in [None, Some(Magnitude::Small), Some(Magnitude::Typical), Some(Magnitude::Severe)] {
                let mut strain = Strain::default();
                let Effect { strength, rate, .. } = magnitude::effect(fault.key, magnitude);
                let secs = 400.0 * 86_400.0;
                let late = Stage { strength, rate, progress: 1.0, days: 400.0, secs, place: 0, trips: 10 };
                (fault.strain)(&late, &mut strain);
                assert_ne!(strain, Strain::default(), "{} {magnitude:?}", fault.key);
            }
        }
    }
}
