//! The recipe of one input: settle, fold, evaluate, decide, respond.
//!
//! The lane runs it live, replay runs it with its effects thrown away, and tests, back-test and
//! score card run it without any shell. It stands here and not in `engine/src/lane/recipe.rs`, because
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
use crate::stage::scope::StepScope;
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
    let mut scope = StepScope::new(vehicle, set, effects);
    let mut ready = scope.effects.shelf.ready();
    let is_message = matches!(input, What::Message(_));
    let mut arrival = Arrival::Taken;
    match input {
        What::Message(message) => {
            seen(&message.seen, scope.received_at, scope.effects);
            arrival = scope.vehicle.order.arrive(message, bounds, &mut ready);
            if !arrival.is_taken() {
                scope.effects.shelf.put_ready(ready);
                return arrival;
            }
            if arrival == Arrival::Renumbered {
                scope.effects.unused.push((Reason::Renumbered, None));
            }
        }
        What::Refused(refused) => scope.vehicle.order.refuse(&refused, bounds, &mut ready),
        What::Timer { at } => {
            scope.vehicle.order.expire(at, bounds, &mut ready);
            settle(&mut scope, &mut ready, bounds);
            pass_time(&mut scope, at, bounds);
        }
        What::Command { command, .. } => {
            apply(&mut scope, &command);
            respond_unless_backfilling(&mut scope);
        }
    }
    let joined_the_queue = is_message && ready.is_empty();
    settle(&mut scope, &mut ready, bounds);
    scope.effects.shelf.put_ready(ready);
    peek(&mut scope, joined_the_queue, bounds);
    arrival
}

/// Folds and judges the messages whose turn has come, sample by sample.
fn settle(scope: &mut StepScope<'_>, ready: &mut Vec<Settled>, bounds: &Bounds) {
    for Settled { mut message, passed } in ready.drain(..) {
        let before = scope.vehicle.clock.told();
        let verdict = scope.vehicle.read_clock(&mut message, !passed, bounds);
        // A clock that leaps to where it should be does not mean that the vehicle was silent for so long.
        let leaps = verdict == Told::Corrected && before != scope.vehicle.clock.told();
        for sample in &message.samples {
            let late = passed
                || verdict == Told::Unusable
                || (message.sequence.is_none() && sample.measured_at <= scope.vehicle.newest);
            let kept = scope.effects.kept.len();
            if late {
                keep_late(sample, message.received_at, scope.set, scope.effects);
            } else {
                pass_days(scope, sample.measured_at);
                if !leaps {
                    pass_silence(scope, sample.measured_at);
                }
                settle_step(scope, &message, sample, bounds);
            }
            if let Some((flag, reason)) = verdict.mark() {
                scope.effects.mark_kept(kept, flag, reason);
            }
        }
        scope.effects.shelf.put(message);
    }
}

fn settle_step(scope: &mut StepScope<'_>, message: &Message, sample: &Sample, bounds: &Bounds) {
    let step = fold(scope, sample, message.received_at);
    note_backfill(scope.vehicle, message.received_at.since(step.at), bounds);
    let changes = evaluate(scope, &step);
    decide_and_respond(scope, changes);
}

fn decide_and_respond(scope: &mut StepScope<'_>, changes: Vec<FindingChange>) {
    if !changes.is_empty() {
        decide(scope, changes);
    }
    respond_unless_backfilling(scope);
}

/// A backlog is folded without proposing or contacting; what still holds at its end is answered.
fn note_backfill(vehicle: &mut Vehicle, age: Span, bounds: &Bounds) {
    if age > BACKFILL_AGE {
        vehicle.backfill_until = Some(vehicle.received + bounds.lateness);
    } else {
        vehicle.backfill_until = None;
    }
}

fn respond_unless_backfilling(scope: &mut StepScope<'_>) {
    if scope.vehicle.backfill_until.is_none() && !scope.vehicle.cases.is_empty() {
        respond(scope);
    }
}

/// What only time brings about: the end of a back-fill, absence, calendar dates, snoozes.
fn pass_time(scope: &mut StepScope<'_>, at: Time, bounds: &Bounds) {
    let vehicle = &mut *scope.vehicle;
    if vehicle.backfill_until.is_some_and(|until| until <= at) {
        vehicle.backfill_until = None;
    }
    vehicle.snoozed.retain(|(_, until)| *until > at);
    // Absence is judged as of when everything measured must have arrived, never over waiting messages.
    // A vehicle in back-fill is speaking, only about the past.
    let speaks = vehicle.order.waiting_count() > 0 || vehicle.backfill_until.is_some();
    let now = at - bounds.lateness;
    if !speaks && vehicle.newest != Time::NEVER && now > vehicle.newest {
        pass_days(scope, now);
        pass_silence(scope, now);
        scope.vehicle.judged = scope.vehicle.judged.max(now);
    }
    respond_unless_backfilling(scope);
}

/// Judges absence at every instant up to `to` at which it can come to hold, as Timers in between
/// would have: how messages were cut, and which signals they carried, must not matter.
fn pass_silence(scope: &mut StepScope<'_>, to: Time) {
    let mut from = scope.vehicle.newest;
    while let Some(at) = next_absence(scope.vehicle, from, scope.set).filter(|at| *at <= to) {
        let changes = evaluate_mask(scope, *scope.set.absence(), at);
        decide_and_respond(scope, changes);
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
fn pass_days(scope: &mut StepScope<'_>, to: Time) {
    while let Some(day_start) = scope.vehicle.estimates.usage.next_day(to) {
        service::begin_day(scope.vehicle, day_start, scope.set);
        let changes = evaluate_mask(scope, *scope.set.by_service(), day_start);
        decide_and_respond(scope, changes);
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
