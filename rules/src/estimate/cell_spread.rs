//! The spread of cell temperatures in a traction battery, DOMAIN 3 bit 0.

use super::State;
use super::entry::{EmitAt, Entry, ReadAt};
use super::feature::Features;
use super::given::{Given, Observed};

pub const ENTRY: Entry = Entry {
    key: "cell_spread",
    what: "how much warmer the warmest cell of a traction battery is than the coldest",
    wakes: &[
        "Vehicle.Powertrain.TractionBattery.Temperature.Max",
        "Vehicle.Powertrain.TractionBattery.Temperature.Min",
    ],
    emits: &["Feature.Powertrain.TractionBattery.CellTemperatureSpread"],
    components: &["traction.battery.thermal"],
    is_instant: true,
    update,
    ..Entry::PLAIN
};
const HOTTEST: ReadAt = ReadAt(0);
const COLDEST: ReadAt = ReadAt(1);
const SPREAD: EmitAt = EmitAt(0);

/// A reading goes with another that is at most so old, s: not every vehicle tells of both at once.
const TOGETHER: i64 = 60;

fn update(_: &mut State, _: &Observed<'_>, _: &Given<'_>, features: &mut Features<'_>) {
    let (hottest, coldest) = (features.recent(HOTTEST, TOGETHER), features.recent(COLDEST, TOGETHER));
    if let (Some(hottest), Some(coldest)) = (hottest, coldest) {
        features.emit(SPREAD, hottest - coldest);
    }
}
