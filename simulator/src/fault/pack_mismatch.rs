//! A battery module that does not belong to the pack. DOMAIN 3 bit 9.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::ALARM_PACK_MISMATCH;

pub const FAULT: Fault = Fault {
    key: "pack-mismatch",
    description: "A module of another type was fitted; the battery management reports that the pack does not match.",
    powertrains: ELECTRIC,
    components: &["traction.battery"],
    consequences: &["vehicle.other"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.pack_mismatch |= stage.progress > 0.0;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.is(ALARM_PACK_MISMATCH) == Some(true)
}
