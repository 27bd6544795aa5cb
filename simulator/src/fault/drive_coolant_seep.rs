//! A hose of the drive that weeps. DOMAIN 1.2 row 13.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::MOTOR_COOLANT_LEVEL;

pub const FAULT: Fault = Fault {
    key: "drive-coolant-seep",
    description: "A hose of the electric drive weeps; its coolant level falls below its mark in time.",
    powertrains: ELECTRIC,
    components: &["traction.cooling"],
    severity: 3,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.drive_coolant_fill *= 1.0 - stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.says(MOTOR_COOLANT_LEVEL, "LOW")
}

/// Power is cut.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.says(MOTOR_COOLANT_LEVEL, "CRITICALLY_LOW")
}
