//! An engine that burns its oil. DOMAIN 5.12.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::OIL_LEVEL;

pub const FAULT: Fault = Fault {
    key: "oil-consumption",
    description: "Worn rings let the engine burn its oil; the level falls to its lower limit.",
    powertrains: ENGINE,
    components: &["engine.oil"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.oil_lost += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.says(OIL_LEVEL, "LOW") || frame.says(OIL_LEVEL, "CRITICALLY_LOW")
}

/// The lower mark.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.says(OIL_LEVEL, "CRITICALLY_LOW")
}
