//! A cell with an internal short heats itself: the road to a thermal event. DOMAIN 3 bit 1.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::CELL_HOT;

pub const FAULT: Fault = Fault {
    key: "cell-overheating",
    description: "A traction battery cell shorts inside and gets tens of kelvin hotter than its neighbours.",
    powertrains: ELECTRIC,
    components: &["traction.battery.thermal"],
    consequences: &["vehicle.other"],
    severity: 1,
    begins: Begins::OnTheRoad,
    strain,
    crossed,
    failed,
    ..BASE
};

/// Above this an NMC cell may run away, degC.
const LIMIT: f64 = 60.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.hot_cell_k += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(CELL_HOT).is_some_and(|celsius| celsius > LIMIT)
}

/// A thermal event.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(CELL_HOT).is_some_and(|celsius| celsius > 80.0)
}
