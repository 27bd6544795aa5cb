//! A control unit of the brakes finds a fault of its own. DOMAIN 3 bit 13.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::ALARM_BRAKES;

pub const FAULT: Fault = Fault {
    key: "brake-system-fault",
    description: "The brake booster fails; the brakes' control unit raises its alarm.",
    powertrains: ELECTRIC,
    components: &["chassis.brakes"],
    consequences: &["vehicle.other"],
    severity: 1,
    begins: Begins::OnTheRoad,
    strain,
    crossed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.brakes_faulty |= stage.progress > 0.0;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.is(ALARM_BRAKES) == Some(true)
}
