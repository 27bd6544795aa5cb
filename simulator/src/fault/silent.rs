//! A dead telematics unit: the vehicle says nothing any more.

use super::{ALL, BASE, Begins, Circumstances, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;

pub const FAULT: Fault = Fault {
    key: "silent",
    description: "The telematics unit dies; nothing is heard of the vehicle.",
    powertrains: ALL,
    components: &["telematics"],
    severity: 3,
    begins: Begins::AtOnce,
    strain,
    crossed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.silent |= stage.secs >= 0.0;
}

/// Never by a frame: silence is its own threshold, which the vehicle notes when it falls silent.
fn crossed(_: &Frame, _: &Circumstances) -> bool {
    false
}
