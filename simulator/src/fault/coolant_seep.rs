//! A seal that weeps: the level falls over days, the engine stays cool. DOMAIN 5.6.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::COOLANT_LEVEL;

pub const FAULT: Fault = Fault {
    key: "coolant-seep",
    description: "A water pump seal weeps; the coolant level falls below its mark in time.",
    powertrains: ENGINE,
    components: &["engine.cooling"],
    severity: 3,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.coolant_fill *= 1.0 - stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.says(COOLANT_LEVEL, "LOW")
}

/// Nobody should drive on.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.says(COOLANT_LEVEL, "CRITICALLY_LOW")
}
