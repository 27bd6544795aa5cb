//! apply: a Command of a person or a job to the vehicle's state.

use uuid::Uuid;

use crate::case::{Case, Proposal};
use crate::rule_set::RuleSet;
use crate::stage::decide::close_case;
use crate::stage::effect::{Effect, Effects};
use crate::stage::respond::open_accepted;
use crate::stage::service;
use crate::state::Vehicle;
use crate::unit::{Text, Time};
use crate::vehicle::{Command, Component, OrderMove, ReviewAnswer};

/// Applies a command received at `received_at`. Registration of a vehicle that did not exist is
/// the lane's, because there is no state to apply it to.
pub fn apply(vehicle: &mut Vehicle, command: &Command, received_at: Time, set: &RuleSet, effects: &mut Effects) {
    match command {
        Command::Register(profile) => {
            vehicle.profile = (**profile).clone();
            vehicle.take_profile(set);
        }
        Command::Consent { purposes } => {
            vehicle.profile.consents.clone_from(purposes);
            vehicle.take_profile(set);
        }
        Command::Owner { contact, effective_at } => {
            vehicle.profile.owner.clone_from(contact);
            // The old owner's habits say nothing about the new one's.
            vehicle.estimates.usage.restart(*effective_at);
        }
        Command::Attribute { name, value } => {
            vehicle.profile.attributes.set(name, *value);
            vehicle.take_profile(set);
        }
        Command::Review { case, answer } => review(vehicle, *case, *answer, received_at, set, effects),
        Command::Order { order, event, effective_at } => {
            move_order(vehicle, *order, event, *effective_at, received_at, set, effects);
        }
        Command::CloseCase { case, why } => {
            // A person's own words stand in every language.
            let said = Text::new(why, why);
            close_case(vehicle, *case, vehicle.newest.max(Time::from_micros(0)), &said, received_at, effects);
        }
        Command::Snooze { case, until } => {
            vehicle.snoozed.retain(|(snoozed, _)| snoozed != case);
            vehicle.snoozed.push((*case, *until));
        }
        Command::Replaced { component, effective_at } => {
            replaced(
                vehicle,
                component,
                *effective_at,
                &Text::new("零件已更换", "the part was replaced"),
                received_at,
                set,
                effects,
            );
        }
        Command::ServiceDone { item, odometer_km, effective_at } => {
            service_done(vehicle, item, *odometer_km, *effective_at, set);
        }
        Command::Software { version } => {
            vehicle.profile.software.clone_from(version);
            vehicle.take_profile(set);
        }
        Command::Tier { tier } => {
            vehicle.profile.tier.clone_from(tier);
            vehicle.take_profile(set);
        }
        Command::Life { life } => vehicle.life = vehicle.life.max(*life),
        // The recipe has moved the state before it looked at the time.
        Command::ClockCorrected { .. } => {}
        Command::Erase => erase(vehicle, received_at, effects),
        Command::OdometerReplaced { odometer_km, .. } => {
            if vehicle.odometer.km.is_finite() {
                vehicle.odometer.offset_km = vehicle.odometer.km - odometer_km;
            }
        }
    }
}

fn review(
    vehicle: &mut Vehicle,
    case: Uuid,
    answer: ReviewAnswer,
    received_at: Time,
    set: &RuleSet,
    effects: &mut Effects,
) {
    match answer {
        ReviewAnswer::Accept => open_accepted(vehicle, case, received_at, set, effects),
        ReviewAnswer::Dismiss => refuse(vehicle, &[case]),
    }
}

fn refuse(vehicle: &mut Vehicle, cases: &[Uuid]) {
    for case in vehicle.cases.iter_mut().filter(|case| cases.contains(&case.id)) {
        case.proposal = Proposal::Refused { at: case.severity };
    }
}

fn move_order(
    vehicle: &mut Vehicle,
    order: Uuid,
    event: &OrderMove,
    effective_at: Time,
    received_at: Time,
    set: &RuleSet,
    effects: &mut Effects,
) {
    let Some(place) = vehicle.visits.iter().position(|visit| visit.order == order) else { return };
    if let OrderMove::CheckedIn = event {
        vehicle.visits[place].checked_in = true;
        return;
    }
    // The visit is over: its cases are planned for again, unless people said no to them.
    let visit = vehicle.visits.remove(place);
    for case in vehicle.cases.iter_mut().filter(|case| visit.cases.contains(&case.id)) {
        case.proposal = Proposal::Nothing;
    }
    match event {
        OrderMove::Declined => refuse(vehicle, &visit.cases),
        OrderMove::Closed { delivered, odometer_km } => {
            for component in delivered {
                if let Some(item) = component.as_str().strip_prefix("service.") {
                    let km = odometer_km.unwrap_or(vehicle.odometer.km);
                    service_done(vehicle, item, km, effective_at, set);
                }
                replaced(
                    vehicle,
                    component,
                    effective_at,
                    &Text::new("已在本次到店维修", "repaired at the visit"),
                    received_at,
                    set,
                    effects,
                );
            }
        }
        OrderMove::CheckedIn | OrderMove::Cancelled | OrderMove::Expired => {}
    }
}

/// Closes the component's cases and forgets what was learned; older readings no longer count.
fn replaced(
    vehicle: &mut Vehicle,
    component: &Component,
    at: Time,
    because: &Text,
    received_at: Time,
    set: &RuleSet,
    effects: &mut Effects,
) {
    let over = |case: &&Case| component.same_branch(&case.component);
    let cases: Vec<Uuid> = vehicle.cases.iter().filter(over).map(|case| case.id).collect();
    for case in cases {
        close_case(vehicle, case, at, because, received_at, effects);
    }
    vehicle.watches.reset(component, set);
    vehicle.estimates.restart(component);
    vehicle.faults.retain(|cycle| !component.same_branch(&cycle.component) || cycle.last_at > at);
    vehicle.healed.retain(|healed| !component.same_branch(&healed.component));
    vehicle.resets.retain(|(reset, _)| reset != component);
    vehicle.resets.push((component.clone(), at));
}

/// Nothing goes on without the readings behind it. Nobody is told: that a fault is gone would not be true.
fn erase(vehicle: &mut Vehicle, received_at: Time, effects: &mut Effects) {
    let because = Text::new("车辆数据已删除", "what the vehicle said was erased");
    let at = vehicle.newest.max(Time::from_micros(0));
    let open: Vec<(Uuid, Proposal)> = vehicle.cases.iter().map(|case| (case.id, case.proposal)).collect();
    for (case, proposal) in open {
        close_case(vehicle, case, at, &because, received_at, effects);
        if let Proposal::Ordered { order } = proposal {
            effects.written.push(Effect::CancelOrFlagOrder { order, case, because: because.clone() });
        }
    }
}

fn service_done(vehicle: &mut Vehicle, item: &str, odometer_km: f64, at: Time, set: &RuleSet) {
    let newest = vehicle.newest.max(at);
    vehicle.estimates.usage.anchor(item, odometer_km, at, set.catalogue.item_codes());
    service::judge(vehicle, newest, set);
}

/// Marks notices that the vehicle reports as seen.
pub fn seen(notices: &[Uuid], at: Time, effects: &mut Effects) {
    if !notices.is_empty() {
        effects.written.push(Effect::Seen { notices: notices.to_vec(), at });
    }
}
