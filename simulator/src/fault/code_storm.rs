//! A supply that breaks down at the start: many control units set codes at once. DOMAIN 2.4.

use super::{ALL, BASE, Begins, Circumstances, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;

pub const FAULT: Fault = Fault {
    key: "code-storm",
    description: "A bad 12 V contact breaks the supply down at every start; seven codes of six control units follow.",
    powertrains: ALL,
    components: &["electrics.battery12v"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.start_dip_v += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.codes.iter().filter(|report| report.code.starts_with(['U', 'B', 'C'])).count() >= 5
}
