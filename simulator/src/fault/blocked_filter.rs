//! A particulate filter that cannot burn its soot, behind a dripping injector. DOMAIN 5.11.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::model::Fuel;
use crate::physics::Strain;
use crate::signal::SOOT;

pub const FAULT: Fault = Fault {
    key: "blocked-filter",
    description: "An injector drips and the particulate filter cannot regenerate; soot blocks it.",
    powertrains: ENGINE,
    fuel: Some(Fuel::Diesel),
    components: &["engine.emissions.dpf"],
    severity: 1,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    ..BASE
};

/// It should have been burnt off by then, percent.
const LIMIT: f64 = 80.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.regeneration *= (1.0 - stage.rate).max(0.0);
    strain.soot_per_h += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(SOOT).is_some_and(|percent| percent > LIMIT)
}

/// Power is cut.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(SOOT).is_some_and(|percent| percent > 140.0)
}
