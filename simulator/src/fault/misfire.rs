//! A worn plug or coil: a cylinder misfires, its code matures from pending to confirmed. DOMAIN 2.3.

use std::borrow::Cow;

use super::{BASE, Begins, Circumstances, ENGINE, Fault, Stage};
use crate::frame::{CodeReport, Frame};
use crate::physics::Strain;
use crate::signal::{ENGINE_SPEED, LAMP_FLASHING};

pub const FAULT: Fault = Fault {
    key: "misfire",
    description: "A cylinder misfires; P0301 is pending in the first trip and confirmed in the second.",
    powertrains: ENGINE,
    components: &["engine.ignition"],
    // Unburnt oxygen passes the sensor: the control takes it for a lean mixture.
    consequences: &["engine.fuel_air"],
    severity: 2,
    begins: Begins::AtOnce,
    strain,
    crossed,
    failed,
    overlay: Some(overlay),
    ..BASE
};

const CODES: [&str; 4] = ["P0301", "P0302", "P0303", "P0304"];
const CONFIRMED: u8 = 0x08;

fn strain(stage: &Stage, strain: &mut Strain) {
    strain.misfire[stage.place % 4] += stage.strength * (25.0 + 35.0 * stage.progress) / 60.0;
}

fn crossed(frame: &Frame, _: &Circumstances) -> bool {
    frame.codes.iter().any(|report| CODES.contains(&&*report.code) && report.status & CONFIRMED != 0)
}

/// Reports the code with the running engine: pending in its first trip, then confirmed, lamp on.
fn overlay(stage: &Stage, frame: &mut Frame) {
    if frame.get(ENGINE_SPEED).is_none_or(|rpm| rpm < 400.0) {
        return;
    }
    let status = if stage.trips == 0 { 0x27 } else { 0xAF };
    let count = u16::try_from(stage.trips + 1).ok();
    frame.codes.push(CodeReport {
        code: Cow::Borrowed(CODES[stage.place % 4]),
        ecu: Cow::Borrowed("7E8"),
        status,
        count,
    });
}

/// The catalyst is about to be lost.
fn failed(frame: &Frame, _: &Circumstances) -> bool {
    frame.is(LAMP_FLASHING) == Some(true)
}
