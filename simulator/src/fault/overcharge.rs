//! A charger that does not stop: every cell goes beyond its end of charge. DOMAIN 3 bit 5.

use super::{BASE, Begins, Circumstances, Fault, PLUGGED, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::CELL_MAX;

pub const FAULT: Fault = Fault {
    key: "overcharge",
    description: "The charge control fails; the cells are driven beyond their end of charge.",
    powertrains: PLUGGED,
    components: &["traction.battery.cells"],
    consequences: &["vehicle.other"],
    severity: 1,
    begins: Begins::AtOnce,
    strain,
    crossed,
    ..BASE
};

/// Lithium plates out beyond this, V.
const LIMIT: f64 = 4.35;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.overcharge_v += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(CELL_MAX).is_some_and(|volts| volts >= LIMIT)
}
