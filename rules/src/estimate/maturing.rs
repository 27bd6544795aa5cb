//! Pending fault codes on their way to confirmed, DOMAIN 2.4: a code that fails on ever more of its trips matures.

use super::State;
use super::entry::{EmitAt, Entry, Occasion};
use super::feature::Features;
use super::given::{Given, Observed};
use crate::observed::fault_cycle::FaultPhase;

pub const ENTRY: Entry = Entry {
    key: "maturing",
    what: "the chance that the worst pending fault code comes to be confirmed",
    occasions: &[Occasion::Faults],
    emits: &["Feature.FaultCode.MaturingChance"],
    update,
    ..Entry::PLAIN
};
const CHANCE: EmitAt = EmitAt(0);

/// Of four codes that show up once, one stays: weight of the prior, in trips, and its share.
const PRIOR_TRIPS: f64 = 4.0;
const PRIOR: f64 = 0.25;
/// Trips that count.
const TRIPS: u32 = 5;

/// The chance of the worst pending code, percent; nothing where none is pending.
fn update(_: &mut State, observed: &Observed<'_>, _: &Given<'_>, features: &mut Features<'_>) {
    let pending = observed.faults.iter().filter(|cycle| cycle.phase == FaultPhase::Pending);
    let worst = pending.map(|cycle| chance(cycle.trips)).fold(0.0, f64::max);
    if worst > 0.0 || features.emitted(CHANCE).value > 0.0 {
        features.emit(CHANCE, worst);
    }
}

/// From the trips in which a code failed, newest in bit 0.
fn chance(trips: u16) -> f64 {
    let lived = u32::from(16_u16.saturating_sub(trips.leading_zeros() as u16)).clamp(1, TRIPS);
    let failed = f64::from((trips & ((1 << lived) - 1)).count_ones());
    100.0 * (failed + PRIOR * PRIOR_TRIPS) / (f64::from(lived) + PRIOR_TRIPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_fails_on_every_trip_matures() {
        assert!(chance(0b1) < 45.0 && chance(0b1_1111) > 60.0);
        assert!(chance(0b1_0001) < chance(0b1_0101), "{} {}", chance(0b1_0001), chance(0b1_0101));
    }
}
