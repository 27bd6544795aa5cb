//! A caliper that does not let go: the pads of one wheel wear alone. DOMAIN 5.5.

use super::{ALL, BASE, Begins, Circumstances, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::PAD_WEAR;

pub const FAULT: Fault = Fault {
    key: "seized-caliper",
    description: "The caliper of one front wheel seizes; its pads wear much faster than those across the axle.",
    powertrains: ALL,
    components: &["chassis.brakes"],
    consequences: &["chassis.brakes.pads.Row1.Wheel.Left"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    ..BASE
};

/// Pads of one axle wear alike, percent.
const LIMIT: f64 = 20.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.pad_worn[0] += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    let (Some(left), Some(right)) = (frame.get(PAD_WEAR[0]), frame.get(PAD_WEAR[1])) else { return false };
    left - right > LIMIT
}

/// Steel on steel.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(PAD_WEAR[0]).is_some_and(|worn| worn >= 98.0)
}
