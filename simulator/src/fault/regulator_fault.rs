//! A regulator that does not hold back: the battery is cooked. DOMAIN 5.7.

use super::{ALL, BASE, Begins, Circumstances, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::VOLTAGE_12;

pub const FAULT: Fault = Fault {
    key: "regulator-fault",
    description: "The voltage regulator is stuck; the 12 V system is charged with almost 16 V.",
    powertrains: ALL,
    components: &["electrics.charging"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    ..BASE
};

/// Above this a lead-acid battery loses water, V.
const LIMIT: f64 = 15.2;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.regulator_v += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(VOLTAGE_12).is_some_and(|volts| volts > LIMIT)
}
