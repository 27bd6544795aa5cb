//! An injector that does not close: fuel that nobody asked for. DOMAIN 5.10.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::model::Fuel;
use crate::physics::Strain;
use crate::signal::{LONG_TRIM, SHORT_TRIM};

pub const FAULT: Fault = Fault {
    key: "leaking-injector",
    description: "A petrol injector drips; the control takes back fuel until it cannot any more.",
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

/// No sound engine has that much to take back, percent.
const LIMIT: f64 = -10.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.lean -= stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    let (Some(short), Some(long)) = (frame.get(SHORT_TRIM), frame.get(LONG_TRIM)) else { return false };
    short + long < LIMIT
}

/// The lamp is on: no emission test is passed any more.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.codes.iter().any(|report| report.code == "P0172" && report.status & 0x08 != 0)
}
