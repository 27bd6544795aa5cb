//! A soiled air meter: the mixture drifts lean over a week. DOMAIN 5.10.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::model::Fuel;
use crate::physics::Strain;
use crate::signal::{LONG_TRIM, SHORT_TRIM};

pub const FAULT: Fault = Fault {
    key: "air-meter-drift",
    description: "The air mass meter gets dirty; the mixture has to be adjusted for good.",
    powertrains: ENGINE,
    fuel: Some(Fuel::Petrol),
    components: &["engine.fuel_air"],
    severity: 3,
    begins: Begins::AtOnce,
    strain,
    crossed,
    ..BASE
};

/// Sound engines need less, percent.
const LIMIT: f64 = 10.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.lean += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    let (Some(short), Some(long)) = (frame.get(SHORT_TRIM), frame.get(LONG_TRIM)) else { return false };
    short + long > LIMIT
}
