//! `make bench`, third part: how many rule programs one core runs to a verdict.
//!
//! The stage `evaluate` as a lane runs it, on vehicles that have lived: every rule of the vehicle's
//! scope that a reading of all its signals touches, evidence and open findings included. Programs
//! that lack a reading are run too, but not counted.

use std::time::{Duration, Instant};

use rules::catalogue::Catalogue;
use rules::compact::SlotSet;
use rules::observed::step::Step;
use rules::rule_set::RuleSet;
use rules::stage::effect::Effects;
use rules::stage::evaluate::evaluate;
use rules::stage::scope::StepScope;
use rules::state::Vehicle;
use rules::unit::{Span, Time};
use rules::vehicle::Slot;
use uuid::Uuid;

mod figures;
mod settled;

use figures::Figures;
use settled::Settled;

const VEHICLES: u32 = 20;
const DAYS: i64 = 2;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);

fn main() -> anyhow::Result<()> {
    let (Settled { set, mut vehicles, .. }, _) =
        Settled::simulate(Catalogue::builtin()?, VEHICLES, DAYS, 0, Uuid::nil())?;
    let mut rates: Vec<f64> = (0..ROUNDS).map(|_| round(&mut vehicles, &set)).collect();
    rates.sort_by(f64::total_cmp);
    let mut figures = Figures::default();
    let how = format!(
        "one thread, stage `evaluate` on {VEHICLES} vehicles after {DAYS} simulated days, {} rule instances, every known signal touched at each step; median of {ROUNDS} rounds of {ROUND:?} ({:.0} to {:.0})",
        set.rules.len(),
        rates[0],
        rates[ROUNDS - 1]
    );
    figures.add("rule_evals_per_s_per_core", rates[ROUNDS / 2], "programs/s", how);
    figures.keep()
}

/// Verdicts per second of one round.
fn round(vehicles: &mut [Vehicle], set: &RuleSet) -> f64 {
    let steps: Vec<SlotSet> = vehicles.iter().map(|vehicle| known(vehicle, set)).collect();
    let mut effects = Effects::default();
    let since = Instant::now();
    while since.elapsed() < ROUND {
        for (vehicle, touched) in vehicles.iter_mut().zip(&steps) {
            vehicle.newest = vehicle.newest + Span::from_secs(1);
            let step = Step {
                at: vehicle.newest,
                touched: *touched,
                pause: Span::from_secs(1),
                faults: false,
                service: false,
            };
            evaluate(&mut StepScope::new(vehicle, set, &mut effects), &step);
        }
    }
    let verdicts: u64 = effects.ready.iter().map(|count| u64::from(*count)).sum();
    verdicts as f64 / since.elapsed().as_secs_f64()
}

/// The signals of which there is a reading.
fn known(vehicle: &Vehicle, set: &RuleSet) -> SlotSet {
    let mut known = SlotSet::default();
    let slots = (0..set.slot_count()).map(|index| Slot(index as u16));
    for slot in slots.filter(|slot| vehicle.last(Some(*slot)).at != Time::NEVER) {
        known.insert(slot);
    }
    known
}
