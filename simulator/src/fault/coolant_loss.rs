//! A leaking hose: coolant is lost, the engine overheats. DOMAIN 5.6.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::{Frame, round};
use crate::physics::Strain;
use crate::signal::COOLANT;

pub const FAULT: Fault = Fault {
    key: "coolant-loss",
    description: "A hose leaks; with the coolant gone the engine overheats within minutes of driving.",
    powertrains: ENGINE,
    components: &["engine.cooling"],
    severity: 1,
    begins: Begins::OnTheRoad,
    strain,
    crossed,
    failed,
    overlay: Some(overlay),
    ..BASE
};

/// Above this the rule book says stop, degC.
const LIMIT: f64 = 120.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.coolant_fill *= 1.0 - stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(COOLANT).is_some_and(|coolant| coolant > LIMIT)
}

/// The recorded temperature of a warm engine climbs by up to 42 K; a cold one has nothing to boil.
fn overlay(stage: &Stage, frame: &mut Frame) {
    if let Some(coolant) = frame.get_mut(COOLANT) {
        let warm = ((*coolant - 40.0) / 45.0).clamp(0.0, 1.0);
        *coolant = round(*coolant + 42.0 * stage.progress * warm, 2.0).min(132.0);
    }
}

/// The head gasket goes.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(COOLANT).is_some_and(|coolant| coolant > 127.0)
}
