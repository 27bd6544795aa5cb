//! A worn oil pump or too little oil: pressure collapses with the engine warm. DOMAIN 5.12.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::{ENGINE_SPEED, OIL_PRESSURE};

pub const FAULT: Fault = Fault {
    key: "oil-pressure-loss",
    description: "The oil pump fails; oil pressure collapses.",
    powertrains: ENGINE,
    components: &["engine.oil"],
    severity: 1,
    begins: Begins::OnTheRoad,
    strain,
    crossed,
    failed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.oil_pressure *= 1.0 - stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    let fast = frame.get(ENGINE_SPEED).is_some_and(|rpm| rpm > 2_000.0);
    fast && frame.get(OIL_PRESSURE).is_some_and(|kpa| kpa < 100.0)
}

/// The bearings run dry.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    let fast = frame.get(ENGINE_SPEED).is_some_and(|rpm| rpm > 1_500.0);
    fast && frame.get(OIL_PRESSURE).is_some_and(|kpa| kpa < 60.0)
}
