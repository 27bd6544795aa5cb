//! A gauge that loses count: the state of charge jumps to and fro. DOMAIN 3 bit 8.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::ALARM_GAUGE_JUMP;

pub const FAULT: Fault = Fault {
    key: "gauge-jumps",
    description: "The gauge of the traction battery loses count; its state of charge jumps every ten minutes.",
    powertrains: ELECTRIC,
    components: &["traction.battery.gauge"],
    severity: 3,
    begins: Begins::AtOnce,
    strain,
    crossed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    if ((stage.secs / 600.0) as u64).is_multiple_of(2) {
        strain.gauge_error += stage.strength * stage.progress;
    }
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.is(ALARM_GAUGE_JUMP) == Some(true)
}
