//! A cell that loses charge to itself: the pack drifts apart over weeks. DOMAIN 5.8.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::{CELL_MAX, CELL_MIN};

pub const FAULT: Fault = Fault {
    key: "cell-drift",
    description: "A cell of the traction battery discharges itself and falls behind its neighbours month by month.",
    powertrains: ELECTRIC,
    components: &["traction.battery.cells"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    ..BASE
};

/// Sound cells are closer, V.
const LIMIT: f64 = 0.05;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.weak_cell_v += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    let (Some(high), Some(low)) = (frame.get(CELL_MAX), frame.get(CELL_MIN)) else { return false };
    high - low >= LIMIT
}

/// The alarm of the standard.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    let (Some(high), Some(low)) = (frame.get(CELL_MAX), frame.get(CELL_MIN)) else { return false };
    high - low >= 0.3
}
