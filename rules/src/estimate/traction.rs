//! Traction battery, the part without memory: insulation per volt (DOMAIN 5.9) and the spread of
//! cell temperatures (DOMAIN 3, bit 0).

use crate::estimate::{emit, measured, recent};
use crate::known::Known;
use crate::state::Vehicle;
use crate::state::fold::Step;

/// Instruments stop here; a value at the stop is "at least", not a measurement.
const SATURATED_KOHM: f64 = 59_000.0;
/// Below this the pack is switched off and the quotient means nothing.
const PACK_ON_VOLTS: f64 = 60.0;

pub fn update(vehicle: &mut Vehicle, step: &mut Step, known: &Known) {
    if let Some(kohm) = measured(vehicle, step, known.insulation) {
        let volts = recent(vehicle, step.at, known.pack_volts, 60).filter(|volts| *volts > PACK_ON_VOLTS);
        if let Some(volts) = volts.filter(|_| kohm < SATURATED_KOHM) {
            emit(vehicle, step, known.insulation_per_volt, kohm * 1_000.0 / volts);
        }
    }
    if let (Some(max), Some(min)) =
        (measured(vehicle, step, known.cell_temp_max), measured(vehicle, step, known.cell_temp_min))
    {
        emit(vehicle, step, known.cell_temp_spread, max - min);
    }
}
