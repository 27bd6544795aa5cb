//! A loose contact: a code that is pending trip after trip and never matures. DOMAIN 2.4.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;

pub const FAULT: Fault = Fault {
    key: "loose-wire",
    description: "The wire of the intake air sensor is loose; P0113 is pending trip after trip.",
    powertrains: ENGINE,
    components: &["engine.control"],
    severity: 3,
    begins: Begins::AtOnce,
    strain,
    crossed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.intake_wire_open |= stage.progress > 0.0;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.codes.iter().any(|report| report.code == "P0113")
}
