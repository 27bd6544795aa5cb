//! A gateway that passes no codes on: only the lamp tells. DOMAIN 2.3.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::LAMP;

pub const FAULT: Fault = Fault {
    key: "withheld-codes",
    description: "The catalyst is worn out, and the gateway passes no fault codes on; only lamp and count tell.",
    powertrains: ENGINE,
    components: &["engine.other"],
    severity: 3,
    begins: Begins::AtOnce,
    strain,
    crossed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.catalyst *= 1.0 - stage.strength * stage.progress;
    strain.codes_withheld = true;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.is(LAMP) == Some(true)
}
