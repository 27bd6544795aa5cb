//! Peek: who must stop now does not wait for a lost message.
//!
//! While messages wait behind a gap, the S1 rules run on a copy of the vehicle that has the waiting
//! messages folded in. A hit warns at once and opens nothing; when the messages settle without it,
//! the warning is taken back.

use crate::case::{FindingKey, case_id};
use crate::entry::rule::Mode;
use crate::rule_set::{Rule, RuleSet};
use crate::stage::doubt::consider;
use crate::stage::effect::{CaseEffect, Effect, Effects, NoticeEffect};
use crate::stage::evaluate::evaluate_mask;
use crate::stage::evidence::evidence_now;
use crate::stage::fold::fold;
use crate::stage::respond::stop_now;
use crate::stage::stop_now::is_shown;
use crate::state::ahead::{Ahead, Folded};
use crate::state::settle::Bounds;
use crate::state::{Vehicle, Warned};
use crate::unit::{Severity, Span, Time};
use crate::vehicle::{Component, Message, Told};

/// Looks ahead, if anything waits.
///
/// `joined` says that the input did nothing but put a message into the queue; unless that was at its
/// end, the copy is made anew.
pub fn peek(vehicle: &mut Vehicle, joined: bool, set: &RuleSet, bounds: &Bounds, effects: &mut Effects) {
    let waiting = vehicle.order.waiting_count();
    let at_the_end = |folded: &Folded| {
        let last = vehicle.order.waiting().nth(folded.messages - 1);
        folded.messages + 1 == waiting && last.is_some_and(|message| message.hash == folded.last)
    };
    let kept = vehicle.ahead.0.take().filter(|folded| joined && at_the_end(folded));
    if waiting == 0 {
        take_back(vehicle, effects);
        return;
    }
    let mut ahead = kept.unwrap_or_else(|| Box::new(Folded { vehicle: vehicle.clone(), messages: 0, last: 0 }));
    let fresh: Vec<Message> = vehicle.order.waiting().skip(ahead.messages).cloned().collect();
    for mut message in fresh {
        if ahead.vehicle.read_clock(&mut message, true, bounds) != Told::Unusable {
            look(vehicle, &mut ahead.vehicle, &message, set, effects);
        }
        (ahead.messages, ahead.last) = (ahead.messages + 1, message.hash);
    }
    vehicle.ahead = Ahead(Some(ahead));
}

fn look(vehicle: &mut Vehicle, ahead: &mut Vehicle, message: &Message, set: &RuleSet, effects: &mut Effects) {
    let mut unwritten = Effects::default();
    for sample in &message.samples {
        if sample.measured_at < ahead.newest {
            continue;
        }
        let step = fold(ahead, sample, message.received_at, set, &mut unwritten);
        consider(ahead, &step, set);
        let urgent = set.urgent(set.touched(&step.touched, step.faults, step.service));
        evaluate_mask(ahead, urgent, step.at, set, &mut unwritten);
        let open: Vec<(FindingKey, Time)> = ahead.watches.open_at_severity(Severity::S1).collect();
        for (key, opened_at) in open {
            warn(vehicle, ahead, key, opened_at, set, effects);
        }
    }
}

fn warn(vehicle: &mut Vehicle, ahead: &Vehicle, key: FindingKey, at: Time, set: &RuleSet, effects: &mut Effects) {
    let Some(rule) = set.rule(key.rule).filter(|rule| rule.source.mode == Mode::Live) else { return };
    let Some(component) = component_of(ahead, rule, key) else { return };
    let told = vehicle.warned.iter().any(|warned| warned.component == component)
        || vehicle.cases.iter().any(|case| case.component == component && case.warned);
    if told || !is_shown(ahead, key, at, vehicle.received, set) {
        return;
    }
    // A case that is open already keeps its id; otherwise the one the next episode would get.
    let open = vehicle.cases.iter().find(|case| case.component == component && case.mode == Mode::Live);
    let episode = vehicle.past.iter().find(|past| past.component == component).map_or(0, |past| past.episode) + 1;
    let case = open.map_or_else(|| case_id(&vehicle.id, vehicle.life, &component, episode), |case| case.id);
    let evidence = evidence_now(ahead, key, at, set);
    stop_now(vehicle, case, None, rule, evidence.as_ref(), vehicle.received, set, effects);
    vehicle.warned.push(Warned { component, case });
}

/// What a finding is about: its rule's component, or the one of its fault code.
fn component_of(ahead: &Vehicle, rule: &Rule, key: FindingKey) -> Option<Component> {
    let of_code =
        || ahead.faults.iter().find(|cycle| Some(cycle.code) == key.code).map(|cycle| cycle.component.clone());
    rule.component.clone().or_else(of_code)
}

fn take_back(vehicle: &mut Vehicle, effects: &mut Effects) {
    for warned in std::mem::take(&mut vehicle.warned) {
        let confirmed = vehicle.cases.iter().any(|case| case.id == warned.case)
            || effects
                .written
                .iter()
                .any(|effect| matches!(effect, Effect::Case(CaseEffect::Open { case, .. }) if *case == warned.case));
        if !confirmed {
            effects.written.push(Effect::Notice(NoticeEffect::Resolve {
                case: warned.case,
                created_at: vehicle.received,
                valid_until: vehicle.received + Span::from_days(1),
            }));
        }
    }
}
