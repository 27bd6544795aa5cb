//! A failing alternator or DC/DC converter: the supply sags from trip to trip. DOMAIN 5.7.

use super::{ALL, BASE, Begins, Circumstances, Fault, Stage, no_start};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::{ENGINE_SPEED, VOLTAGE_12};

pub const FAULT: Fault = Fault {
    key: "low-charging",
    description: "The alternator or DC/DC converter fails; the supply sags below what charges a battery.",
    powertrains: ALL,
    components: &["electrics.charging"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed: no_start,
    overlay: Some(overlay),
    ..BASE
};

/// Below this a running charger does not charge, V.
const LIMIT: f64 = 13.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    // Enough is left to carry the load: the car still starts, and is noticed by its voltage.
    strain.charging *= 1.0 - stage.strength * stage.progress;
}

fn crossed(frame: &Frame, around: &Circumstances) -> bool {
    let driving = around.parked_h == 0.0 && frame.get(crate::signal::SPEED).is_some_and(|speed| speed > 5.0);
    driving && frame.get(VOLTAGE_12).is_some_and(|volts| volts < LIMIT)
}

/// What the alternator adds above 12.3 V goes, and the battery sags on: 0.4 V in the first hour.
fn overlay(stage: &Stage, frame: &mut Frame) {
    if frame.get(ENGINE_SPEED).is_none_or(|rpm| rpm < 400.0) {
        return;
    }
    let sag = 0.4 * (stage.secs / 3_600.0).min(1.5);
    if let Some(volts) = frame.get_mut(VOLTAGE_12) {
        let dead = 12.3 - sag + (*volts - 12.3).min(0.0);
        *volts = crate::frame::round(*volts + (dead - *volts).min(0.0) * stage.progress, 1_000.0);
    }
}
