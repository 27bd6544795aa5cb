//! An alternator or DC/DC converter that gives nothing: the battery carries the load. DOMAIN 5.7.

use super::{ALL, BASE, Begins, Circumstances, Fault, Stage, no_start};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::{SPEED, VOLTAGE_12};

pub const FAULT: Fault = Fault {
    key: "alternator-failure",
    description: "The alternator or DC/DC converter stops; the battery carries the load until it is flat.",
    powertrains: ALL,
    components: &["electrics.charging"],
    consequences: &["electrics.battery12v"],
    severity: 1,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed: no_start,
    ..BASE
};

/// Below this the battery carries the load, V.
const LIMIT: f64 = 12.5;

fn strain(stage: &Stage, strain: &mut Strain) {
    // A last bit is left, so that the car still starts.
    strain.charging *= 1.0 - stage.strength * stage.progress;
}

fn crossed(frame: &Frame, around: &Circumstances) -> bool {
    let driving = around.parked_h == 0.0 && frame.get(SPEED).is_some_and(|speed| speed > 5.0);
    driving && frame.get(VOLTAGE_12).is_some_and(|volts| volts < LIMIT)
}
