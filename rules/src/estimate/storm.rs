//! Whether a storm of fault codes is on, DOMAIN 2.4: many codes of many ECUs at once, at low voltage.

use super::State;
use super::entry::{EmitAt, Entry, Occasion};
use super::feature::Features;
use super::given::{Given, Observed};

pub const ENTRY: Entry = Entry {
    key: "storm",
    what: "whether many ECUs report fault codes at once because the voltage is low",
    // A vehicle's first step begins a segment: from then on it is known that there is none.
    occasions: &[Occasion::Segment, Occasion::Faults],
    emits: &["Feature.FaultCode.Storm"],
    update,
    ..Entry::PLAIN
};
const STORM: EmitAt = EmitAt(0);

fn update(_: &mut State, observed: &Observed<'_>, _: &Given<'_>, features: &mut Features<'_>) {
    let storm = f64::from(u8::from(observed.storm));
    if observed.faults_changed || features.emitted(STORM).value != storm {
        features.emit(STORM, storm);
    }
}
