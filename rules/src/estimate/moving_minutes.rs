//! How long the vehicle has moved in this trip, as rules ask for it.

use super::State;
use super::entry::{EmitAt, Entry, Occasion};
use super::feature::Features;
use super::given::{Given, Observed};

pub const ENTRY: Entry = Entry {
    key: "moving_minutes",
    what: "minutes in motion since the trip began",
    occasions: &[Occasion::Step],
    emits: &["Feature.Trip.MovingMinutes"],
    update,
    ..Entry::PLAIN
};
const MINUTES: EmitAt = EmitAt(0);

fn update(_: &mut State, observed: &Observed<'_>, _: &Given<'_>, features: &mut Features<'_>) {
    features.emit(MINUTES, f64::from(observed.segment.trip_moving_s / 60.0));
}
