//! A DC/DC converter without cooling. DOMAIN 3 bit 12.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::DCDC_TEMPERATURE;

pub const FAULT: Fault = Fault {
    key: "dcdc-overheating",
    description: "The DC/DC converter is no longer cooled; it gets too hot.",
    powertrains: ELECTRIC,
    components: &["traction.dcdc"],
    consequences: &["vehicle.other"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    ..BASE
};

/// The alarm of one production car, degC.
const LIMIT: f64 = 85.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.dcdc_loss += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(DCDC_TEMPERATURE).is_some_and(|celsius| celsius >= LIMIT)
}
