//! A high-voltage plug that is not locked. DOMAIN 3 bit 16.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::ALARM_INTERLOCK;

pub const FAULT: Fault = Fault {
    key: "interlock-open",
    description: "A high-voltage plug works loose; the interlock circuit is open.",
    powertrains: ELECTRIC,
    components: &["traction.interlock"],
    consequences: &["vehicle.other"],
    severity: 1,
    begins: Begins::OnTheRoad,
    strain,
    crossed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.interlock_open |= stage.progress > 0.0;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.is(ALARM_INTERLOCK) == Some(true)
}
