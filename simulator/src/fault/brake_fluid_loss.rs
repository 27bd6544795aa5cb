//! A leaking brake line: the reservoir empties over days. DOMAIN 1.2 row 23.

use super::{ALL, BASE, Begins, Circumstances, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::{BRAKE_FLUID, BRAKE_FLUID_LOW};

pub const FAULT: Fault = Fault {
    key: "brake-fluid-loss",
    description: "A brake line leaks; the reservoir empties until its switch trips.",
    powertrains: ALL,
    components: &["chassis.brake_fluid"],
    severity: 1,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.brake_fluid_lost += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.is(BRAKE_FLUID_LOW) == Some(true)
}

/// Air gets into the lines.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(BRAKE_FLUID).is_some_and(|percent| percent < 30.0)
}
