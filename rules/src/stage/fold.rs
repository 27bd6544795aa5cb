//! fold: one settled sample into the vehicle's state, in constant time and memory.
//!
//! Here is judged what depends on earlier readings: steps back, contradictions, spikes, stuck
//! sensors, the odometer. What fails is counted and kept for charts as suspect; it changes nothing.

use crate::compact::SlotSet;
use crate::entry::signal::Signal;
use crate::observed::last::Last;
use crate::observed::odometer::Odometry;
use crate::observed::segment;
use crate::observed::step::Step;
use crate::observed::suspect::Suspect;
use crate::observed::window::{Extent, Window};
use crate::rule_set::RuleSet;
use crate::stage::effect::{Effects, KeptReading};
use crate::stage::scope::StepScope;
use crate::stage::{doubt, estimate};
use crate::state::Vehicle;
use crate::state::faults::{begin_trip, conditions, fold_faults};
use crate::state::plausible::{self, Claim, Judged};
use crate::unit::{Span, Time};
use crate::vehicle::{Reading, Reason, Sample};

const SUSPECT: i16 = 1;
const LATE: i16 = 2;

/// Stores a reading that came too late for anything but charts.
pub fn keep_late(sample: &Sample, received_at: Time, set: &RuleSet, effects: &mut Effects) {
    effects.unused.push((Reason::Late, None));
    for reading in &sample.readings {
        if set.catalogue.signals.slot_of(reading.signal).is_some() {
            effects.kept.push(kept(*reading, sample.measured_at, received_at, LATE));
        }
    }
}

/// Folds a sample whose turn has come.
pub fn fold(scope: &mut StepScope<'_>, sample: &Sample, received_at: Time) -> Step {
    let mut at = sample.measured_at;
    if at < scope.vehicle.newest {
        // Along a vehicle's own numbering time does not run backwards; its clock was set.
        at = scope.vehicle.newest;
        scope.effects.unused.push((Reason::SteppedBack, None));
    }
    let pause = at.since(scope.vehicle.newest);
    let mut step = Step { at, touched: SlotSet::default(), pause, faults: false, service: false };
    if scope.vehicle.suspects.is_empty() {
        // They come at the start of a trip and are over soon: the room for them is lent.
        scope.vehicle.suspects = scope.effects.shelf.suspects();
    }
    for reading in &sample.readings {
        fold_reading(scope, *reading, received_at, &mut step);
    }
    let StepScope { vehicle, set, effects, .. } = scope;
    if vehicle.suspects.is_empty() {
        effects.shelf.put_suspects(std::mem::take(&mut vehicle.suspects));
    }
    vehicle.newest = at;
    effects.settled += 1;
    let turn = vehicle.segment.advance(&vehicle.last, at, step.pause, &set.known);
    if turn.began {
        step.faults |= begin_trip(vehicle);
    }
    if !sample.faults.is_empty() || !vehicle.faults.is_empty() {
        let now = conditions(vehicle, at, &set.known);
        step.faults |= fold_faults(vehicle, &sample.faults, at, now, &set.catalogue);
    }
    estimate::update(vehicle, &mut step, turn, set);
    fold_windows(vehicle, &step, set);
    step
}

/// Takes what was measured, and the features it led to, into the windows that rules ask for.
fn fold_windows(vehicle: &mut Vehicle, step: &Step, set: &RuleSet) {
    if set.windows.is_empty() {
        return;
    }
    for slot in step.touched.iter() {
        let value = vehicle.last(Some(slot)).value;
        set.windows_of(slot).iter().for_each(|number| fold_window(vehicle, *number, Last { value, at: step.at }, set));
    }
}

fn fold_window(vehicle: &mut Vehicle, number: u16, last: Last, set: &RuleSet) {
    let Some(spec) = set.windows.get(number) else { return };
    let place = usize::from(number);
    if let Some(window) = vehicle.windows.get_mut(place) {
        window.take(spec, last.value, last.at, &vehicle.segment);
    } else {
        let mut window = Window::new(spec);
        window.take(spec, last.value, last.at, &vehicle.segment);
        vehicle.windows.set(place, window);
    }
}

/// Readings that waited were true: windows take them now, at their own times, and so does what the rules remember.
fn fold_confirmed(vehicle: &mut Vehicle, held: Suspect, set: &RuleSet) {
    for last in [held.before, held.last()].into_iter().filter(|last| last.at != Time::NEVER) {
        for number in set.windows_of(held.slot) {
            let takes = match set.windows.get(*number).map(|spec| spec.extent) {
                // A trip or charge takes none from before it began.
                Some(Extent::Trip | Extent::Charge) => last.at >= vehicle.segment.since,
                Some(Extent::Time(_) | Extent::Readings(_) | Extent::Session(_)) => true,
                Some(Extent::Step) | None => false,
            };
            if takes {
                fold_window(vehicle, *number, last, set);
            }
        }
    }
    doubt::confirm(vehicle, held.slot, set);
}

fn fold_reading(scope: &mut StepScope<'_>, reading: Reading, received_at: Time, step: &mut Step) {
    let StepScope { vehicle, set, effects, .. } = scope;
    let Some(slot) = set.catalogue.signals.slot_of(reading.signal) else {
        effects.unused.push((Reason::UnknownSignal, Some(reading.signal)));
        return;
    };
    let signal = set.catalogue.signals.get(slot);
    let last = vehicle.last(Some(slot));
    let claim = Claim { slot, signal, last, value: reading.value, at: step.at };
    if let Some(reason) = judge(vehicle, &claim, set) {
        effects.unused.push((reason, Some(reading.signal)));
        effects.kept.push(kept(reading, step.at, received_at, SUSPECT));
        return;
    }
    if worth_keeping(signal, last.at, step.at) {
        effects.kept.push(kept(reading, step.at, received_at, 0));
    }
    vehicle.last.set(slot.index(), Last { value: reading.value, at: step.at });
    step.touched.insert(slot);
}

/// Why a reading that admission let through is not believed.
fn judge(vehicle: &mut Vehicle, claim: &Claim<'_>, set: &RuleSet) -> Option<Reason> {
    let Claim { slot, last, value, at, .. } = *claim;
    if last.at == at && value != last.value {
        return Some(Reason::SameTimeOtherContent);
    }
    if set.known.odometer == Some(slot) {
        let judged = vehicle.odometer.take(value / 1_000.0, at);
        return (judged != Odometry::Taken).then_some(Reason::Suspect);
    }
    match plausible::judge(vehicle, claim) {
        Judged::Believed => {}
        Judged::Refuted => doubt::refute(vehicle, slot, set),
        Judged::Confirmed(held) => fold_confirmed(vehicle, held, set),
        Judged::Waits { reason, refutes } => {
            if refutes {
                doubt::refute(vehicle, slot, set);
            }
            return Some(reason);
        }
    }
    is_stuck(vehicle, claim, set).then_some(Reason::Suspect)
}

/// The same raw value through so much driving, or charging of what is charged, is no measurement.
fn is_stuck(vehicle: &mut Vehicle, claim: &Claim<'_>, set: &RuleSet) -> bool {
    let Claim { slot, signal, last, value, .. } = *claim;
    let (Some(limit), Some(index)) = (signal.stuck_after, set.stuck_index(slot)) else { return false };
    let busy = vehicle.segment.busy(signal);
    let Some(since) = vehicle.unchanged.get_mut(index) else { return false };
    if value != last.value {
        *since = busy;
        return false;
    }
    busy.wrapping_sub(*since) >= segment::tenths(limit)
}

/// Down-sampling for charts: the first reading in each bucket of the signal's `keep`.
fn worth_keeping(signal: &Signal, last: Time, at: Time) -> bool {
    let Some(keep) = signal.keep.map(Span::micros).filter(|keep| *keep > 0) else { return true };
    last == Time::NEVER || last.micros().div_euclid(keep) != at.micros().div_euclid(keep)
}

fn kept(reading: Reading, measured_at: Time, received_at: Time, flags: i16) -> KeptReading {
    KeptReading { signal: reading.signal, measured_at, received_at, value: reading.value, flags }
}
