//! A worn diesel injector: the filter fills many times as fast, and is burnt free every few hours. DOMAIN 5.11.

use super::{BASE, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::model::Fuel;
use crate::physics::Strain;
use crate::signal::SOOT;

pub const FAULT: Fault = Fault {
    key: "sooting-injector",
    description: "A worn injector soots; the particulate filter regenerates every few hours.",
    powertrains: ENGINE,
    fuel: Some(Fuel::Diesel),
    components: &["engine.emissions.dpf"],
    severity: 2,
    strain,
    crossed,
    ..BASE
};

/// The filter is full for the first time, percent.
const FULL: f64 = 50.0;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.soot_per_h += stage.strength * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.get(SOOT).is_some_and(|percent| percent > FULL)
}
