//! Mixtures that lack fuel or have too much of it: one physics, and what tears, gets dirty or drips. DOMAIN 5.10.

use super::{BASE, Circumstances, ENGINE, Fault, Stage};
use crate::frame::Frame;
use crate::model::Fuel;
use crate::physics::Strain;
use crate::signal::{LONG_TRIM, SHORT_TRIM};

/// Air that nobody measured. The lamp comes: no emission test is passed any more.
pub const INTAKE_LEAK: Fault = Fault {
    key: "intake-leak",
    description: "An intake hose tears; the mixture lacks fuel until the control makes up for it.",
    crossed: |frame, _| trims(frame).is_some_and(|percent| percent > 15.0),
    failed: |frame, _| lamp(frame, "P0171"),
    ..MIXTURE
};

/// The mixture drifts lean over a week.
pub const AIR_METER_DRIFT: Fault = Fault {
    key: "air-meter-drift",
    description: "The air mass meter gets dirty; the mixture has to be adjusted for good.",
    crossed: |frame, _| trims(frame).is_some_and(|percent| percent > 10.0),
    ..MIXTURE
};

/// Fuel that nobody asked for.
pub const LEAKING_INJECTOR: Fault = Fault {
    key: "leaking-injector",
    description: "A petrol injector drips; the control takes back fuel until it cannot any more.",
    strain: |stage, strain| strain.lean -= lacking(stage),
    crossed: |frame: &Frame, _: &Circumstances| trims(frame).is_some_and(|percent| percent < -10.0),
    failed: |frame, _| lamp(frame, "P0172"),
    ..MIXTURE
};

const MIXTURE: Fault = Fault {
    powertrains: ENGINE,
    fuel: Some(Fuel::Petrol),
    components: &["engine.fuel_air"],
    strain: |stage, strain: &mut Strain| strain.lean += lacking(stage),
    ..BASE
};

fn lacking(stage: &Stage) -> f64 {
    stage.strength * stage.progress
}

fn trims(frame: &Frame) -> Option<f64> {
    Some(frame.get(SHORT_TRIM)? + frame.get(LONG_TRIM)?)
}

fn lamp(frame: &Frame, code: &str) -> bool {
    frame.codes.iter().any(|report| report.code == code && report.status & 0x08 != 0)
}
