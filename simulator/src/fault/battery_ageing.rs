//! An ageing 12 V battery: it rests lower week by week and cranks weaker. DOMAIN 5.3.

use super::{ALL, BASE, Begins, Circumstances, Fault, Stage, no_start};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::{CRANK_VOLTAGE, ENGINE_SPEED, VOLTAGE_12};

pub const FAULT: Fault = Fault {
    key: "battery-ageing",
    description: "The 12 V battery sulphates; its rest voltage and starting voltage fall over weeks.",
    powertrains: ALL,
    components: &["electrics.battery12v"],
    // What control units report that restart at a weak start.
    consequences: &["electrics.network", "body.other", "chassis.other", "chassis.brakes"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed: no_start,
    overlay: Some(overlay),
    ..BASE
};

/// A rested battery below this is discharged, V.
const LIMIT: f64 = 12.0;
/// A battery whose starts go below this has no reserve for any winter, V. DOMAIN 5.3.
const START_LIMIT: f64 = 8.5;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.low_voltage_health = strain.low_voltage_health.min(1.0 - stage.strength * stage.progress);
}

fn crossed(frame: &Frame, around: &Circumstances) -> bool {
    let discharged = around.parked_h >= 4.0 && frame.get(VOLTAGE_12).is_some_and(|volts| volts < LIMIT);
    discharged || frame.get(CRANK_VOLTAGE).is_some_and(|volts| volts < START_LIMIT)
}

/// Before the engine runs the battery is alone: it rests lower, 0.8 V in the end.
fn overlay(stage: &Stage, frame: &mut Frame) {
    const LOST: f64 = 0.8;
    if frame.get(ENGINE_SPEED).is_some_and(|rpm| rpm > 0.0) {
        return;
    }
    if let Some(volts) = frame.get_mut(VOLTAGE_12) {
        *volts = crate::frame::round(*volts - LOST * stage.progress, 1_000.0);
    }
}
