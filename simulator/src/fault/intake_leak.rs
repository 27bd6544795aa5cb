//! A torn intake hose: air that nobody measured. DOMAIN 5.10.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::model::Fuel;
use crate::physics::Strain;
use crate::signal::{LONG_TRIM, SHORT_TRIM};

pub const FAULT: Fault = Fault {
    key: "intake-leak",
    description: "An intake hose tears; the mixture lacks fuel until the control makes up for it.",
    powertrains: ENGINE,
    fuel: Some(Fuel::Petrol),
    components: &["engine.fuel_air"],
    severity: 3,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    ..BASE
};

/// No sound engine needs that much, percent.
const LIMIT: f64 = 15.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.lean += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    let (Some(short), Some(long)) = (frame.get(SHORT_TRIM), frame.get(LONG_TRIM)) else { return false };
    short + long > LIMIT
}

/// The lamp is on: no emission test is passed any more.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.codes.iter().any(|report| report.code == "P0171" && report.status & 0x08 != 0)
}
