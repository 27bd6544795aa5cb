//! A dosing valve that drips: the AdBlue does not last. DOMAIN 5.11.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::model::Fuel;
use crate::physics::Strain;
use crate::signal::ADBLUE_RANGE;

pub const FAULT: Fault = Fault {
    key: "adblue-leak",
    description: "The dosing valve drips; the AdBlue runs out long before its time.",
    powertrains: ENGINE,
    fuel: Some(Fuel::Diesel),
    components: &["engine.emissions.scr"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    ..BASE
};

/// Time to fill up, m.
const LIMIT: f64 = 2_400_000.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.adblue_lost += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(ADBLUE_RANGE).is_some_and(|metres| metres < LIMIT)
}

/// The engine does not start without.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(ADBLUE_RANGE).is_some_and(|metres| metres < 1_000.0)
}
