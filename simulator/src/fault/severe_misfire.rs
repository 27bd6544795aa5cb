//! A dead coil: unburnt fuel overheats the catalyst, the lamp flashes. DOMAIN 2.4, 5.10.

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::LAMP_FLASHING;

pub const FAULT: Fault = Fault {
    key: "severe-misfire",
    description: "An ignition coil dies; a cylinder hardly fires, and the lamp flashes to save the catalyst.",
    powertrains: ENGINE,
    components: &["engine.ignition"],
    consequences: &["engine.fuel_air"],
    severity: 1,
    begins: Begins::OnTheRoad,
    strain,
    crossed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.misfire[stage.place % 4] += stage.strength * (1.0 + 2.0 * stage.progress) / 3.0;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.is(LAMP_FLASHING) == Some(true)
}
