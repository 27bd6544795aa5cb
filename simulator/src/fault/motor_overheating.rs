//! A winding with a short: the drive motor overheats under load. DOMAIN 3 bit 17, GB/T 44500.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::MOTOR_TEMPERATURE;

pub const FAULT: Fault = Fault {
    key: "motor-overheating",
    description: "A winding of the drive motor has a short; it gets too hot under load.",
    powertrains: ELECTRIC,
    components: &["traction.motor"],
    consequences: &["vehicle.other"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    ..BASE
};

/// Its insulation suffers above this, degC.
const LIMIT: f64 = 175.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.motor_loss += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(MOTOR_TEMPERATURE).is_some_and(|celsius| celsius >= LIMIT)
}
