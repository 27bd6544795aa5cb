//! A cut tyre: flat within minutes on the road. DOMAIN 5.4.

use super::{ALL, BASE, Begins, Circumstances, Fault, Stage, TYRES, flat_tyre};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::TYRE_PRESSURE;

pub const FAULT: Fault = Fault {
    key: "fast-leak",
    description: "A tyre is cut on the road and loses more than 20 kPa a minute.",
    powertrains: ALL,
    components: TYRES,
    severity: 1,
    begins: Begins::OnTheRoad,
    strain,
    crossed,
    failed: flat_tyre,
    ..BASE
};

/// Below this a car tyre is flat, kPa.
const LIMIT: f64 = 150.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    if let Some(wheel) = strain.leak_kpa_h.get_mut(stage.place) {
        *wheel += stage.strength * stage.progress;
    }
}

fn crossed(frame: &Frame, around: &Circumstances) -> bool {
    let wheel = TYRE_PRESSURE.get(around.place).copied();
    wheel.and_then(|wheel| frame.get(wheel)).is_some_and(|kpa| kpa < LIMIT)
}
