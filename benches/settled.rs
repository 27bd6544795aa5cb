//! Vehicles as they are after days of simulated life, through admission and the recipe, without a store.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use engine::history::journal;
use ingest::admit::{Admission, Envelope};
use rules::author::trial::Trial;
use rules::catalogue::Catalogue;
use rules::rule_set::RuleSet;
use rules::stage::effect::Effects;
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::unit::{Span, Time};
use rules::vehicle::{Message, Particulars, Profile, Purpose, What};
use simulator::fleet::FleetPlan;
use simulator::model::Specification;
use uuid::Uuid;

const SEED: u64 = 42;
/// 2026-09-01T00:00:00Z.
const START: Time = Time::from_secs(1_788_220_800);

/// What a fleet says in some days: vehicle, payload, and the message it is admitted as.
pub struct Day {
    pub messages: Vec<(usize, Vec<u8>, Message)>,
}

/// A settled fleet.
pub struct Settled {
    pub set: Arc<RuleSet>,
    pub vehicles: Vec<Vehicle>,
    pub messages: u64,
}

impl Settled {
    /// Lets a mixed fleet of healthy vehicles live for some days and settles everything it says;
    /// what it says in the `next` days is admitted only.
    pub fn simulate(
        catalogue: Catalogue,
        count: u32,
        days: i64,
        next: i64,
        dealer: Uuid,
    ) -> anyhow::Result<(Self, Day)> {
        let set = journal::rule_set(Arc::new(catalogue)).context("compiling the rules")?;
        let mut plan = FleetPlan::new(SEED, count, START);
        let until = START + Span::from_days(days);
        plan.end = Some(until + Span::from_days(next));
        let mut day = Day { messages: Vec::new() };
        let admission = Admission::new(&set.catalogue.signals);
        let bounds = Bounds::default();
        let newborn = |spec| Trial::new(newborn(spec, dealer, &set), &set, &bounds);
        let mut trials: Vec<Trial> = plan.build()?.iter().map(|vehicle| newborn(&vehicle.spec)).collect();
        let mut settled = Self { set: Arc::clone(&set), vehicles: Vec::new(), messages: 0 };
        let mut effects = Effects::default();
        for delivery in plan.deliveries()? {
            let Some(trial) = trials.get_mut(delivery.number as usize) else { continue };
            let vehicle = &trial.vehicle;
            let topic = ingest::topic::telemetry(vehicle.id.as_str());
            let payload = delivery.encode();
            let received_at = delivery.due;
            let envelope = Envelope { topic: &topic, client: None, vehicle: None, payload: &payload, received_at };
            let admitted = admission
                .admit(&envelope, Some(&vehicle.profile), &mut effects.shelf)
                .map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
            if delivery.due >= until {
                day.messages.push((delivery.number as usize, payload, admitted.message));
                continue;
            }
            effects.clear();
            trial.take(What::Message(admitted.message), &set, &bounds, &mut effects);
            settled.messages += 1;
        }
        settled.vehicles = trials.into_iter().map(|trial| trial.vehicle).collect();
        Ok((settled, day))
    }
}

fn newborn(spec: &Specification, dealer: Uuid, set: &RuleSet) -> Vehicle {
    let profile = Profile::new(Particulars {
        model: spec.model.key.to_owned(),
        model_year: 2024,
        powertrain: spec.model.powertrain,
        region: String::new(),
        software: String::new(),
        tier: String::new(),
        dealer,
        owner: None,
        consents: BTreeSet::from([Purpose::Maintenance, Purpose::Diagnostics]),
        allowed: None,
        delivered_at: spec.delivered_at,
        attributes: spec.attributes.clone().into(),
    });
    Vehicle::new(spec.id.clone(), profile, set)
}
