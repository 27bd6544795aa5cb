//! Moisture in the high-voltage system: insulation falls by half every few days. DOMAIN 5.9.

use super::{BASE, Begins, Circumstances, ELECTRIC, Fault, Stage};
use crate::frame::Frame;
use crate::physics::Strain;
use crate::signal::{INSULATION, PACK_VOLTAGE};

pub const FAULT: Fault = Fault {
    key: "insulation-decay",
    description: "Moisture creeps into the high-voltage system; insulation resistance decays.",
    powertrains: ELECTRIC,
    components: &["traction.insulation"],
    consequences: &["vehicle.other"],
    severity: 1,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    ..BASE
};

fn strain(stage: &Stage, strain: &mut Strain) {
    // From megaohms to about a hundredth of the alternating-current limit.
    strain.insulation *= (-stage.strength * stage.progress).exp();
}

/// 500 ohm per volt, the limit of alternating-current coupled systems.
fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    let (Some(kiloohm), Some(volts)) = (frame.get(INSULATION), frame.get(PACK_VOLTAGE)) else { return false };
    kiloohm * 1_000.0 / volts.max(1.0) < 500.0
}

/// The legal limit of direct current systems, ohm per volt.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    let (Some(kiloohm), Some(volts)) = (frame.get(INSULATION), frame.get(PACK_VOLTAGE)) else { return false };
    kiloohm * 1_000.0 / volts.max(1.0) < 100.0
}
