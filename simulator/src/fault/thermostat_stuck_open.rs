//! A thermostat that does not close: the engine stays too cool. DOMAIN 5.6.

use super::{BASE, Begins, COMBUSTION, Circumstances, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::{COOLANT, SPEED};

pub const FAULT: Fault = Fault {
    key: "thermostat-stuck-open",
    description: "The thermostat sticks half open; on the road the coolant stays below 75 degC.",
    powertrains: COMBUSTION,
    components: &["engine.cooling"],
    severity: 3,
    begins: Begins::AtOnce,
    strain,
    crossed,
    overlay: Some(overlay),
    ..BASE
};

/// A warm engine is above this, degC, and after that time every engine is warm, hours. DOMAIN 5.6.
const LIMIT: f64 = 75.0;
const WARM_AFTER_H: f64 = 0.25;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.thermostat_open = strain.thermostat_open.max(stage.strength * stage.progress);
}

fn crossed(frame: &Frame, around: &Circumstances) -> bool {
    let cool = frame.get(COOLANT).is_some_and(|coolant| coolant < LIMIT);
    cool && around.driven_h >= WARM_AFTER_H && frame.get(SPEED).is_some_and(|speed| speed > 40.0)
}

/// What the coolant gains above the outside it gains by so much less: 70 degC instead of 90 where it was 20 outside.
fn overlay(stage: &Stage, frame: &mut Frame) {
    const OUTSIDE: f64 = 20.0;
    const LOST: f64 = 0.28;
    if let Some(celsius) = frame.get_mut(COOLANT) {
        let gained = (*celsius - OUTSIDE).max(0.0);
        *celsius = crate::frame::round(*celsius - LOST * stage.progress * gained, 1.0);
    }
}
