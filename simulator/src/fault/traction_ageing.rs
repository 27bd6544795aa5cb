//! A traction battery that has lost a third of its capacity. DOMAIN 5.2.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::SOH;

pub const FAULT: Fault = Fault {
    key: "traction-ageing",
    description: "The traction battery loses capacity faster than its age explains.",
    powertrains: ELECTRIC,
    components: &["traction.battery"],
    severity: 3,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    ..BASE
};

/// Makers warrant about this much, percent.
const LIMIT: f64 = 75.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.capacity_lost += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(SOH).is_some_and(|percent| percent < LIMIT)
}

/// The limit of the warranty.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(SOH).is_some_and(|percent| percent < 70.0)
}
