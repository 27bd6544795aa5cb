//! Something does not go to sleep: the 12 V battery empties while the car stands. DOMAIN 5.3.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage, no_start};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::VOLTAGE_12;

pub const FAULT: Fault = Fault {
    key: "parasitic-drain",
    description: "A control unit stays awake and draws current while the car is parked.",
    powertrains: ENGINE,
    components: &["electrics.battery12v"],
    severity: 3,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed: no_start,
    ..BASE
};

/// About four fifths of its charge, V.
const LIMIT: f64 = 12.5;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.drain_a += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, around: &Circumstances) -> bool {
    around.parked_h >= 4.0 && frame.get(VOLTAGE_12).is_some_and(|volts| volts < LIMIT)
}
