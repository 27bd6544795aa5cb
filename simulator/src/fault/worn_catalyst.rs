//! A catalyst that converts too little: the code matures, the lamp comes on. DOMAIN 2.5.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;

pub const FAULT: Fault = Fault {
    key: "worn-catalyst",
    description: "The catalyst is worn out; P0420 matures within two trips.",
    powertrains: ENGINE,
    components: &["engine.emissions"],
    severity: 3,
    begins: Begins::AtOnce,
    strain,
    crossed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.catalyst *= 1.0 - stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.codes.iter().any(|report| report.code == "P0420")
}
