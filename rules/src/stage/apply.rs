//! apply: a Command of a person or a job to the vehicle's state.

use uuid::Uuid;

use crate::case::{Case, Proposal};
use crate::stage::effect::{Effect, Effects, NoticeEffect, OrderEffect};
use crate::stage::scope::StepScope;
use crate::stage::service;
use crate::unit::{Text, Time};
use crate::vehicle::{Command, Component, OrderMove, ReviewAnswer};

/// Applies a command. Registration of a vehicle that did not exist is the lane's, because there is no state to apply
/// it to.
pub fn apply(scope: &mut StepScope<'_>, command: &Command) {
    let (vehicle, set) = (&mut *scope.vehicle, scope.set);
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
        Command::Review { case, answer: ReviewAnswer::Accept } => scope.open_accepted(*case),
        Command::Review { case, answer: ReviewAnswer::Dismiss } => scope.refuse(&[*case]),
        Command::Order { order, event, effective_at } => scope.move_order(*order, event, *effective_at),
        Command::CloseCase { case, why } => {
            let at = vehicle.newest.max(Time::from_micros(0));
            // A person's own words stand in every language.
            scope.close(*case, at, &Text::new(why, why));
        }
        Command::Snooze { case, until } => {
            vehicle.snoozed.retain(|(snoozed, _)| snoozed != case);
            vehicle.snoozed.push((*case, *until));
        }
        Command::Replaced { component, effective_at } => {
            scope.replace(component, *effective_at, &Text::new("零件已更换", "the part was replaced"));
        }
        Command::ServiceDone { item, odometer_km, effective_at } => {
            scope.service_done(item, *odometer_km, *effective_at);
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
        Command::Erase => scope.erase(),
        Command::OdometerReplaced { odometer_km, .. } => {
            if vehicle.odometer.km.is_finite() {
                vehicle.odometer.offset_km = vehicle.odometer.km - odometer_km;
            }
        }
    }
}

impl StepScope<'_> {
    fn refuse(&mut self, cases: &[Uuid]) {
        for case in self.vehicle.cases.iter_mut().filter(|case| cases.contains(&case.id)) {
            case.proposal = Proposal::Refused { at: case.severity };
        }
    }

    fn move_order(&mut self, order: Uuid, event: &OrderMove, effective_at: Time) {
        let Some(place) = self.vehicle.visits.iter().position(|visit| visit.order == order) else { return };
        if let OrderMove::CheckedIn = event {
            self.vehicle.visits[place].checked_in = true;
            return;
        }
        // The visit is over: its cases are planned for again, unless people said no to them.
        let visit = self.vehicle.visits.remove(place);
        for case in self.vehicle.cases.iter_mut().filter(|case| visit.cases.contains(&case.id)) {
            case.proposal = Proposal::Nothing;
        }
        match event {
            OrderMove::Declined => self.refuse(&visit.cases),
            OrderMove::Closed { delivered, odometer_km } => {
                for component in delivered {
                    if let Some(item) = component.as_str().strip_prefix("service.") {
                        let km = odometer_km.unwrap_or(self.vehicle.odometer.km);
                        self.service_done(item, km, effective_at);
                    }
                    self.replace(component, effective_at, &Text::new("已在本次到店维修", "repaired at the visit"));
                }
            }
            OrderMove::CheckedIn | OrderMove::Cancelled | OrderMove::Expired => {}
        }
    }

    /// Closes the component's cases and forgets what was learned; older readings no longer count.
    fn replace(&mut self, component: &Component, at: Time, because: &Text) {
        let is_over = |case: &&Case| component.same_branch(&case.component);
        let cases: Vec<Uuid> = self.vehicle.cases.iter().filter(is_over).map(|case| case.id).collect();
        for case in cases {
            self.close(case, at, because);
        }
        let vehicle = &mut *self.vehicle;
        vehicle.watches.reset(component, self.set);
        vehicle.estimates.restart(component);
        vehicle.faults.retain(|cycle| !component.same_branch(&cycle.component) || cycle.last_at > at);
        vehicle.healed.retain(|healed| !component.same_branch(&healed.component));
        vehicle.resets.retain(|(reset, _)| reset != component);
        vehicle.resets.push((component.clone(), at));
    }

    /// Nothing goes on without the readings behind it. No notice goes out: that a fault is gone would not be true.
    fn erase(&mut self) {
        let because = Text::new("车辆数据已删除", "what the vehicle said was erased");
        let at = self.vehicle.newest.max(Time::from_micros(0));
        let open: Vec<(Uuid, Proposal)> = self.vehicle.cases.iter().map(|case| (case.id, case.proposal)).collect();
        for (case, proposal) in open {
            self.close(case, at, &because);
            if let Proposal::Ordered { order } = proposal {
                self.write(Effect::Order(OrderEffect::CancelOrFlag { order, case, because: because.clone() }));
            }
        }
    }

    fn service_done(&mut self, item: &str, odometer_km: f64, at: Time) {
        let newest = self.vehicle.newest.max(at);
        self.vehicle.estimates.usage.anchor(item, odometer_km, at, self.set.catalogue.item_codes());
        service::judge(self.vehicle, newest, self.set);
    }
}

/// Marks notices that the vehicle reports as seen.
pub fn seen(notices: &[Uuid], at: Time, effects: &mut Effects) {
    if !notices.is_empty() {
        effects.written.push(Effect::Notice(NoticeEffect::Seen { notices: notices.to_vec(), at }));
    }
}
