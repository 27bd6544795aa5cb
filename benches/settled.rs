//! Vehicles as they are after days of simulated life, through admission and the recipe, without a store.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use engine::journal;
use ingest::admit::{Admission, Envelope};
use rules::catalogue::Catalogue;
use rules::effect::Effects;
use rules::reading::What;
use rules::recipe::{take, wake};
use rules::rule_set::RuleSet;
use rules::state::Vehicle;
use rules::state::settle::Bounds;
use rules::time::{Span, Time};
use rules::vehicle::{Profile, Purpose};
use simulator::fleet::FleetPlan;
use simulator::model::Specification;
use uuid::Uuid;

const SEED: u64 = 42;
/// 2026-09-01T00:00:00Z.
const START: Time = Time::from_secs(1_788_220_800);

/// A settled fleet.
pub struct Settled {
    pub set: Arc<RuleSet>,
    pub vehicles: Vec<Vehicle>,
    pub messages: u64,
}

impl Settled {
    /// Lets a mixed fleet of healthy vehicles live for some days and settles everything it says.
    pub fn simulate(count: u32, days: i64, dealer: Uuid) -> anyhow::Result<Self> {
        let set = journal::rule_set(Arc::new(Catalogue::builtin()?)).context("compiling the rules")?;
        let mut plan = FleetPlan::new(SEED, count, START);
        plan.end = Some(START + Span::from_days(days));
        let admission = Admission::new(&set.catalogue.signals);
        let bounds = Bounds::default();
        let vehicles = plan.build()?.iter().map(|vehicle| newborn(&vehicle.spec, dealer, &set)).collect();
        let mut settled = Self { set, vehicles, messages: 0 };
        let mut effects = Effects::default();
        for delivery in plan.deliveries()? {
            let Some(vehicle) = settled.vehicles.get_mut(delivery.number as usize) else { continue };
            pass_time(vehicle, delivery.due, &settled.set, &bounds, &mut effects);
            let topic = ingest::topic::telemetry(vehicle.id.as_str());
            let payload = delivery.encode();
            let envelope = Envelope { topic: &topic, client: None, payload: &payload, received_at: delivery.due };
            let admitted =
                admission.admit(&envelope, Some(&vehicle.profile)).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
            effects = Effects::default();
            take(vehicle, What::Message(admitted.message), &settled.set, &bounds, &mut effects);
            settled.messages += 1;
        }
        Ok(settled)
    }
}

/// Gives the vehicle every timer it asked for before `to`, as its lane would.
fn pass_time(vehicle: &mut Vehicle, to: Time, set: &RuleSet, bounds: &Bounds, effects: &mut Effects) {
    while let Some(at) = wake(vehicle, set, bounds).filter(|at| *at < to) {
        let at = at.max(vehicle.received);
        take(vehicle, What::Timer { at }, set, bounds, effects);
        if wake(vehicle, set, bounds).is_some_and(|next| next <= at) {
            break;
        }
    }
}

fn newborn(spec: &Specification, dealer: Uuid, set: &RuleSet) -> Vehicle {
    let profile = Profile {
        model: spec.model.key.to_owned(),
        model_year: 2024,
        powertrain: spec.model.powertrain,
        region: String::new(),
        dealer,
        owner: None,
        consents: BTreeSet::from([Purpose::Maintenance, Purpose::Diagnostics]),
        allowed: None,
        delivered_at: spec.delivered_at,
        attributes: spec.attributes.clone().into(),
    };
    Vehicle::new(spec.id.clone(), profile, set)
}
