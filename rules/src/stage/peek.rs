//! Peek: who must stop now does not wait for a lost message.
//!
//! While messages wait behind a gap, the S1 rules run on a copy of the vehicle that has the waiting
//! messages folded in. A hit warns at once and opens nothing; when the messages settle without it,
//! the warning is taken back.

use crate::case::{FindingKey, case_id};
use crate::entry::rule::Mode;
use crate::rule_set::Rule;
use crate::stage::doubt::consider;
use crate::stage::effect::{CaseEffect, Effect, Effects, NoticeEffect};
use crate::stage::evaluate::evaluate_mask;
use crate::stage::evidence::evidence_now;
use crate::stage::fold::fold;
use crate::stage::scope::StepScope;
use crate::stage::stop_now::is_shown;
use crate::state::ahead::{Ahead, Folded};
use crate::state::settle::Bounds;
use crate::state::{Vehicle, Warned};
use crate::unit::{Severity, Span, Time};
use crate::vehicle::{Component, Message, Told};

/// Looks ahead, if anything waits.
///
/// `joined` says that the input did nothing but put a message into the queue; unless that was at its
/// end, the copy is made again.
pub fn peek(scope: &mut StepScope<'_>, joined: bool, bounds: &Bounds) {
    let vehicle = &mut *scope.vehicle;
    let waiting = vehicle.order.waiting_count();
    let at_the_end = |folded: &Folded| {
        let last = vehicle.order.waiting().nth(folded.messages - 1);
        folded.messages + 1 == waiting && last.is_some_and(|message| message.hash == folded.last)
    };
    let kept = vehicle.ahead.0.take().filter(|folded| joined && at_the_end(folded));
    if waiting == 0 {
        take_back(scope);
        return;
    }
    let mut ahead = kept.unwrap_or_else(|| Box::new(Folded { vehicle: vehicle.clone(), messages: 0, last: 0 }));
    let fresh: Vec<Message> = vehicle.order.waiting().skip(ahead.messages).cloned().collect();
    for mut message in fresh {
        if ahead.vehicle.read_clock(&mut message, true, bounds) != Told::Unusable {
            look(scope, &mut ahead.vehicle, &message);
        }
        (ahead.messages, ahead.last) = (ahead.messages + 1, message.hash);
    }
    scope.vehicle.ahead = Ahead(Some(ahead));
}

fn look(scope: &mut StepScope<'_>, ahead: &mut Vehicle, message: &Message) {
    let set = scope.set;
    let mut unwritten = Effects::default();
    for sample in &message.samples {
        if sample.measured_at < ahead.newest {
            continue;
        }
        let mut own = StepScope::new(ahead, set, &mut unwritten);
        let step = fold(&mut own, sample, message.received_at);
        consider(own.vehicle, &step, set);
        let urgent = set.urgent(set.touched(&step.touched, step.faults, step.service));
        evaluate_mask(&mut own, urgent, step.at);
        let open: Vec<(FindingKey, Time)> = ahead.watches.open_at_severity(Severity::S1).collect();
        for (key, opened_at) in open {
            warn(scope, ahead, key, opened_at);
        }
    }
}

fn warn(scope: &mut StepScope<'_>, ahead: &Vehicle, key: FindingKey, at: Time) {
    let (vehicle, set) = (&*scope.vehicle, scope.set);
    let Some(rule) = set.rule(key.rule).filter(|rule| rule.source.mode == Mode::Live) else { return };
    let Some(component) = component_of(ahead, rule, key) else { return };
    let is_warned = vehicle.warned.iter().any(|warned| warned.component == component)
        || vehicle.cases.iter().any(|case| case.component == component && case.warned);
    if is_warned || !is_shown(ahead, key, at, scope.received_at, set) {
        return;
    }
    // A case that is open already keeps its id; otherwise the one the next episode would get.
    let open = vehicle.cases.iter().find(|case| case.component == component && case.mode == Mode::Live);
    let episode = vehicle.past.iter().find(|past| past.component == component).map_or(0, |past| past.episode) + 1;
    let case = open.map_or_else(|| case_id(&vehicle.id, vehicle.life, &component, episode), |case| case.id);
    let evidence = evidence_now(ahead, key, at, set);
    scope.stop_now(case, None, rule, evidence.as_ref());
    scope.vehicle.warned.push(Warned { component, case });
}

/// What a finding is about: its rule's component, or the one of its fault code.
fn component_of(ahead: &Vehicle, rule: &Rule, key: FindingKey) -> Option<Component> {
    let of_code =
        || ahead.faults.iter().find(|cycle| Some(cycle.code) == key.code).map(|cycle| cycle.component.clone());
    rule.component.clone().or_else(of_code)
}

/// Nothing waits any more: warnings that no case came of are over.
fn take_back(scope: &mut StepScope<'_>) {
    for warned in std::mem::take(&mut scope.vehicle.warned) {
        let opened =
            |effect: &Effect| matches!(effect, Effect::Case(CaseEffect::Open { case, .. }) if *case == warned.case);
        let is_confirmed = scope.place_of(warned.case).is_some() || scope.effects.written.iter().any(opened);
        if !is_confirmed {
            let (created_at, valid_until) = (scope.received_at, scope.received_at + Span::from_days(1));
            scope.write(Effect::Notice(NoticeEffect::Resolve { case: warned.case, created_at, valid_until }));
        }
    }
}
