//! A DC/DC converter that finds a fault of its own. DOMAIN 3 bit 14.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::DCDC_FAULTY;

pub const FAULT: Fault = Fault {
    key: "dcdc-fault",
    description: "The DC/DC converter reports a fault of its own; it works on with one of its two stages.",
    powertrains: ELECTRIC,
    components: &["traction.dcdc"],
    consequences: &["vehicle.other"],
    severity: 2,
    begins: Begins::OnTheRoad,
    strain,
    crossed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.dcdc_faulty |= stage.progress > 0.0;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.is(DCDC_FAULTY) == Some(true)
}
