//! Rear pads that nobody replaces. DOMAIN 5.5.

use super::{ALL, BASE, Begins, Circumstances, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::PAD_WEAR;

pub const FAULT: Fault = Fault {
    key: "worn-rear-pads",
    description: "The rear brake pads wear down to their limit, and nobody replaces them.",
    powertrains: ALL,
    components: &["chassis.brakes.pads.Row2.Wheel.Left"],
    consequences: &["chassis.brakes.pads.Row2.Wheel.Right"],
    severity: 3,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    ..BASE
};

/// Of what the sensor can follow, percent.
const LIMIT: f64 = 85.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    for wheel in [2, 3] {
        strain.pad_worn[wheel] += stage.strength * stage.progress;
        strain.pad_rate[wheel] *= if stage.rate > 0.0 { stage.rate } else { 1.0 };
    }
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(PAD_WEAR[2]).is_some_and(|worn| worn >= LIMIT)
}

/// Two millimetres are left: the legal limit.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(PAD_WEAR[2]).is_some_and(|worn| worn >= 98.0)
}
