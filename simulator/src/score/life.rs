//! One simulated vehicle before the core: its messages, in the bytes of the wire, through admission and recipe,
//! and what came of them.

use std::collections::{BTreeMap, BTreeSet};

use ingest::admit::{Admission, Envelope};
use ingest::topic;
use rules::author::trial::Trial;
use rules::entry::rule::Mode;
use rules::rule_set::RuleSet;
use rules::stage::effect::{CaseEffect, Effect, Effects, FindingEffect, NoticeEffect, OrderEffect};
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::unit::{Locale, Severity, Span, Time};
use rules::vehicle::{Contact, Particulars, Profile, Purpose, What};
use uuid::Uuid;

use crate::delivery::Message;
use crate::frame::Frame;
use crate::model::Specification;

/// How many messages a vehicle keeps without their being committed.
const WINDOW: u64 = 512;

/// A case that was opened and not withdrawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub component: String,
    /// The rule that opened it.
    pub rule: String,
    pub severity: Severity,
    pub opened_at: Time,
    /// When the reading arrived that opened it.
    pub received_at: Time,
}

/// An order that the engine opened by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub at: Time,
    pub severity: Severity,
    /// The case it was opened for.
    pub case: Option<Uuid>,
}

/// Everything that came of a life.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub cases: BTreeMap<Uuid, Case>,
    pub orders: BTreeMap<Uuid, Order>,
    /// When the first finding of S1 was made, and when its reading arrived.
    pub stopped: Option<(Time, Time)>,
    /// To owners; before caps and quiet hours.
    pub notices: u64,
    /// Findings by rule, shadow rules too.
    pub fired: BTreeMap<String, u64>,
    /// When each trip began, as the core saw it.
    pub trips: Vec<Time>,
    pub messages: u64,
    pub refused: u64,
}

impl Log {
    /// Cases about faults; service that falls due is none.
    pub fn faults(&self) -> impl Iterator<Item = &Case> {
        self.cases.values().filter(|case| !case.component.starts_with("service."))
    }

    /// Orders that were opened for a fault, with its component.
    pub fn fault_orders(&self) -> impl Iterator<Item = (&Order, &Case)> {
        let cases = |order: &Order| order.case.and_then(|case| self.cases.get(&case));
        self.orders
            .values()
            .filter_map(move |order| cases(order).map(|case| (order, case)))
            .filter(|(_, case)| !case.component.starts_with("service."))
    }
}

/// A vehicle that is heard.
pub struct Life<'a> {
    set: &'a RuleSet,
    trial: Trial,
    admission: Admission,
    effects: Effects,
    bounds: Bounds,
    seq: u64,
    pub log: Log,
}

impl<'a> Life<'a> {
    pub fn new(spec: &Specification, set: &'a RuleSet) -> Self {
        Self::of(spec.id.clone(), profile(spec), set)
    }

    pub fn of(id: rules::vehicle::VehicleId, profile: Profile, set: &'a RuleSet) -> Self {
        let bounds = Bounds::default();
        Self {
            set,
            trial: Trial::new(Vehicle::new(id, profile, set), set, &bounds),
            admission: Admission::new(&set.catalogue.signals),
            effects: Effects::default(),
            bounds,
            seq: 0,
            log: Log::default(),
        }
    }

    pub const fn vehicle(&self) -> &Vehicle {
        &self.trial.vehicle
    }

    pub const fn set(&self) -> &'a RuleSet {
        self.set
    }

    /// By rule in scope: the share of the times it was asked that it knew.
    pub fn ready(&self) -> BTreeMap<String, f64> {
        let count = |of: &[u32], rule: usize| of.get(rule).copied().map_or(0.0, f64::from);
        let vehicle = &self.trial.vehicle;
        let mut counts: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for rule in self.set.in_mask(self.set.scope_of(&vehicle.id, &vehicle.profile)) {
            let place = usize::from(rule.no.0);
            let own = counts.entry(rule.source.key.clone()).or_default();
            own.0 += count(&self.effects.ready, place);
            own.1 += count(&self.effects.ready, place) + count(&self.effects.not_ready, place);
        }
        counts.into_iter().map(|(rule, (knew, asked))| (rule, if asked > 0.0 { knew / asked } else { 0.0 })).collect()
    }

    /// Takes frames that the vehicle sends as one message when the last of them was measured.
    pub fn hear(&mut self, frames: Vec<Frame>) {
        let Some(received_at) = frames.last().map(|frame| frame.at) else { return };
        self.seq += 1;
        let oldest = self.seq.saturating_sub(WINDOW - 1).max(1);
        let message = Message { stream: 1, seq: self.seq, oldest, frames, seen: Vec::new() };
        self.hear_bytes(&message.into_upload().to_json(), received_at);
    }

    /// Takes a payload as it arrived.
    pub fn hear_bytes(&mut self, payload: &[u8], received_at: Time) {
        self.log.messages += 1;
        let vehicle = &self.trial.vehicle;
        let topic = topic::telemetry(vehicle.id.as_str());
        let envelope = Envelope { topic: &topic, client: None, vehicle: Some(&vehicle.id), payload, received_at };
        match self.admission.admit(&envelope, Some(&vehicle.profile), &mut self.effects.shelf) {
            Ok(admitted) => {
                self.trial.take(What::Message(admitted.message), self.set, &self.bounds, &mut self.effects);
            }
            Err(_) => self.log.refused += 1,
        }
        if self.trial.vehicle.segment.trip as usize > self.log.trips.len() {
            self.log.trips.push(received_at);
        }
        self.collect();
    }

    /// Lets time pass without a message.
    pub fn wait(&mut self, until: Time) {
        self.trial.pass_time(until + Span::from_micros(1), self.set, &self.bounds, &mut self.effects);
        self.collect();
    }

    fn collect(&mut self) {
        for effect in self.effects.written.drain(..) {
            match effect {
                Effect::Case(CaseEffect::Open {
                    case,
                    component,
                    rule,
                    severity,
                    opened_at,
                    received_at,
                    mode: Mode::Live,
                    ..
                }) => {
                    let component = component.to_string();
                    self.log.cases.insert(case, Case { component, rule, severity, opened_at, received_at });
                }
                Effect::Case(CaseEffect::End { case, withdrawn: true, .. }) => {
                    self.log.cases.remove(&case);
                }
                Effect::Order(OrderEffect::Propose { order, severity, opened_at, .. }) => {
                    self.log.orders.insert(order, Order { at: opened_at, severity, case: None });
                }
                Effect::Order(OrderEffect::AddLine { order, case, .. }) => {
                    if let Some(own) = self.log.orders.get_mut(&order) {
                        own.case.get_or_insert(case);
                    }
                }
                Effect::Finding(FindingEffect::Open { rule, severity, at, .. }) => {
                    if severity == Severity::S1 {
                        self.log.stopped.get_or_insert((at, self.trial.vehicle.received));
                    }
                    *self.log.fired.entry(rule).or_default() += 1;
                }
                Effect::Notice(NoticeEffect::Enqueue(notice)) => self.log.notices += u64::from(notice.person.is_some()),
                _ => {}
            }
        }
        self.effects.clear();
    }
}

/// What the core is told of a simulated vehicle.
pub fn profile(spec: &Specification) -> Profile {
    Profile::new(Particulars {
        model: spec.model.key.to_owned(),
        model_year: 2024,
        powertrain: spec.model.powertrain,
        region: String::new(),
        software: String::new(),
        tier: String::new(),
        dealer: Uuid::nil(),
        owner: Some(Contact { person: Uuid::from_u128(u128::from(spec.number) + 1), locale: Locale::En }),
        consents: BTreeSet::from([Purpose::Diagnostics, Purpose::Maintenance]),
        allowed: None,
        delivered_at: spec.delivered_at,
        attributes: spec.attributes.clone().into(),
    })
}
