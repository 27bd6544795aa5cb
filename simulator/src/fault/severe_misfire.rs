//! A dead coil: unburnt fuel overheats the catalyst, the lamp flashes. DOMAIN 2.4, 5.10.

use rules::time::Span;

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
    onset: Span::from_mins(5),
    begins: Begins::OnTheRoad,
    strain,
    crossed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.misfire[stage.place % 4] += 40.0 + 80.0 * stage.progress;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.is(LAMP_FLASHING) == Some(true)
}
