//! A nail in a tyre: some kPa a day, below the TPMS limit after days. DOMAIN 5.4.

use rules::time::Span;

use super::{ALL, BASE, Begins, Circumstances, Fault, Stage, TYRES};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::TYRE_PRESSURE;

pub const FAULT: Fault = Fault {
    key: "slow-leak",
    description: "A nail lets a tyre lose about 5 kPa a day.",
    powertrains: ALL,
    components: TYRES,
    severity: 2,
    onset: Span::from_hours(1),
    begins: Begins::OnTheRoad,
    strain,
    crossed,
    ..BASE
};

/// kPa a day at full pressure.
const RATE: f64 = 5.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    if let Some(wheel) = strain.leak_kpa_h.get_mut(stage.place) {
        *wheel += RATE / 24.0 * stage.progress;
    }
}

/// The TPMS lamp: a fifth below the placard.
fn crossed(frame: &Frame, around: &Circumstances) -> bool {
    let wheel = TYRE_PRESSURE.get(around.place).copied();
    wheel.and_then(|wheel| frame.get(wheel)).is_some_and(|kpa| kpa < around.placard_kpa * 0.8)
}
