//! A leaking valve: some ten kPa a day. DOMAIN 5.4.

use super::{ALL, BASE, Begins, Circumstances, Fault, Stage, TYRES, flat_tyre};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::TYRE_PRESSURE;

pub const FAULT: Fault = Fault {
    key: "valve-leak",
    description: "A valve leaks; the tyre loses tens of kPa a day.",
    powertrains: ALL,
    components: TYRES,
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed: flat_tyre,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    if let Some(wheel) = strain.leak_kpa_h.get_mut(stage.place) {
        *wheel += stage.strength / 24.0 * stage.progress;
    }
}

/// The TPMS lamp: a fifth below the placard.
fn crossed(frame: &Frame, around: &Circumstances) -> bool {
    let wheel = TYRE_PRESSURE.get(around.place).copied();
    wheel.and_then(|wheel| frame.get(wheel)).is_some_and(|kpa| kpa < around.placard_kpa * 0.8)
}
