//! Traction battery, the part without memory: insulation per volt (DOMAIN 5.9) and the spread of
//! cell temperatures (DOMAIN 3 bit 0).

use crate::compact::SlotSet;
use crate::estimate::emit;
use crate::observed::known::Known;
use crate::observed::readings::Readings;
use crate::observed::step::Step;
use crate::state::Vehicle;
use crate::unit::{Span, Time};
use crate::vehicle::Slot;

/// Instruments stop here; a value at the stop is "at least", not a measurement.
const SATURATED_KOHM: f64 = 59_000.0;
/// Below this the pack is switched off and the quotient means nothing.
const PACK_ON_VOLTS: f64 = 60.0;
/// A reading goes with another that is at most so old: not every vehicle tells of both at once.
const TOGETHER: Span = Span::from_secs(60);

pub fn update(vehicle: &mut Vehicle, step: &mut Step, known: &Known) {
    for (slot, value) in features(&vehicle.last, &step.touched, step.at, known).into_iter().flatten() {
        emit(vehicle, step, Some(slot), value);
    }
}

/// The features that follow from what was measured at a step.
pub(crate) fn features(last: &Readings, touched: &SlotSet, at: Time, known: &Known) -> [Option<(Slot, f64)>; 2] {
    let value = |slot: Slot| last.get(slot.index());
    let measured =
        |slot: Option<Slot>| slot.filter(|slot| touched.contains(*slot)).and_then(value).map(|last| last.value);
    let recent = |slot: Option<Slot>| slot.and_then(value).filter(|last| at.since(last.at) <= TOGETHER);
    let per_volt = measured(known.insulation).filter(|kohm| *kohm < SATURATED_KOHM).and_then(|kohm| {
        let volts = recent(known.pack_volts).map(|last| last.value).filter(|volts| *volts > PACK_ON_VOLTS);
        volts.map(|volts| kohm * 1_000.0 / volts)
    });
    let either = measured(known.cell_temp_max).or(measured(known.cell_temp_min));
    let spread = either.and_then(|_| {
        let (max, min) = (recent(known.cell_temp_max)?, recent(known.cell_temp_min)?);
        Some(max.value - min.value)
    });
    [known.insulation_per_volt.zip(per_volt), known.cell_temp_spread.zip(spread)]
}

/// The feature that a slot leads to.
pub(crate) fn feature_of(slot: Slot, known: &Known) -> Option<Slot> {
    let is = |of: Option<Slot>| of == Some(slot);
    if is(known.cell_temp_max) || is(known.cell_temp_min) {
        known.cell_temp_spread
    } else if is(known.pack_volts) || is(known.insulation) {
        known.insulation_per_volt
    } else {
        None
    }
}
