//! An inverter without contact to its cold plate. DOMAIN 3 bit 15.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::INVERTER_TEMPERATURE;

pub const FAULT: Fault = Fault {
    key: "inverter-overheating",
    description: "The inverter has come off its cold plate; it gets too hot under load.",
    powertrains: ELECTRIC,
    components: &["traction.inverter"],
    consequences: &["vehicle.other"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    ..BASE
};

/// The alarm of one production car, degC.
const LIMIT: f64 = 142.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.inverter_loss += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(INVERTER_TEMPERATURE).is_some_and(|celsius| celsius >= LIMIT)
}
