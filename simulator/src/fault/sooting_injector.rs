//! A worn diesel injector: the filter fills many times as fast, and is burnt free every few hours. DOMAIN 5.11.

use super::{BASE, ENGINE, Fault, Stage};
use crate::model::Fuel;
use crate::physics::Strain;

pub const FAULT: Fault = Fault {
    key: "sooting-injector",
    description: "A worn injector soots; the particulate filter regenerates every few hours.",
    powertrains: ENGINE,
    fuel: Some(Fuel::Diesel),
    components: &["engine.emissions.dpf"],
    severity: 2,
    strain,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.soot_per_h += stage.strength * stage.progress;
}
