//! Insulation of a traction battery per volt, DOMAIN 5.9: what limits are given in.

use super::State;
use super::entry::{EmitAt, Entry, ReadAt};
use super::feature::Features;
use super::given::{Given, Observed};

pub const ENTRY: Entry = Entry {
    key: "per_volt",
    what: "insulation of a traction battery per volt of it",
    wakes: &["Vehicle.Powertrain.TractionBattery.InsulationResistance"],
    reads: &["Vehicle.Powertrain.TractionBattery.CurrentVoltage"],
    emits: &["Feature.Powertrain.TractionBattery.InsulationPerVolt"],
    components: &["traction.insulation"],
    is_instant: true,
    update,
    ..Entry::PLAIN
};
const KILOHM: ReadAt = ReadAt(0);
const VOLTS: ReadAt = ReadAt(1);
const PER_VOLT: EmitAt = EmitAt(0);

/// Instruments stop here; a value at the stop is "at least", not a measurement.
const SATURATED_KOHM: f64 = 59_000.0;
/// Below this the pack is switched off and the quotient means nothing.
const PACK_ON_VOLTS: f64 = 60.0;
/// A reading goes with another that is at most so old, s: not every vehicle tells of both at once.
const TOGETHER: i64 = 60;

fn update(_: &mut State, _: &Observed<'_>, _: &Given<'_>, features: &mut Features<'_>) {
    let Some(kohm) = features.measured(KILOHM).filter(|kohm| *kohm < SATURATED_KOHM) else { return };
    if let Some(volts) = features.recent(VOLTS, TOGETHER).filter(|volts| *volts > PACK_ON_VOLTS) {
        features.emit(PER_VOLT, kohm * 1_000.0 / volts);
    }
}
