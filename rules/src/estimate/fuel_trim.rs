//! The mixture, DOMAIN 5.10: one mean of short and long-term trim per trip, hot and driving, and how it shifts.

use serde::{Deserialize, Serialize};

use super::State;
use super::entry::{EmitAt, Entry, Occasion, ReadAt};
use super::feature::Features;
use super::given::{Given, Observed};
use super::shift::Shift;
use super::states::read;
use crate::entry::norm::Feature;

pub const ENTRY: Entry = Entry {
    key: "fuel_trim",
    what: "what the mixture control adds or takes in a hot engine, a mean a trip, and how it shifts",
    wakes: &["Vehicle.OBD.ShortTermFuelTrim1"],
    occasions: &[Occasion::Segment],
    reads: &[
        "Vehicle.OBD.LongTermFuelTrim1",
        "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature",
        "Vehicle.Speed",
    ],
    emits: &[
        "Feature.Powertrain.CombustionEngine.FuelTrim",
        "Feature.Powertrain.CombustionEngine.FuelTrimRise",
        "Feature.Powertrain.CombustionEngine.FuelTrimFall",
    ],
    components: &["engine.fuel_air"],
    update,
    restart: |state, _| *state = State::None,
    read: |bytes| read(bytes).map(State::FuelTrim),
    ..Entry::PLAIN
};
const SHORT: ReadAt = ReadAt(0);
const LONG: ReadAt = ReadAt(1);
const COOLANT: ReadAt = ReadAt(2);
const SPEED: ReadAt = ReadAt(3);
const MEAN: EmitAt = EmitAt(0);
const RISE: EmitAt = EmitAt(1);
const FALL: EmitAt = EmitAt(2);

/// Closed loop and hot, degC; driving, km/h.
const HOT: f64 = 75.0;
const DRIVING: f64 = 20.0;
/// Readings of a trip that make a mean.
const ENOUGH: u16 = 10;

/// No mixture control adds or takes more, %: beyond it a reading says no more than that.
const MOST: f64 = 25.0;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FuelTrim {
    sum: f32,
    count: u16,
    shift: Shift,
}

fn update(state: &mut State, observed: &Observed<'_>, given: &Given<'_>, features: &mut Features<'_>) {
    if let State::FuelTrim(trim) = state {
        if observed.turn.ended {
            end_trip(trim, given, features);
        }
        if observed.turn.began {
            (trim.sum, trim.count) = (0.0, 0);
        }
    }
    let Some(short) = features.measured(SHORT) else { return };
    let hot = features.recent(COOLANT, 60).is_some_and(|celsius| celsius > HOT);
    let driving = features.recent(SPEED, 60).is_some_and(|speed| speed > DRIVING);
    if let Some(long) = features.recent(LONG, 60).filter(|_| hot && driving) {
        let State::FuelTrim(trim) = state.or(|| State::FuelTrim(Box::default())) else { return };
        trim.sum += (short.clamp(-MOST, MOST) + long.clamp(-MOST, MOST)) as f32;
        trim.count = trim.count.saturating_add(1);
    }
}

fn end_trip(trim: &mut FuelTrim, given: &Given<'_>, features: &mut Features<'_>) {
    if trim.count < ENOUGH {
        return;
    }
    let mean = f64::from(trim.sum) / f64::from(trim.count);
    if let Some(norm) = given.norm(Feature::FuelTrim) {
        trim.shift.take(mean, &norm);
        features.emit(RISE, trim.shift.up());
        features.emit(FALL, trim.shift.down());
    }
    features.emit(MEAN, mean);
}
