//! The recipe of one input: settle, fold, evaluate, decide, respond.
//!
//! The lane runs it live, replay runs it with its effects thrown away, and tests, back-test and
//! score card run it without any shell. It stands here and not in `engine/src/lane/mod.rs`, because
//! what must be the same everywhere must be one function; the lane adds decoding and the commit.

use crate::case::FindingChange;
use crate::language::expr;
use crate::rule_set::RuleSet;
use crate::stage::apply::{apply, seen};
use crate::stage::decide::decide;
use crate::stage::effect::Effects;
use crate::stage::evaluate::{evaluate, evaluate_mask};
use crate::stage::fold::{fold, keep_late};
use crate::stage::peek::peek;
use crate::stage::respond::respond;
use crate::stage::service;
use crate::state::Vehicle;
use crate::state::settle::{Arrival, BACKFILL_AGE, Bounds, Settled};
use crate::unit::{Span, Time};
use crate::vehicle::{Command, Message, Reason, Sample, Told, What};

/// Takes one input of a vehicle and appends what must be written to `effects`.
///
/// Returns how a message arrived; only those that were taken belong into the journal.
pub fn take(vehicle: &mut Vehicle, input: What, set: &RuleSet, bounds: &Bounds, effects: &mut Effects) -> Arrival {
    if let What::Command { command: Command::ClockCorrected { by, total }, .. } = &input {
        vehicle.follow_clock(*by, *total, set, bounds);
        return Arrival::Taken;
    }
    vehicle.received = vehicle.received.max(input.received_at());
    let received_at = vehicle.received;
    let mut ready = effects.shelf.ready();
    let is_message = matches!(input, What::Message(_));
    let mut arrival = Arrival::Taken;
    match input {
        What::Message(message) => {
            seen(&message.seen, received_at, effects);
            arrival = vehicle.order.arrive(message, bounds, &mut ready);
            if !arrival.is_taken() {
                effects.shelf.put_ready(ready);
                return arrival;
            }
            if arrival == Arrival::Renumbered {
                effects.unused.push((Reason::Renumbered, None));
            }
        }
        What::Refused(refused) => vehicle.order.refuse(&refused, bounds, &mut ready),
        What::Timer { at } => {
            vehicle.order.expire(at, bounds, &mut ready);
            settle(vehicle, &mut ready, set, bounds, effects);
            pass_time(vehicle, at, set, bounds, effects);
        }
        What::Command { command, .. } => {
            apply(vehicle, &command, received_at, set, effects);
            respond_unless_backfilling(vehicle, set, effects);
        }
    }
    let joined_the_queue = is_message && ready.is_empty();
    settle(vehicle, &mut ready, set, bounds, effects);
    effects.shelf.put_ready(ready);
    peek(vehicle, joined_the_queue, set, bounds, effects);
    arrival
}

/// Folds and judges the messages whose turn has come, sample by sample.
fn settle(vehicle: &mut Vehicle, ready: &mut Vec<Settled>, set: &RuleSet, bounds: &Bounds, effects: &mut Effects) {
    for Settled { mut message, passed } in ready.drain(..) {
        let before = vehicle.clock.told();
        let told = vehicle.read_clock(&mut message, !passed, bounds);
        // A clock that leaps to where it should be does not mean that anybody was silent for so long.
        let leaps = told == Told::Corrected && before != vehicle.clock.told();
        for sample in &message.samples {
            let late = passed
                || told == Told::Unusable
                || (message.sequence.is_none() && sample.measured_at <= vehicle.newest);
            let kept = effects.kept.len();
            if late {
                keep_late(sample, message.received_at, set, effects);
            } else {
                pass_days(vehicle, sample.measured_at, set, effects);
                if !leaps {
                    pass_silence(vehicle, sample.measured_at, set, effects);
                }
                settle_step(vehicle, &message, sample, set, bounds, effects);
            }
            if let Some((flag, reason)) = told.mark() {
                effects.mark_kept(kept, flag, reason);
            }
        }
        effects.shelf.put(message);
    }
}

fn settle_step(
    vehicle: &mut Vehicle,
    message: &Message,
    sample: &Sample,
    set: &RuleSet,
    bounds: &Bounds,
    effects: &mut Effects,
) {
    let step = fold(vehicle, sample, message.received_at, set, effects);
    note_backfill(vehicle, message.received_at.since(step.at), bounds);
    let changes = evaluate(vehicle, &step, set, effects);
    decide_and_respond(vehicle, changes, set, effects);
}

fn decide_and_respond(vehicle: &mut Vehicle, changes: Vec<FindingChange>, set: &RuleSet, effects: &mut Effects) {
    if !changes.is_empty() {
        decide(vehicle, changes, vehicle.received, set, effects);
    }
    respond_unless_backfilling(vehicle, set, effects);
}

/// A backlog is folded without proposing or contacting; what still holds at its end is answered.
fn note_backfill(vehicle: &mut Vehicle, age: Span, bounds: &Bounds) {
    if age > BACKFILL_AGE {
        vehicle.backfill_until = Some(vehicle.received + bounds.lateness);
    } else {
        vehicle.backfill_until = None;
    }
}

fn respond_unless_backfilling(vehicle: &mut Vehicle, set: &RuleSet, effects: &mut Effects) {
    if vehicle.backfill_until.is_none() && !vehicle.cases.is_empty() {
        let received_at = vehicle.received;
        respond(vehicle, received_at, set, effects);
    }
}

/// What only time brings about: the end of a back-fill, absence, calendar dates, snoozes.
fn pass_time(vehicle: &mut Vehicle, at: Time, set: &RuleSet, bounds: &Bounds, effects: &mut Effects) {
    if vehicle.backfill_until.is_some_and(|until| until <= at) {
        vehicle.backfill_until = None;
    }
    vehicle.snoozed.retain(|(_, until)| *until > at);
    // Absence is judged as of when everything measured must have arrived, never over waiting messages.
    // A vehicle in back-fill is speaking, only about the past.
    let speaks = vehicle.order.waiting_count() > 0 || vehicle.backfill_until.is_some();
    if !speaks && vehicle.newest != Time::NEVER {
        let now = at - bounds.lateness;
        if now > vehicle.newest {
            pass_days(vehicle, now, set, effects);
            pass_silence(vehicle, now, set, effects);
            vehicle.judged = vehicle.judged.max(now);
        }
    }
    respond_unless_backfilling(vehicle, set, effects);
}

/// Judges absence at every instant up to `to` at which it can come to hold, as Timers in between
/// would have: how messages were cut, and which signals they carried, must not matter.
fn pass_silence(vehicle: &mut Vehicle, to: Time, set: &RuleSet, effects: &mut Effects) {
    let mut from = vehicle.newest;
    while let Some(at) = next_absence(vehicle, from, set).filter(|at| *at <= to) {
        let changes = evaluate_mask(vehicle, *set.absence(), at, set, effects);
        decide_and_respond(vehicle, changes, set, effects);
        from = at;
    }
}

/// When absence can next come to hold after `from`.
fn next_absence(vehicle: &Vehicle, from: Time, set: &RuleSet) -> Option<Time> {
    if vehicle.newest == Time::NEVER {
        return None;
    }
    let view = vehicle.view(from, set);
    set.in_mask(vehicle.watches.in_scope(*set.absence()))
        .filter_map(|rule| expr::next_change(&rule.when, &view, |cell| vehicle.watches.cell(rule.when_cell + cell)))
        .min()
}

/// Judges calendar due dates at every start of a day up to `to`, so that it does not matter
/// whether a reading or a Timer came first.
fn pass_days(vehicle: &mut Vehicle, to: Time, set: &RuleSet, effects: &mut Effects) {
    while let Some(day_start) = vehicle.estimates.usage.next_day(to) {
        service::begin_day(vehicle, day_start, set);
        let changes = evaluate_mask(vehicle, *set.by_service(), day_start, set, effects);
        decide_and_respond(vehicle, changes, set, effects);
    }
}

/// When this vehicle wants a Timer next, in time of reception.
pub fn wake(vehicle: &Vehicle, set: &RuleSet, bounds: &Bounds) -> Option<Time> {
    let waiting = vehicle.order.wake(bounds);
    let backfill = vehicle.backfill_until;
    let snooze = vehicle.snoozed.iter().map(|(_, until)| *until).min();
    let silent = waiting.is_none() && backfill.is_none() && vehicle.newest != Time::NEVER;
    let judged = silent.then(|| {
        let absence = next_absence(vehicle, vehicle.newest.max(vehicle.judged), set);
        absence.into_iter().chain(vehicle.estimates.usage.wake()).min().map(|at| at + bounds.lateness)
    });
    [waiting, backfill, snooze, judged.flatten()].into_iter().flatten().min()
}
