//! A cell that collapses: first far behind its neighbours, then empty. DOMAIN 3 bit 6, 3 bit 10.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::{CELL_MAX, CELL_MIN};

pub const FAULT: Fault = Fault {
    key: "cell-collapse",
    description: "A cell of the traction battery collapses within days.",
    powertrains: ELECTRIC,
    components: &["traction.battery.cells"],
    consequences: &["vehicle.other"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    ..BASE
};

/// The alarm of the standard, V.
const LIMIT: f64 = 0.3;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.weak_cell_v += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    let (Some(high), Some(low)) = (frame.get(CELL_MAX), frame.get(CELL_MIN)) else { return false };
    high - low >= LIMIT
}

/// The contactors open.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(CELL_MIN).is_some_and(|volts| volts < 2.0)
}
